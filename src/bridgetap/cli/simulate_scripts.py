"""From the command line's words to what the two simulated phones do. Pure."""

from collections.abc import Sequence
from pathlib import Path

from bridgetap.phone import Answer, HangUp, Play, Reject, Ring, SendDigits, Step, UntilHungUp, Wait
from bridgetap.phone import Script as PhoneScript
from bridgetap.simulator import DialAnswer, KeyPress

KEY_S = 0.17  # 100 ms a key and 70 ms after it
RING_S = 1.0
FOR_EVER_S = 4 * 3600.0
BUSY, FAILED = 486, 500


def caller_script(*, wav: Path, wav_s: float, digits: Sequence[KeyPress], hangup_at_s: float | None) -> PhoneScript:
    """Say the file and press the keys at their times: speech stops while a key is pressed, as on a
    telephone, and what was not said by then is not made up for. Then listen until the end."""
    steps: list[Step] = []
    now_s = 0.0
    for press in digits:
        if hangup_at_s is not None and press.at_s >= hangup_at_s:
            break
        now_s = _until(press.at_s, now_s, wav, wav_s, steps)
        steps.append(SendDigits(digits=press.digits))
        now_s += KEY_S * len(press.digits)
    if hangup_at_s is not None:
        _until(hangup_at_s, now_s, wav, wav_s, steps)
        steps.append(HangUp())
    else:
        if now_s < wav_s:
            steps.append(Play(path=wav, from_s=now_s))
        steps.append(UntilHungUp(at_most_s=FOR_EVER_S))
    return tuple(steps)


def callee_script(answer: DialAnswer, *, wav: Path | None, talk_given: bool) -> PhoneScript:
    """How the called phone takes one call. With a file it speaks, and hangs up when it has spoken
    unless a time of talk was given."""
    match answer.status:
        case "completed" | "answered":
            steps: list[Step] = [Ring(seconds=RING_S), Answer()]
            if wav is not None:
                steps.append(Play(path=wav, wait=not talk_given))
            if wav is None or talk_given:
                steps.append(UntilHungUp(at_most_s=answer.talk_s))
            return (*steps, HangUp())
        case "busy":
            return (Reject(status=BUSY, reason="Busy Here"),)
        case "failed":
            return (Reject(status=FAILED, reason="Server Internal Error"),)
        case "no-answer" | "canceled":
            return (Ring(seconds=FOR_EVER_S),)


def _until(at_s: float, now_s: float, wav: Path, wav_s: float, steps: list[Step]) -> float:
    """Speak, then wait, until that moment."""
    if now_s < min(at_s, wav_s):
        steps.append(Play(path=wav, from_s=now_s, until_s=min(at_s, wav_s)))
        now_s = min(at_s, wav_s)
    if now_s < at_s:
        steps.append(Wait(seconds=at_s - now_s))
    return max(now_s, at_s)
