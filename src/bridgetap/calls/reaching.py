"""Reaches one target of a dial: rings it, sends it keys, and lets it decide whether it wants the call."""

from collections.abc import Callable
from dataclasses import dataclass

from bridgetap.flow.effects import PlayDigits
from bridgetap.ids import CallSid
from bridgetap.twiml.effects import DialledParty

from .exchange import Exchange
from .leg_states import Ended
from .parties import Party
from .player import Player
from .ringing import Ring, rank
from .screening import Screening


@dataclass(frozen=True, slots=True)
class Declined:
    """It picked up, and left or was hung up before it was bridged."""

    sid: CallSid


Reached = Party | Ended | Declined


class Reach:
    """One target. `picked_up` hears of it before anything is played to it."""

    def __init__(self, ring: Ring, *, options: DialledParty, exchange: Exchange, picked_up: Callable[[], None]) -> None:
        self.ring = ring
        self.has_picked_up = False
        self._options = options
        self._exchange = exchange
        self._picked_up = picked_up

    @property
    def sid(self) -> CallSid:
        return self.ring.entry.record.sid

    async def run(self) -> Reached:
        """A party that can be bridged, or why there is none. Cancelled, nobody of it is left on the line."""
        outcome = await self.ring.run()
        if not isinstance(outcome, Party):
            return outcome
        self.has_picked_up = True
        if not self._options.send_digits and self._options.screen is None:
            return outcome
        self._picked_up()
        try:
            wanted = await self._prepare(outcome)
        except BaseException:
            outcome.hang_up()
            raise
        if wanted and not outcome.is_over:
            return outcome
        outcome.hang_up()
        return Declined(self.sid)

    async def _prepare(self, party: Party) -> bool:
        if self._options.send_digits:
            digits = PlayDigits(digits=self._options.send_digits)
            await Player(party, self._exchange.prompter).perform(digits)
        if self._options.screen is None:
            return True
        return await Screening(self._options.screen, party=party, entry=self.ring.entry, exchange=self._exchange).run()


def rank_of(outcome: Reached) -> int:
    """What to tell of several targets: a party to talk to, else one that declined, else as `rank` says."""
    if isinstance(outcome, Party):
        return 5
    return 4 if isinstance(outcome, Declined) else rank(outcome)
