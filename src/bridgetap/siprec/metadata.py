"""What a recorder is told of a call, as values: one class for each element of RFC 7865 §9, in the
order of its schema. Times are nanoseconds since 1970, ids are `identity.RecordingId`.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from .identity import RecordingId

DataMode: TypeAlias = Literal["complete", "partial"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Sessions that belong together: those of one caller, transfers included (§6.2)."""

    id: RecordingId
    associated_ns: int | None = None
    disassociated_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """Our extension, the last child of `session`: what an operator finds the call by, and the
    parameters of whoever started the recording. In a namespace of ours, so that the document stays valid."""

    call_sid: str
    siprec_sid: str
    direction: str
    parameters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One call as its parties know it (§6.3)."""

    id: RecordingId
    sip_session_ids: tuple[str, ...] = ()  # RFC 7989: `32hex;remote=32hex`
    group: RecordingId | None = None
    start_ns: int | None = None
    stop_ns: int | None = None
    call: CallFacts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NameId:
    """One way to name a participant: its address of record, and the name shown (§6.5.1)."""

    aor: str
    name: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """Somebody in the call (§6.5)."""

    id: RecordingId
    names: tuple[NameId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Audio of one m-line, tied to it by `label` (§6.7)."""

    id: RecordingId
    session: RecordingId | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecording:
    """From when until when this session goes to this recorder (§6.4)."""

    session: RecordingId
    associated_ns: int | None = None
    disassociated_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantSession:
    """From when until when a participant is in a session (§6.6)."""

    participant: RecordingId
    session: RecordingId
    associated_ns: int | None = None
    disassociated_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantStream:
    """What a participant says into and hears of; neither, while it is held (§6.8)."""

    participant: RecordingId
    sends: tuple[RecordingId, ...] = ()
    receives: tuple[RecordingId, ...] = ()
    associated_ns: int | None = None
    disassociated_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One document. `complete` says all that is, `partial` what has changed since (§6.1, RFC 7866 §9.1)."""

    mode: DataMode = "complete"
    groups: tuple[Group, ...] = ()
    sessions: tuple[Session, ...] = ()
    participants: tuple[Participant, ...] = ()
    streams: tuple[Stream, ...] = ()
    session_recordings: tuple[SessionRecording, ...] = ()
    participant_sessions: tuple[ParticipantSession, ...] = ()
    participant_streams: tuple[ParticipantStream, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label it mentions: the message that carries it must carry the SDP that defines them (RFC 7866 §9.1)."""
        return tuple(stream.label for stream in self.streams if stream.label is not None)
