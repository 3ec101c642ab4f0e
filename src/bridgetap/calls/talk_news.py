"""What the streams of two parties who talk are told: who holds whom, who joins and who leaves.

Each side's streams see it from their own leg: its party is *inbound*, the other one *outbound*.
"""

from dataclasses import replace
from typing import Literal

from bridgetap.sdp import Direction
from bridgetap.streams import Hold, Participant

from .leg_states import Held, Notice
from .parties import Identity, Party

ON_HOLD: frozenset[Direction] = frozenset({"sendonly", "inactive"})  # RFC 3264 §8.4


class TalkNews:
    """From the moment two parties talk, which is told at once, until `close`."""

    def __init__(self, one: Party, other: Party) -> None:
        self._peers = {one: other, other: one}
        self._known = {party: party.identity for party in self._peers}
        self._holding: set[Party] = set()
        for party, peer in self._peers.items():
            peer.tell_streams(_joined(self._known[party]))
        for party in self._peers:
            party.watch(self._heard)
            self._note_first(party)

    def replaced(self, party: Party) -> None:
        """Somebody else has taken this party's place, on the same leg."""
        self._release(party)
        left, self._known[party] = self._known[party], party.identity
        for listener in (self._peers[party], party):
            track: Literal["inbound", "outbound"] = "inbound" if listener is party else "outbound"
            listener.tell_streams(replace(_left(left), track=track))
            listener.tell_streams(replace(_joined(self._known[party]), track=track))
        self._note_first(party)

    def close(self) -> None:
        """They talk no more: to each, the other one has left."""
        for party, peer in self._peers.items():
            party.unwatch(self._heard)
            self._release(party)
            peer.tell_streams(_left(self._known[party]))

    def _heard(self, party: Party, notice: Notice) -> None:
        match notice:
            case Held() if notice.direction not in ON_HOLD:
                self._release(party)
            case Held():
                self._hold(party)
            case _:
                pass

    def _note_first(self, party: Party) -> None:
        """Some hold before they talk. Who is inactive may only do as the other one does."""
        if party.leg.direction == "sendonly":
            self._hold(party)

    def _hold(self, party: Party) -> None:
        if party not in self._holding:
            self._holding.add(party)
            self._tell_hold(party, held=True)

    def _release(self, party: Party) -> None:
        if party in self._holding:
            self._holding.discard(party)
            self._tell_hold(party, held=False)

    def _tell_hold(self, party: Party, *, held: bool) -> None:
        party.tell_streams(Hold(track="inbound", held=held))
        self._peers[party].tell_streams(Hold(track="outbound", held=held))


def _joined(who: Identity) -> Participant:
    return Participant(joined=True, call_sid=who.call_sid, address=who.address)


def _left(who: Identity) -> Participant:
    return Participant(joined=False, call_sid=who.call_sid, address=who.address)
