"""Where audio belongs in time: each message to its track, its samples and their place. Pure.

Everything is counted in samples from the first one that was heard, so that both tracks keep time with
each other whatever is missing, late or repeated.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from .coding import MULAW, decoder, split
from .messages import Media, MediaFormat, Track

MAX_AHEAD_S = 300  # a peer that jumps ahead by more is not believed: what it sends follows after that much


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Samples of one track, and where the first of them stands."""

    track: Track
    at: int
    samples: bytes = field(repr=False)

    @property
    def end(self) -> int:
        """Behind the last sample."""
        return self.at + len(self.samples) // 2


class Placing:
    """Takes the media messages of one stream; `base_ms` is the time of sample 0, where it is known, and
    `heard` how many samples were placed before this program began.

    A track's chunks follow each other without looking at their timestamps, which may jitter; when those
    say that more than 30 ms were left out (the sender skipped, because we were slow), they count.
    """

    def __init__(self, media_format: MediaFormat = MULAW, *, base_ms: float | None = None, heard: int = 0) -> None:
        self._decode = decoder(media_format)
        self._rate = media_format.sample_rate
        self._stereo = media_format.channels == 2
        self.base_ms = base_ms
        self._heard = heard
        self._next: dict[Track, _Next] = {}

    def place(self, media: Media) -> Iterator[Placed]:
        """One message: its track, or both where a message carries both."""
        samples = self._decode(media.payload)
        if self._stereo:
            left, right = split(samples)
            yield from self._placed("inbound", media, left)
            yield from self._placed("outbound", media, right)
        else:
            yield from self._placed(media.track, media, samples)

    def _placed(self, track: Track, media: Media, samples: bytes) -> Iterator[Placed]:
        """Nothing where it belongs before sample 0."""
        length = len(samples) // 2
        starts_ms = media.timestamp_ms - length * 1000 / self._rate
        if self.base_ms is None:
            self.base_ms = starts_ms
        by_time = round((starts_ms - self.base_ms) * self._rate / 1000)
        expected = self._next.get(track)
        if expected is None:
            at = by_time if abs(by_time) > self._rate * _TOGETHER_S else 0
        else:
            at = expected.at + (media.chunk - expected.chunk) * length
            at = by_time if abs(by_time - at) > self._rate * _LEFT_OUT_S else at
        furthest = expected.furthest if expected else self._heard
        at = min(at, furthest + MAX_AHEAD_S * self._rate)
        furthest = max(at + length, furthest)
        self._next[track] = _Next(chunk=media.chunk + 1, at=at + length, furthest=furthest)
        if at >= 0:
            yield Placed(track=track, at=at, samples=samples)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Next:
    """Where a track goes on: the chunk that is expected, and its place."""

    chunk: int
    at: int
    furthest: int


_TOGETHER_S = 0.01  # tracks that begin so near each other begin together
_LEFT_OUT_S = 0.03
