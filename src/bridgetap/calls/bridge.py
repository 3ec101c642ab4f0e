"""Two parties that hear each other: audio in the core, hold and keys passed on here."""

from .leg_states import Held, Notice, Pressed
from .parties import Party


class Bridge:
    """Connected on creation. Each side answers its own re-INVITEs; a hold shows on the other side."""

    def __init__(self, one: Party, other: Party) -> None:
        self.one = one
        self.other = other
        self._others = {one: other, other: one}
        one.leg.rtp.bridge(other.leg.rtp)
        one.watch(self._hear)
        other.watch(self._hear)
        self.reflect()

    def reflect(self) -> None:
        """Let each side do what the other one allows: also what was said before it was answered."""
        self.other.leg.want_direction(self.one.leg.direction)
        self.one.leg.want_direction(self.other.leg.direction)

    def close(self) -> None:
        """Part them; a side that was held for the other's sake is taken back."""
        for party in (self.one, self.other):
            party.unwatch(self._hear)
        self.one.leg.rtp.unbridge()
        for party in (self.one, self.other):
            party.leg.want_direction("sendrecv")

    def _hear(self, party: Party, notice: Notice) -> None:
        peer = self._others[party].leg
        match notice:
            case Held():
                peer.want_direction(notice.direction)
            case Pressed() if not notice.relayed or peer.dtmf_by_info:
                # The core relays what came as RTP or tones; INFO passes by it, in and out.
                peer.send_digits(notice.digits)
            case _:
                pass
