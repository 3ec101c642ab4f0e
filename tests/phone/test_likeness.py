"""Which sentence a recording holds, after all that a call does to it."""

import random
from array import array

import pytest

from bridgetap.phone import CALLEE_WAV, CALLER_WAV
from bridgetap.phone.likeness import OTHER, SAME, find_sentence
from bridgetap.receiver import decode_ulaw
from bridgetap.voice import decode_audio

CALLER = decode_audio(CALLER_WAV.read_bytes(), rate=8000, source="caller").samples
CALLEE = decode_audio(CALLEE_WAV.read_bytes(), rate=8000, source="callee").samples


def through_ulaw(pcm: bytes, gain: float = 1.0) -> bytes:
    """As it comes out of a G.711 call: every sample the nearest that µ-law has."""
    table = sorted(set(array("h", decode_ulaw(bytes(range(256))))))
    nearest: dict[int, int] = {}
    out = array("h")
    for sample in array("h", pcm):
        value = round(sample * gain)
        if value not in nearest:
            nearest[value] = min(table, key=lambda known: abs(known - value))
        out.append(nearest[value])
    return out.tobytes()


def noise(seconds: float, level: int, seed: int = 1) -> bytes:
    dice = random.Random(seed)
    return array("h", [dice.randint(-level, level) for _ in range(round(8000 * seconds))]).tobytes()


@pytest.mark.parametrize(("said", "other"), [(CALLER, CALLEE), (CALLEE, CALLER)])
@pytest.mark.parametrize("delay_s", [0.0, 1.0, 2.3456])
def test_a_sentence_is_found_where_it_was_said_and_the_other_is_not(said: bytes, other: bytes, delay_s: float) -> None:
    track = noise(delay_s, 30) + through_ulaw(said, gain=0.5) + noise(0.7, 30, seed=2)
    found = find_sentence(track, said)
    assert found.likeness > 0.95
    assert found.at_s == pytest.approx(delay_s, abs=0.001)
    assert find_sentence(track, other).likeness < OTHER


def test_a_sentence_that_began_before_the_recording_is_found() -> None:
    found = find_sentence(CALLER[2 * 8000 :], CALLER)
    assert found.likeness > SAME
    assert found.at_s == pytest.approx(-1.0, abs=0.001)


@pytest.mark.parametrize("track", [b"", bytes(32_000), noise(5, 3000)])
def test_silence_and_noise_hold_no_sentence(track: bytes) -> None:
    assert find_sentence(track, CALLER).likeness < OTHER


def test_mixed_voices_are_told_from_one_alone() -> None:
    mixed = array("h", [(a + b) // 2 for a, b in zip(array("h", CALLER), array("h", CALLEE), strict=False)]).tobytes()
    assert find_sentence(mixed, CALLER).likeness > OTHER or find_sentence(mixed, CALLEE).likeness > OTHER
