"""One recording as a value: what was sent, what was wrong with it, and what is on disk."""

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_bytes

from bridgetap.engine import CallEnded, Headers, LegHandle, LegStats
from bridgetap.sdp.crypto import KEY_LENGTH

MAX_FAULTS = 100  # a peer that does everything wrong for hours; the rest is only counted


@dataclass(slots=True)
class Track:
    """One line that is recorded."""

    label: str
    wav: Path
    leg: LegHandle
    key: bytes = field(default_factory=lambda: token_bytes(KEY_LENGTH), repr=False)  # where it is SRTP
    stats: LegStats | None = None  # once it is over

    @property
    def closed(self) -> bool:
        return self.stats is not None

    def figures(self) -> dict[str, object]:
        """For the summary. `filled_ms`: silence of ours where sound was lost or came too late. `slips`: how often
        20 ms were put in or left out, for the sender's clock is not ours."""
        got, lost, late, filled_ms, slips = 0, 0, 0, 0, 0
        if (stats := self.stats) is not None:
            got, lost, late = stats.packets_received, stats.lost, stats.late
            filled_ms, slips = stats.filled_ms, stats.slips
        heard = {"packets": got, "lost": lost, "late": late, "filled_ms": filled_ms, "slips": slips}
        return {"label": self.label, "wav": self.wav.name, **heard}

    def words(self) -> str:
        """The same for a person."""
        if (stats := self.stats) is None:
            return f"track {self.label} without figures"
        late = f", {stats.late} too late" if stats.late else ""
        return f"track {self.label} {stats.packets_received} packets, {stats.lost} lost{late}"


@dataclass(slots=True)
class Recording:
    """One session, from its INVITE to its last WAV. `done` is set when all of it is on disk."""

    call_id: str
    folder: Path
    documents: list[bytes] = field(default_factory=list)  # metadata as it came, in order
    faults: list[str] = field(default_factory=list)  # what a strict recorder had against its messages
    faults_more: int = 0  # beyond `MAX_FAULTS`
    headers: Headers = field(default_factory=list)  # of the INVITE
    tracks: list[Track] = field(default_factory=list)
    acknowledged: bool = False
    end: CallEnded | None = None
    ended: str = ""  # the first cause; `refused` where it never began, `closed` where the recorder went first
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def find_fault(self, fault: str) -> None:
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(fault)
        else:
            self.faults_more += 1

    def summary(self) -> dict[str, object]:
        """What came of it, as `recording.json` has it."""
        return {
            "call_id": self.call_id,
            "ended": self.ended,
            "documents": len(self.documents),
            "tracks": [track.figures() for track in self.tracks],
            "faults": self.faults,
            "faults_more": self.faults_more,
        }

    def write_summary(self) -> None:
        text = json.dumps(self.summary(), ensure_ascii=False, indent=2)
        (self.folder / "recording.json").write_text(text + "\n", encoding="utf-8")
