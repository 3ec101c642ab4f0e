"""The measuring tool is measured first: a wrong detector would pass any track."""

from .tones import CALLEE_HZ, CALLER_HZ, heard, longest, share, tone, ulaw


def test_a_tone_is_told_from_the_other_and_from_silence() -> None:
    caller, callee = tone(CALLER_HZ, 0.1), tone(CALLEE_HZ, 0.1)
    assert share(caller, CALLER_HZ) > 0.95
    assert share(caller, CALLEE_HZ) < 0.05
    assert share([0] * 800, CALLER_HZ) == 0
    mixed = [a + b for a, b in zip(caller, callee, strict=True)]
    assert share(mixed, CALLER_HZ) < 0.8


def test_a_gap_ends_a_run() -> None:
    samples = [*tone(CALLER_HZ, 1), *[0] * 1600, *tone(CALLER_HZ, 0.5)]
    assert longest(heard(samples, CALLER_HZ)) == 10


def test_ulaw_has_the_known_corners() -> None:
    assert ulaw([0, 32767, -32768]) == b"\xff\x80\x00"
