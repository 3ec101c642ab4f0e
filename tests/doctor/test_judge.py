"""What the doctor says of a stream that it has watched: figures in, findings out."""

from typing import Any

import pytest

from bridgetap.doctor import Order, Severity, Step, StepResult
from bridgetap.doctor.frames import Close
from bridgetap.doctor.judge import judge
from bridgetap.doctor.session import Ended, Phase, Seen
from bridgetap.flow.stream_url import StreamUrl

ORDER = Order(url=StreamUrl(host="media.example.com"))
GOOD: dict[str, Any] = {
    "chunks": 250,
    "pings": 5,
    "answered": 5,
    "pongs": [0.004] * 5,
    "burst_s": 5.0,
    "burst_limit_s": 12.0,
    "burst_read_s": 0.01,
    "burst_left": 0.0,
    "read_by_pong": True,
    "stop_sent": True,
    "closed_by_itself_s": 0.1,
    "tcp_closed": True,
    "ended": Ended(phase=Phase.STOP, after_s=0.1, how=Close(1000, "")),
}
SILENT: dict[str, Any] = {"answered": 0, "pongs": [], "read_by_pong": False, "burst_s": 60.0, "burst_read_s": None}


def judged(step: Step, **changes: Any) -> StepResult:
    (result,) = [one for one in judge(Seen(**{**GOOD, **changes}), ORDER) if one.step is step]
    return result


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"answered": 0, "pongs": []}, ["none of 5 pings was answered within 3 s"]),
        ({"answered": 4, "pongs": [0.004] * 4}, ["1 of 5 pings was not answered within 3 s"]),
        ({"answered": 2, "pongs": [0.004] * 2}, ["3 of 5 pings were not answered within 3 s"]),
        ({"pongs": [0.004, 0.004, 0.004, 0.004, 2.34]}, ["a ping was answered only after 2.3 s"]),
        ({"answered": 5, "pongs": [0.004]}, []),  # one pong for all pings before it
        ({"pinged_us": 120}, ["the server sent 120 pings in about 5 s"]),  # the burst took no time
        ({"answered": 0, "pongs": [], "ended": Ended(phase=Phase.REAL_TIME, after_s=0.3, how="hangs up")}, []),
    ],
)
def test_pings_are_worth_a_warning_and_no_code(changes: dict[str, Any], said: list[str]) -> None:
    findings = judged(Step.PINGS, **changes).findings
    assert [one.text for one in findings] == said
    assert {(one.severity, one.code) for one in findings} <= {(Severity.WARNING, None)}


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({}, None, "reads more than 100 times real time"),
        ({"burst_read_s": 4.0}, "pace.barely", "reads 1.2 times real time"),
        ({"burst_read_s": 10.0}, "pace.slow", "reads 0.5 times real time"),
        ({"burst_read_s": None}, "pace.slow", "had not read 5 s of audio after 12 s"),
        ({"burst_read_s": None, "burst_left": 0.97}, "pace.stalls", "97% of 5 s of audio"),
        # Without pongs a minute is sent, and nobody waits for all of it: what counts is how much was taken.
        ({**SILENT, "burst_left_half_way": 0.5, "burst_left": 0.2}, None, "without pongs nobody sees"),
        ({**SILENT, "burst_left_half_way": 0.5, "burst_left": 0.38}, "pace.barely", "reads 1.2 times real time"),
        ({**SILENT, "burst_left_half_way": 0.5, "burst_left": 0.42}, "pace.slow", "reads 0.8 times real time"),
        ({**SILENT, "burst_left_half_way": 0.5, "burst_left": 0.5}, "pace.stalls", "50% of 60 s of audio"),
        ({**SILENT, "burst_left": 0.95}, "pace.stalls", "95% of 60 s of audio"),
    ],
)
def test_the_pace(changes: dict[str, Any], kind: str | None, words: str) -> None:
    result = judged(Step.PACE, **changes)
    assert [one.kind for one in result.findings] == ([kind] if kind else [])
    assert words in (result.findings[0].text if kind else result.detail)


@pytest.mark.parametrize(
    ("phase", "after_s", "words"),
    [
        (Phase.START, 0.001, "it closes the stream before any audio, with 1011: 'boom'"),
        (Phase.REAL_TIME, 0.34, "it closes the stream after 340 ms of audio in real time, with 1011: 'boom'"),
        (Phase.REAL_TIME, 3.21, "it closes the stream after 3.2 s of audio in real time, with 1011: 'boom'"),
        (
            Phase.BURST,
            0.02,
            "it closes the stream 20 ms after audio had begun to come faster",
        ),
    ],
)
def test_when_a_server_went_is_said_in_words(phase: Phase, after_s: float, words: str) -> None:
    (finding,) = judged(Step.STAYS, ended=Ended(phase=phase, after_s=after_s, how=Close(1011, "boom"))).findings
    assert finding.text.startswith(words)
