"""What a party hears while somebody else is rung for it: the ringing tone, or the far network's own sound."""

from collections.abc import Callable

from bridgetap.engine import PromptId

from .bridge import Bridge
from .leg_states import EarlyMedia, Ended, Notice, Ringing
from .parties import Party
from .tones import Tone


class Waiting:
    """`hear` watches the legs that ring."""

    def __init__(self, party: Party, *, begins: Callable[[], None]) -> None:
        """`begins` is called before the party hears anything new of this."""
        self.tone: Tone | None = None
        self.alone = False  # one target: its early media may be heard
        self._party = party
        self._begins = begins
        self._plays = False
        self._bridge: Bridge | None = None
        self._over = False

    def hear(self, ringing: Party, notice: Notice) -> None:
        if self._over:
            return
        match notice:
            case EarlyMedia() if self.alone and self._bridge is None:
                self._stop_tone()
                self._begins()
                self._bridge = Bridge(self._party, ringing)
            case Ringing() if self._bridge is None:
                self._begins()
                self._start_tone()
            case Ended() if self._bridge is not None and ringing is self._bridge.other:
                self.part()
            case _:
                pass

    def goes_on(self) -> None:
        """Somebody has picked up and hears what is not for this party: it hears the tone meanwhile."""
        if not self._over:
            self.part()
            self._begins()
            self._start_tone()

    def stop(self, answered: Party | None = None) -> Bridge | None:
        """Hear nothing more of it, ever. The bridge with the party that answered, where early media made one."""
        self._over = True
        self._stop_tone()
        if answered is None or self._bridge is None or self._bridge.other is not answered:
            self.part()
            return None
        bridge, self._bridge = self._bridge, None
        return bridge

    def _start_tone(self) -> None:
        if self.tone is not None and not self._plays and self._party.leg.has_audio:
            self._plays = True
            self._party.leg.rtp.play([PromptId(self.tone.id)], loop=0)

    def _stop_tone(self) -> None:
        if self._plays:
            self._plays = False
            self._party.leg.rtp.stop_play()

    def part(self) -> None:
        """Away from who was heard early."""
        if self._bridge is not None:
            self._bridge.close()
            self._bridge = None
