"""A recorded call as it stands, and the documents that tell it: the whole of it, or what has changed.

`RecordedCall` is a value: whoever watches the call keeps the newest and asks for the difference to the
last one that the recorder was told.
"""

from dataclasses import dataclass, replace
from typing import Self

from .identity import RecordingId
from .metadata import (
    CallFacts,
    Group,
    NameId,
    Participant,
    ParticipantSession,
    ParticipantStream,
    Recording,
    Session,
    SessionRecording,
    Stream,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Somebody in the call. `left_ns` is set for the one document that says so, then the party is dropped."""

    id: RecordingId
    names: tuple[NameId, ...]
    joined_ns: int
    left_ns: int | None = None
    sends: tuple[RecordingId, ...] = ()  # the streams its voice is on; none while it is held
    receives: tuple[RecordingId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedTrack:
    """One m-line toward the recorder."""

    id: RecordingId
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCall:
    """All that a recorder may know of a call."""

    group: RecordingId
    session: RecordingId
    facts: CallFacts
    started_ns: int
    recorded_ns: int  # since when this recorder has it
    sip_session_ids: tuple[str, ...] = ()
    tracks: tuple[RecordedTrack, ...]
    parties: tuple[Party, ...] = ()
    ended_ns: int | None = None

    def with_party(self, party: Party) -> Self:
        """Somebody joined, or changed: says or hears something else."""
        others = tuple(other for other in self.parties if other.id != party.id)
        known = len(others) < len(self.parties)
        parties = tuple(party if other.id == party.id else other for other in self.parties)
        return replace(self, parties=parties if known else (*self.parties, party))

    def without_party(self, party: RecordingId, *, now_ns: int) -> Self:
        """Somebody left."""
        gone = tuple(
            replace(one, left_ns=now_ns, sends=(), receives=()) if one.id == party else one for one in self.parties
        )
        return replace(self, parties=gone)

    def settled(self) -> Self:
        """Without those whose leaving has been told."""
        return replace(self, parties=tuple(party for party in self.parties if party.left_ns is None))


def snapshot(call: RecordedCall) -> Recording:
    """Everything, for a recorder that knows nothing yet (RFC 7866 §9.1). Who left is in it no more."""
    present = call.settled().parties
    return Recording(
        mode="complete",
        groups=(Group(id=call.group, associated_ns=call.started_ns),),
        sessions=(_session(call),),
        participants=tuple(_participant(party) for party in present),
        streams=tuple(_stream(call, track) for track in call.tracks),
        session_recordings=(
            SessionRecording(session=call.session, associated_ns=call.recorded_ns, disassociated_ns=call.ended_ns),
        ),
        participant_sessions=tuple(_membership(call, party) for party in present),
        participant_streams=tuple(_voice(party) for party in present),
    )


def changes(before: RecordedCall, after: RecordedCall) -> Recording | None:
    """What a recorder that was told `before` has to be told now, each changed element whole; None: nothing.
    Tracks stay as they were offered, so no label is ever in it."""
    known = {party.id: party for party in before.parties}
    parties = [party for party in after.parties if party.left_ns is None or party.id in known]
    ended = after.ended_ns is not None and before.ended_ns is None
    changed = [party for party in parties if known.get(party.id) != party]
    partial = Recording(
        mode="partial",
        sessions=(_session(after),) if _session(before) != _session(after) else (),
        participants=tuple(_participant(p) for p in changed if _names(known, p) != p.names),
        session_recordings=(
            SessionRecording(session=after.session, associated_ns=after.recorded_ns, disassociated_ns=after.ended_ns),
        )
        if ended
        else (),
        participant_sessions=tuple(
            _membership(after, party) for party in parties if ended or _moved(known.get(party.id), party)
        ),
        participant_streams=tuple(_voice(party) for party in changed if party.left_ns is None),
    )
    return partial if partial != Recording(mode="partial") else None


def _session(call: RecordedCall) -> Session:
    return Session(
        id=call.session,
        sip_session_ids=call.sip_session_ids,
        group=call.group,
        start_ns=call.started_ns,
        stop_ns=call.ended_ns,
        call=call.facts,
    )


def _participant(party: Party) -> Participant:
    return Participant(id=party.id, names=party.names)


def _stream(call: RecordedCall, track: RecordedTrack) -> Stream:
    return Stream(id=track.id, session=call.session, label=track.label)


def _membership(call: RecordedCall, party: Party) -> ParticipantSession:
    left_ns = party.left_ns if party.left_ns is not None else call.ended_ns
    return ParticipantSession(
        participant=party.id, session=call.session, associated_ns=party.joined_ns, disassociated_ns=left_ns
    )


def _voice(party: Party) -> ParticipantStream:
    return ParticipantStream(participant=party.id, sends=party.sends, receives=party.receives)


def _names(known: dict[RecordingId, Party], party: Party) -> tuple[NameId, ...]:
    return known[party.id].names if party.id in known else ()


def _moved(before: Party | None, after: Party) -> bool:
    """Did it join or leave?"""
    return before is None or before.left_ns != after.left_ns
