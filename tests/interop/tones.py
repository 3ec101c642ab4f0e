"""A tone for each party, so that a track shows whose voice it carries: written as audio, found again by its energy."""

import math
from collections.abc import Sequence

RATE = 8000
CALLER_HZ = 440
CALLEE_HZ = 1100


def tone(hz: int, seconds: float, *, level: float = 0.4) -> list[int]:
    """Mono s16 samples at 8 kHz."""
    step = 2 * math.pi * hz / RATE
    return [round(32767 * level * math.sin(step * n)) for n in range(round(seconds * RATE))]


def ulaw(samples: Sequence[int]) -> bytes:
    """G.711 µ-law (ITU-T G.711), one byte a sample."""
    return bytes(_ulaw_byte(sample) for sample in samples)


def _ulaw_byte(sample: int) -> int:
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), 32635) + 0x84
    exponent = max(magnitude.bit_length() - 8, 0)
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    return ~(sign | exponent << 4 | mantissa) & 0xFF


def share(samples: Sequence[int], hz: int) -> float:
    """How much of the energy is at that frequency, 0 to 1 (Goertzel)."""
    if not samples:
        return 0.0
    coefficient = 2 * math.cos(2 * math.pi * hz / RATE)
    before = last = 0.0
    for sample in samples:
        before, last = last, sample + coefficient * last - before
    power = last * last + before * before - coefficient * last * before
    energy = sum(sample * sample for sample in samples)
    return 0.0 if energy == 0 else min(1.0, 2 * power / (len(samples) * energy))


def heard(samples: Sequence[int], hz: int, *, slice_ms: int = 100) -> list[bool]:
    """For each slice of time, whether that tone is what is mostly heard."""
    size = RATE * slice_ms // 1000
    whole = len(samples) - len(samples) % size
    return [share(samples[at : at + size], hz) > 0.8 for at in range(0, whole, size)]


def longest(flags: Sequence[bool]) -> int:
    """Length of the longest run of True."""
    best = run = 0
    for flag in flags:
        run = run + 1 if flag else 0
        best = max(best, run)
    return best
