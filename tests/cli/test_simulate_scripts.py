"""What the simulated phones do, from the command line's words."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridgetap.cli.simulate_scripts import callee_script, caller_script
from bridgetap.phone import Answer, HangUp, Play, Reject, Ring, Script, SendDigits, UntilHungUp, Wait
from bridgetap.simulator import DialAnswer, KeyPress

A, B = Path("a.wav"), Path("b.wav")
FOR_EVER = UntilHungUp(at_most_s=14_400.0)


@pytest.mark.parametrize(
    ("digits", "hangup_at_s", "script"),
    [
        ("", None, (Play(path=A), FOR_EVER)),
        (
            "1@2",
            None,
            (Play(path=A, until_s=2.0), SendDigits(digits="1"), Play(path=A, from_s=2.17), FOR_EVER),
        ),
        (
            "42@6",
            None,
            (Play(path=A, until_s=5.0), Wait(seconds=1.0), SendDigits(digits="42"), FOR_EVER),
        ),
        ("1@0,2@0", None, (SendDigits(digits="1"), SendDigits(digits="2"), Play(path=A, from_s=0.34), FOR_EVER)),
        ("", 3.0, (Play(path=A, until_s=3.0), HangUp())),
        ("1@4", 3.0, (Play(path=A, until_s=3.0), HangUp())),
        ("", 7.0, (Play(path=A, until_s=5.0), Wait(seconds=2.0), HangUp())),
    ],
)
def test_the_caller(digits: str, hangup_at_s: float | None, script: Script) -> None:
    presses = KeyPress.parse_list(digits)
    made = caller_script(wav=A, wav_s=5.0, digits=presses, hangup_at_s=hangup_at_s)
    assert [_rounded(step) for step in made] == [_rounded(step) for step in script]


def _rounded(step: object) -> str:
    """Steps as text, times to the millisecond."""
    if isinstance(step, Play):
        until = "end" if step.until_s is None else f"{step.until_s:.3f}"
        return f"play {step.path} {step.from_s:.3f} {until}"
    return f"wait {step.seconds:.3f}" if isinstance(step, Wait) else repr(step)


@given(
    st.lists(st.builds(KeyPress, digits=st.text("0123456789", min_size=1, max_size=3), at_s=st.floats(0, 20))),
    st.floats(0.1, 10),
)
def test_keys_come_in_order_and_never_before_their_time(presses: list[KeyPress], wav_s: float) -> None:
    ordered = sorted(presses, key=lambda press: press.at_s)
    now_s, sent = 0.0, []
    for step in caller_script(wav=A, wav_s=wav_s, digits=ordered, hangup_at_s=None):
        match step:
            case Play(until_s=None):
                now_s = max(now_s, wav_s)
            case Play():
                assert step.until_s is not None
                assert step.until_s > step.from_s
                now_s += step.until_s - step.from_s
            case Wait():
                now_s += step.seconds
            case SendDigits():
                sent.append((step.digits, now_s))
                now_s += 0.17 * len(step.digits)
    assert [digits for digits, _ in sent] == [press.digits for press in ordered]
    assert all(at_s >= press.at_s - 1e-6 for (_, at_s), press in zip(sent, ordered, strict=True))


@pytest.mark.parametrize(
    ("words", "wav", "script"),
    [
        ("completed", B, (Ring(seconds=1.0), Answer(), Play(path=B), HangUp())),
        (
            "completed:12",
            B,
            (Ring(seconds=1.0), Answer(), Play(path=B, wait=False), UntilHungUp(at_most_s=12), HangUp()),
        ),
        ("completed:12", None, (Ring(seconds=1.0), Answer(), UntilHungUp(at_most_s=12), HangUp())),
        ("busy", B, (Reject(status=486, reason="Busy Here"),)),
        ("failed", B, (Reject(status=500, reason="Server Internal Error"),)),
        ("no-answer", B, (Ring(seconds=14_400.0),)),
        ("canceled", B, (Ring(seconds=14_400.0),)),
    ],
)
def test_the_callee(words: str, wav: Path | None, script: Script) -> None:
    assert callee_script(DialAnswer.parse(words), wav=wav, talk_given=":" in words) == script
