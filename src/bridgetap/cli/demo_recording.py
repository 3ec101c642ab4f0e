"""The demo's second stream: what the built-in recorder was told, what it heard, and whether that is as it should be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bridgetap.errors import InvalidInput
from bridgetap.recorder import Recording
from bridgetap.siprec.document import read

from .demo_flow import CONNECTOR

TRACKS_APART = 5  # packets: the two lines begin and end a moment apart


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingEvidence:
    """One recording, as the server wrote it down and as the recorder saw it. By label: 1 is the caller, 2 what the
    caller hears."""

    name: str
    end_reason: str
    folder: Path
    packets: Mapping[str, int]
    lost: int
    late: int
    wavs: Mapping[str, Path]
    documents: int
    parameters: Mapping[str, str]
    faults: Sequence[str]

    @classmethod
    def of(cls, recording: Recording, *, name: str, end_reason: str) -> "RecordingEvidence":
        stats = {track.label: track.stats for track in recording.tracks}
        return cls(
            name=name,
            end_reason=end_reason,
            folder=recording.folder,
            packets={label: 0 if one is None else one.packets_received for label, one in stats.items()},
            lost=sum(one.lost for one in stats.values() if one is not None),
            late=sum(one.late for one in stats.values() if one is not None),
            wavs={track.label: track.wav for track in recording.tracks},
            documents=len(recording.documents),
            parameters=_parameters(recording.documents),
            faults=tuple(recording.faults),
        )

    @property
    def whole(self) -> bool:
        """Whether both tracks have all of their packets."""
        counted = list(self.packets.values())
        return len(counted) == 2 and min(counted) > 0 and max(counted) - min(counted) <= TRACKS_APART and not self.lost

    def to_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "connector": CONNECTOR,
            "tracks": list(self.packets),
            "packets": sum(self.packets.values()),
            "missing": self.lost,
            "late": self.late,
            "documents": self.documents,
            "faults": list(self.faults),
            "folder": str(self.folder),
        }


def _parameters(documents: Sequence[bytes]) -> dict[str, str]:
    """Of the first document."""
    try:
        sessions = read(documents[0]).sessions if documents else ()
    except InvalidInput:
        return {}
    return {name: value for session in sessions if session.call is not None for name, value in session.call.parameters}
