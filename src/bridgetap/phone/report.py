"""What came of a phone's call."""

from dataclasses import dataclass
from pathlib import Path

from bridgetap.engine import Cause, LegStats


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Something that happened, `at_s` seconds after the call began."""

    at_s: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The whole call, once it is over.

    `setup_ms` is from our INVITE to the 200 (or from theirs to our 200); None for a call that never
    was answered. `stats.lost` are the RTP sequence numbers that never came.
    """

    setup_ms: float | None
    duration_s: float
    cause: Cause
    status: int
    reason: str
    digits: str
    stats: LegStats | None
    heard: Path | None
    moments: tuple[Moment, ...]

    @property
    def answered(self) -> bool:
        return self.setup_ms is not None

    @property
    def gapless(self) -> bool:
        """Whether audio came, and no sequence number is missing."""
        return self.stats is not None and self.stats.packets_received > 0 and self.stats.lost == 0
