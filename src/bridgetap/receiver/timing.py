"""How late chunks came: each arrival against the stream's own clock. Pure: times in, figures out."""

from collections import deque

LATE_MS = 100.0  # a sender may hold silence back for 60 to 80 ms, until it knows that nothing comes
_KEPT = 6000  # two minutes of one track: percentiles are of these


class Lateness:
    """A chunk's lateness is how much longer it took than the quickest chunk so far, so it needs no
    common clock with the sender; it is 0 on a perfect line."""

    def __init__(self) -> None:
        self._offsets: deque[float] = deque(maxlen=_KEPT)
        self._quickest: float | None = None
        self.late = 0

    def take(self, timestamp_ms: int, now: float) -> None:
        """Note a chunk that was due at `timestamp_ms` of the stream and came at `now` seconds."""
        offset = now * 1000 - timestamp_ms
        self._quickest = offset if self._quickest is None else min(self._quickest, offset)
        self._offsets.append(offset)
        self.late += offset - self._quickest > LATE_MS

    def percentile_ms(self, percent: float) -> float:
        """The lateness that `percent` per cent of the chunks did not exceed; 0 before the first."""
        if self._quickest is None:
            return 0.0
        ordered = sorted(self._offsets)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] - self._quickest
