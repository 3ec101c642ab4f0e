"""One call from its first INVITE to its last row: one TaskGroup, and nothing of it runs afterwards."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from bridgetap.engine import IncomingCall
from bridgetap.ids import CallSid
from bridgetap.streams import CallStreams

from .conductor import AnswerMode, Conductor
from .exchange import Exchange
from .flow_book import Program
from .ledger import CallEntry, EndedAs
from .leg_states import Ended
from .parties import Party
from .ringing import GIVEN_UP, Ring
from .routing import Branch
from .trunks import Trunk
from .voice_request import voice_parameters

GOODBYE_S = 40.0  # the core ends every dialog within 32 s (RFC 3261, 64 × T1)


class Call:
    """A caller, the flow that runs for them, and whoever that flow dials."""

    def __init__(
        self,
        *,
        exchange: Exchange,
        entry: CallEntry,
        program: Program,
        time_limit_s: float,
        answer: AnswerMode = "at-once",
    ) -> None:
        self.entry = entry
        self.parties = exchange.parties()
        self.over = asyncio.Event()
        self._exchange = exchange
        self._program = program
        self._answer = answer
        self._time_limit_s = time_limit_s
        self._invite: IncomingCall | None = None
        self._conductor: Conductor | None = None
        self._streams: CallStreams | None = None
        self._ring: Ring | None = None
        self._ringing: asyncio.Task[Party | Ended] | None = None
        self._log = structlog.get_logger(__name__).bind(call_sid=entry.record.sid)

    @property
    def sid(self) -> CallSid:
        return self.entry.record.sid

    def admit(self, invite: IncomingCall, trunk: Trunk | None) -> Party:
        """Take a caller; `InvalidSdp` or `EngineError` where that cannot be done."""
        self._invite = invite
        caller = self.parties.admit(invite, entry=self.entry, trunk=trunk)
        caller.leg.ring()
        return caller

    def close(self) -> None:
        """A call that could not be taken: its row ends."""
        self.parties.abandon()
        self.entry.ended(GIVEN_UP, given_up="failed")

    async def serve(self, caller: Party) -> None:
        """Run the flow for a caller who was admitted. Returns when all of the call is over."""
        await self._alone(lambda _: self._talk(caller))

    async def ring_out(self, branches: Sequence[Branch], *, timeout_s: float) -> None:
        """Ring somebody, run the flow once they answer. Returns when all of the call is over."""
        await self._alone(lambda tasks: self._ring_out(tasks, branches, timeout_s))

    def hang_up(self, reason: str, *, unanswered: EndedAs = "canceled", drained: bool = False) -> None:
        """End the call, whatever it is doing; `drained` where it is the server that stops."""
        self._log.info("call.hang_up", reason=reason)
        if drained and self._streams is not None:
            self._streams.end_of_call(drained=True)
        if self._ringing is not None and self._ring is not None:
            self._ring.give_up_as(unanswered)
            self._ringing.cancel()
        elif self._conductor is not None:
            self._conductor.stop(reason)
        self.parties.hang_up_all()

    # -- below --

    async def _alone(self, conversation: Callable[[asyncio.TaskGroup], Awaitable[None]]) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                pump = tasks.create_task(self.parties.pump())
                await conversation(tasks)
                await self._goodbye()
                pump.cancel()
        finally:
            self.parties.abandon()
            self.entry.ended(GIVEN_UP, given_up="failed")  # only where nothing else has closed it
            self.over.set()
            self._log.info("call.over", status=self.entry.record.status)

    async def _talk(self, caller: Party) -> None:
        record = self.entry.record
        streams = self._streams = self._exchange.streams.of_call(self.sid, caller.leg.rtp)
        conductor = Conductor(
            exchange=self._exchange,
            parties=self.parties,
            caller=caller,
            streams=streams,
            program=self._program,
            answer=self._answer,
            from_=record.from_,
        )
        self._conductor = conductor
        self.entry.save(execution_sid=conductor.execution_sid)
        parameters = voice_parameters(
            account_sid=record.account_sid,
            call_sid=self.sid,
            status=record.status,
            direction=record.direction,
            from_=record.from_,
            to=record.to,
            sip=self._invite,
        )
        try:
            async with asyncio.timeout(self._time_limit_s):
                await conductor.run(parameters)
        except TimeoutError:
            self._log.info("call.time_limit", time_limit_s=self._time_limit_s)
        finally:
            streams.end_of_call()

    async def _ring_out(self, tasks: asyncio.TaskGroup, branches: Sequence[Branch], timeout_s: float) -> None:
        self._ring = Ring(parties=self.parties, entry=self.entry, branches=branches)
        self._ringing = tasks.create_task(self._ring.run())
        done, _ = await asyncio.wait([self._ringing], timeout=timeout_s)
        if not done:
            self._ring.give_up_as("no-answer")
            self._ringing.cancel()
            await asyncio.wait([self._ringing])
        ringing, self._ringing = self._ringing, None
        if ringing.cancelled():
            return
        outcome = ringing.result()
        if isinstance(outcome, Party):
            await self._talk(outcome)

    async def _goodbye(self) -> None:
        """Hang up whoever is still there, and hear their last words."""
        self.parties.hang_up_all()
        try:
            async with asyncio.timeout(GOODBYE_S):
                await self.parties.wait_until_empty()
        except TimeoutError:
            self._log.error("call.leg_lost", after_s=GOODBYE_S)
