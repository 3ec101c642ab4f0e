"""A synthetic voice in µ-law: vowels of a gliding pitch, in syllables, with pauses. Pure.

It is no speech, but it has speech's levels, pitch and rhythm, so that meters and detectors of
voice at the far end have something to do.
"""

from array import array
from functools import cache
from math import pi, sin
from sys import byteorder

from bridgetap.receiver import encode_ulaw

RATE = 8000
CHUNK, CHUNK_MS = 160, 20
_SYLLABLE = 1760  # samples: 0.22 s
_VOWELS = ((730, 1090), (270, 2290), (570, 840), (300, 870), (530, 1840))  # first two formants, in Hz
_PITCHES = (1.0, 1.06, 1.1, 1.03, 0.97, 0.92)  # a sentence falls
_PAUSE_EVERY = 6  # syllables


def chunks(*, seconds: float, pitch_hz: float) -> list[bytes]:
    """So many seconds, 160 bytes a chunk."""
    wanted = int(seconds * 50) * CHUNK
    coded = bytearray()
    for syllable in range(wanted // _SYLLABLE + 1):
        coded += encode_ulaw(_syllable(syllable, pitch_hz))
    return [bytes(coded[at : at + CHUNK]) for at in range(0, wanted, CHUNK)]


def _syllable(number: int, pitch_hz: float) -> bytes:
    """s16le; every sixth is a pause."""
    if number % _PAUSE_EVERY == _PAUSE_EVERY - 1:
        return bytes(2 * _SYLLABLE)
    period = _period(_VOWELS[number % len(_VOWELS)], pitch_hz * _PITCHES[number % len(_PITCHES)])
    samples = array("h", (int(5000 * sin(pi * n / _SYLLABLE) * period[n % len(period)]) for n in range(_SYLLABLE)))
    if byteorder == "big":
        samples.byteswap()
    return samples.tobytes()


@cache
def _period(formants: tuple[int, int], pitch_hz: float) -> list[float]:
    """One turn of the vocal cords: harmonics of the pitch, louder near the formants."""
    length = round(RATE / pitch_hz)
    turn = [0.0] * length
    for harmonic in range(1, int(3600 / pitch_hz)):
        hz = harmonic * RATE / length
        weight = 1 / (1 + ((hz - formants[0]) / 120) ** 2) + 0.5 / (1 + ((hz - formants[1]) / 160) ** 2) + 0.02
        for n in range(length):
            turn[n] += weight * sin(2 * pi * harmonic * n / length)
    loudest = max(map(abs, turn))
    return [value / loudest for value in turn]
