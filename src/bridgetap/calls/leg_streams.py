"""The streams of one call, leg by leg: the caller's, which the flow starts too, and those of whom it dialled."""

from bridgetap.errors import Conflict, NotFound
from bridgetap.ids import CallSid
from bridgetap.sdp import RecordState
from bridgetap.streams import CallAbout, CallStreams, Streams

from .leg_states import Ended, Notice
from .parties import Parties, Party

NOT_IN_PROGRESS = 21220


class LegStreams:
    """Finds, and where need be makes, the streams of a leg by its call SID."""

    def __init__(self, *, streams: Streams, parties: Parties) -> None:
        self._streams = streams
        self._parties = parties
        self._by_sid: dict[CallSid, CallStreams] = {}
        self._call_is_over = False
        self._drained = False
        self._is_ending = False

    def of_party(self, party: Party) -> CallStreams:
        """The streams that carry this party's audio; they end with its leg."""
        found = self._by_sid.get(party.sid)
        if found is None:
            found = self._by_sid[party.sid] = self._streams.of_call(
                party.sid,
                party.leg.rtp,
                about=_about(party),
                picture=party.picture,
                unrecorded=party.refuse_unrecorded,
                changed=lambda: self._changed(party),
            )
            if party.is_over or self._call_is_over:
                found.end_of_call(drained=self._drained)
            party.on_news = found.tell
            party.watch(self._heard)
        return found

    def of_call(self, sid: CallSid) -> CallStreams:
        """The streams of a leg that talks; `NotFound` where this call has none of that SID, `Conflict`
        (21220) where it is not answered yet, or over, or has taken the place of another whose streams go on."""
        found = self._parties.find(sid)
        if not found:
            raise NotFound("live call", sid)
        for party in found:
            if party.sid != sid:
                raise Conflict(f"it has taken the place of {party.sid}, whose streams go on", code=NOT_IN_PROGRESS)
            if party.entry is not None and party.entry.record.status == "in-progress":
                return self.of_party(party)
        raise Conflict("Call is not in-progress", code=NOT_IN_PROGRESS)

    def running(self, sid: CallSid) -> frozenset[str]:
        """The SIDs of a leg's streams that take audio now."""
        found = self._by_sid.get(sid)
        return frozenset(named.sid for named in found.running()) if found is not None else frozenset()

    def paused(self, sid: CallSid) -> frozenset[str]:
        """The SIDs of a leg's recordings that are paused."""
        found = self._by_sid.get(sid)
        return found.paused() if found is not None else frozenset()

    def end_of_call(self, *, drained: bool = False) -> None:
        """No further stream starts on any leg, whether it had one or not."""
        self._is_ending = True
        self._call_is_over, self._drained = True, self._drained or drained
        for streams in self._by_sid.values():
            streams.end_of_call(drained=drained)

    def _heard(self, party: Party, notice: Notice) -> None:
        if isinstance(notice, Ended):
            # With the call's own party all of it ends: nobody is told of that by a re-INVITE.
            self._is_ending = self._is_ending or party.row.record.parent_call_sid is None
            self._by_sid[party.sid].end_of_call()

    def _changed(self, party: Party) -> None:
        self._recorded_anew()  # ahead of the answer, which then says it already
        party.await_recorders(awaited=self._by_sid[party.sid].is_awaited)

    def _recorded_anew(self) -> None:
        """Whoever is on the call is told, whichever leg is recorded: the others are heard on it."""
        states = {streams.recorded for streams in self._by_sid.values()}
        state: RecordState = "on" if "on" in states else "paused" if "paused" in states else "off"
        tone = any(streams.sounds for streams in self._by_sid.values())
        before = (self._parties.recorded or "off", self._parties.sounds)
        if not self._is_ending and (state, tone) != before:
            self._parties.tell_recorded(state, tone=tone)


def _about(party: Party) -> CallAbout:
    """A leg as its recorders know it from its start; who joins later is news."""
    record = party.row.record
    inwards = record.direction == "inbound"
    return CallAbout(
        sid=party.sid,
        group=record.parent_call_sid or record.sid,
        direction="inbound" if inwards else "outbound",
        party=record.from_ if inwards else record.to,
        party_name=(record.caller_name or "") if inwards else "",
        dialled=record.to if inwards else record.from_,
        started_ns=record.answered_ns or record.started_ns or record.created_ns,
    )
