"""Whether a recording holds a sentence: found by how its loudness moves, proven by its waveform.

Two parties speak different sentences, so this tells which track carries whom, whatever a codec,
a resampler or a delay did on the way. Pure.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import sqrt
from operator import mul
from sys import byteorder

RATE = 8000
SAME, OTHER = 0.8, 0.5  # at least this much alike is the sentence, less than that is not
_FRAME = 160
_PIECE_FRAMES = 15  # 0.3 s of waveform
_AROUND = 2 * _FRAME  # how far off the loudness may have been


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Where a sentence is most likely, and how alike it is there: 1 is the same, 0 nothing in common."""

    at_s: float
    likeness: float


def find_sentence(track: bytes, sentence: bytes) -> Found:
    """Look for `sentence` in `track`; both mono s16le at 8 kHz."""
    heard, said = _samples(track), _samples(sentence)
    loud, wanted = _loudness(heard), _loudness(said)
    if not any(loud) or not any(wanted):
        return Found(at_s=0.0, likeness=0.0)
    frame = max(range(-len(wanted) // 2, len(loud)), key=lambda at: _alike(loud, wanted, at))
    piece_at = max(range(max(1, len(wanted) - _PIECE_FRAMES)), key=lambda at: sum(wanted[at : at + _PIECE_FRAMES]))
    piece = said[piece_at * _FRAME : (piece_at + _PIECE_FRAMES) * _FRAME]
    best_at, best = _best(heard, piece, (frame + piece_at) * _FRAME)
    return Found(at_s=(best_at - piece_at * _FRAME) / RATE, likeness=max(0.0, best))


def _best(heard: Sequence[int], piece: Sequence[int], centre: int) -> tuple[int, float]:
    """Where about `centre` the waveform of `piece` fits best, and how well."""
    size, first = len(piece), max(0, centre - _AROUND)
    around = heard[first : centre + _AROUND + size]
    sums, squares = [0, *accumulate(around)], [0, *accumulate(sample * sample for sample in around)]
    mean = sum(piece) / size
    power = sum(sample * sample for sample in piece) - size * mean**2
    best = (centre, 0.0)
    for at in range(len(around) - size):
        total = sums[at + size] - sums[at]
        here = power * (squares[at + size] - squares[at] - total * total / size)
        if here > 0:
            likeness = (sum(map(mul, around[at : at + size], piece)) - total * mean) / sqrt(here)
            best = max(best, (first + at, likeness), key=lambda found: found[1])
    return best


def _loudness(samples: Sequence[int]) -> list[float]:
    """The level of each 20 ms, as a root of the power: peaks do not drown the rest."""
    squares = [0, *accumulate(sample * sample for sample in samples)]
    whole = len(samples) // _FRAME
    return [sqrt(sqrt((squares[(n + 1) * _FRAME] - squares[n * _FRAME]) / _FRAME)) for n in range(whole)]


def _alike(loud: Sequence[float], wanted: Sequence[float], at: int) -> float:
    """How alike two curves of loudness are when `wanted` is laid at frame `at`; outside is silence."""
    part = [*([0.0] * -at), *loud[max(0, at) : at + len(wanted)]]
    part += [0.0] * (len(wanted) - len(part))
    return _normalised(part, wanted)


def _normalised(a: Sequence[float], b: Sequence[float]) -> float:
    """Correlation about the mean, -1 to 1."""
    count = len(a)
    mean_a, mean_b = sum(a) / count, sum(b) / count
    power = (sum(map(mul, a, a)) - count * mean_a**2) * (sum(map(mul, b, b)) - count * mean_b**2)
    return (sum(map(mul, a, b)) - count * mean_a * mean_b) / sqrt(power) if power > 0 else 0.0


def _samples(pcm: bytes) -> Sequence[int]:
    samples = array("h", pcm)
    if byteorder == "big":
        samples.byteswap()
    return samples
