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
    """Takes the media messages of one stream; `base_ms` is the time of sample 0, where it is known."""

    def __init__(self, media_format: MediaFormat = MULAW, *, base_ms: float | None = None) -> None:
        self._decode = decoder(media_format)
        self._rate = media_format.sample_rate
        self._stereo = media_format.channels == 2
        self.base_ms = base_ms
        self._chunk = 0  # samples in one, by the first that came
        self._offsets: dict[Track, int] = {}  # where chunk 1 of a track stands
        self._ends: dict[Track, int] = {}

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
        self._chunk = self._chunk or len(samples) // 2
        if self.base_ms is None:
            self.base_ms = float(media.timestamp_ms)
        before = (media.chunk - 1) * self._chunk
        if track not in self._offsets:
            began_ms = media.timestamp_ms - before * 1000 / self._rate
            chunks = (began_ms - self.base_ms) * self._rate / 1000 / max(1, self._chunk)
            self._offsets[track] = round(chunks) * self._chunk
        at = self._offsets[track] + before
        most = self._ends.get(track, 0) + MAX_AHEAD_S * self._rate
        if at > most:
            self._offsets[track] -= at - most
            at = most
        if at >= 0:
            self._ends[track] = max(self._ends.get(track, 0), at + len(samples) // 2)
            yield Placed(track=track, at=at, samples=samples)
