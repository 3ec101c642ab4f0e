"""Rings one dialled party wherever it may be found, until somebody answers or nobody is left."""

import asyncio
from collections.abc import Sequence

import structlog

from bridgetap.engine import EngineError

from .ledger import CallEntry, EndedAs, final_status
from .leg_states import Answered, EarlyMedia, Ended, Notice, Ringing
from .parties import Parties, Party, Watcher
from .routing import Branch, Destination

log = structlog.get_logger(__name__)

# What the next trunk may do better; a busy or unknown number is so on every trunk.
NEXT_TRUNK = frozenset({408, 500, 502, 503, 504})
NO_WAY = Ended(cause="transport", status=503, reason="no way there")
GIVEN_UP = Ended(cause="hung-up", status=0, reason="")


class Ring:
    """One dialled party: its branches ring at once, each tries its destinations in order.

    The row belongs to the dialled party, not to one leg: it closes with the last try, or goes to
    the leg that answered.
    """

    def __init__(
        self, *, parties: Parties, entry: CallEntry, branches: Sequence[Branch], watcher: Watcher | None = None
    ) -> None:
        self.entry = entry
        self._parties = parties
        self._branches = branches
        self._watcher = watcher
        self._given_up: EndedAs = "canceled"
        self._tried: list[Party] = []

    def watch(self, watcher: Watcher) -> None:
        """Hear what every leg says that rings for this."""
        self._watcher = watcher

    def give_up_as(self, status: EndedAs) -> None:
        """How the row closes when `run` is cancelled."""
        self._given_up = status

    async def run(self) -> Party | Ended:
        """The party that answered, or how the best try ended. Cancelled, all of it stops ringing."""
        self.entry.initiated()
        try:
            outcome = await self._first_answer()
        except BaseException:
            self._hang_up_all_but(None)
            self.entry.ended(GIVEN_UP, given_up=self._given_up)
            raise
        if isinstance(outcome, Party):
            self._hang_up_all_but(outcome)
            outcome.entry = self.entry
            self.entry.answered()
        else:
            self.entry.ended(outcome)
        return outcome

    def close(self) -> None:
        """Nobody waits for it any more: who answered in that moment is hung up, the row closes where it is
        open yet, also where nothing was tried."""
        self._hang_up_all_but(None)
        self.entry.ended(GIVEN_UP, given_up="canceled")

    async def _first_answer(self) -> Party | Ended:
        best: Party | Ended = NO_WAY
        async with asyncio.TaskGroup() as group:
            ringing = {group.create_task(self._branch(branch)) for branch in self._branches}
            while ringing and not isinstance(best, Party):
                done, ringing = await asyncio.wait(ringing, return_when=asyncio.FIRST_COMPLETED)
                best = max([best, *(task.result() for task in done)], key=rank)
            for task in ringing:
                task.cancel()
        return best

    async def _branch(self, branch: Branch) -> Party | Ended:
        outcome: Party | Ended = NO_WAY
        for destination in branch:
            outcome = await self._try(destination)
            if isinstance(outcome, Party) or outcome.status not in NEXT_TRUNK or self.entry.given_up is not None:
                break
            log.info("dial.failed", call_sid=self.entry.record.sid, status=outcome.status, cause=outcome.cause)
        return outcome

    async def _try(self, destination: Destination) -> Party | Ended:
        if destination.trunk is not None:
            if destination.trunk.is_full:
                return Ended(cause="rejected", status=503, reason="the trunk carries max_calls already")
            self.entry.save(trunk=destination.trunk.name)
        try:
            party = await self._parties.dial(destination, row=self.entry)
        except EngineError as error:
            log.warning("dial.not_sent", call_sid=self.entry.record.sid, error=str(error))
            return Ended(cause="transport", status=503, reason=str(error))
        self._tried.append(party)
        party.watch(self._heard)
        if self.entry.given_up is not None:  # while the way there was looked for
            party.hang_up()
        outcome = await party.settled
        if isinstance(outcome, Answered):
            return party
        if outcome.cause in ("timeout", "transport") and not outcome.status:
            return Ended(cause=outcome.cause, status=408, reason=outcome.reason)
        return outcome

    def _heard(self, party: Party, notice: Notice) -> None:
        if isinstance(notice, (Ringing, EarlyMedia)):
            self.entry.ringing()
        if self._watcher is not None:
            self._watcher(party, notice)

    def _hang_up_all_but(self, winner: Party | None) -> None:
        """CANCEL to those that ring, BYE where an answer crossed."""
        for party in self._tried:
            if party is not winner:
                party.hang_up()


def rank(outcome: Party | Ended) -> int:
    """What to tell of several tries: an answer, else busy, else no answer, else the failure."""
    if isinstance(outcome, Party):
        return 3
    if outcome is NO_WAY:
        return -1
    return {"busy": 2, "no-answer": 1}.get(final_status(outcome, answered=False, given_up=None), 0)
