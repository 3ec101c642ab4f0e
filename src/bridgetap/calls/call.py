"""One call from its first INVITE to its last row: one TaskGroup, and nothing of it runs afterwards."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

import structlog

from bridgetap.engine import IncomingCall
from bridgetap.errors import Conflict
from bridgetap.flow.effects import PlayDigits
from bridgetap.ids import CallSid
from bridgetap.twiml.events import CallUpdated

from .conductor import Conductor
from .documents import Documents
from .exchange import Exchange
from .flow_book import Program
from .flow_run import FlowRun
from .instructions import CallChange, Instructions, Voice
from .ledger import CallEntry, EndedAs
from .leg_states import Ended
from .leg_streams import LegStreams
from .parties import Party
from .performer import AnswerMode, Performer
from .player import Player
from .ringing import GIVEN_UP, Ring
from .routing import Branch
from .run import Run
from .status_reports import StatusReports
from .trunks import Trunk
from .twiml_run import TwimlRun
from .voice_request import voice_parameters

WRONG_STATE = 21220
GOODBYE_S = 40.0  # the core ends every dialog within 32 s (RFC 3261, 64 × T1)


def in_progress(sid: CallSid) -> Conflict:
    """What is answered is not canceled."""
    return Conflict(f"{sid} is in progress: it can be completed, not canceled", code=WRONG_STATE)


class Call:
    """A caller, the flow or the documents that run for them, and whoever those dial."""

    def __init__(
        self,
        *,
        exchange: Exchange,
        entry: CallEntry,
        instructions: Instructions,
        reports: StatusReports,
        time_limit_s: float,
        answer: AnswerMode = "at-once",
        send_digits: str = "",
    ) -> None:
        """`send_digits` are sent to who answers, before anything else."""
        self.entry = entry
        self.parties = exchange.parties()
        self.over = asyncio.Event()
        self._exchange = exchange
        self._instructions = instructions
        self._reports = reports
        self._answer = answer
        self._send_digits = send_digits
        self._time_limit_s = time_limit_s
        self._limit: asyncio.Timeout | None = None
        self._began = 0.0
        self._invite: IncomingCall | None = None
        self._conductor: Conductor | None = None
        self.streams = LegStreams(streams=exchange.streams, parties=self.parties)
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
        self.entry.initiated()
        return caller

    def close(self) -> None:
        """A call that could not be taken: its row ends."""
        self.parties.abandon()
        self.entry.ended(GIVEN_UP, given_up="failed")

    async def serve(self, caller: Party) -> None:
        """Run what is to run for a caller who was admitted. Returns when all of the call is over."""
        await self._alone(lambda _: self._talk(caller))

    async def ring_out(self, branches: Sequence[Branch], *, timeout_s: float) -> None:
        """Ring somebody, run what is to run once they answer. Returns when all of the call is over."""
        await self._alone(lambda tasks: self._ring_out(tasks, branches, timeout_s))

    def hang_up(self, reason: str, *, unanswered: EndedAs = "canceled", drained: bool = False) -> None:
        """End the call, whatever it is doing; `drained` where it is the server that stops."""
        self._log.info("call.hang_up", reason=reason)
        if drained:
            self.streams.end_of_call(drained=True)
        if self._ringing is not None and self._ring is not None:
            self._ring.give_up_as(unanswered)
            self._ringing.cancel()
        elif self._conductor is not None:
            self._conductor.stop(reason)
        self.parties.hang_up_all()

    async def end_party(self, sid: CallSid, status: Literal["completed", "canceled"]) -> bool:
        """Hang up a dialled party, until its row says so; False where this call has none of that name,
        `Conflict` where it talks and is to be canceled."""
        parties = self.parties.find(sid)
        if status == "canceled" and any(party.row.record.answered_ns is not None for party in parties):
            raise in_progress(sid)
        for party in parties:
            party.row.given_up = "canceled"
            party.hang_up()
        for party in parties:
            await party.row.over.wait()
        return bool(parties)

    def change(self, change: CallChange) -> None:
        """`Conflict` where it is in no state for that: then nothing is changed."""
        update = change.update
        if update is not None and (self._conductor is None or self._conductor.is_over):
            raise Conflict("Call is not in-progress: it cannot be redirected", code=WRONG_STATE)
        if change.status is not None:
            self.entry.save(callback=self._reports.watch(change.status))
        if change.time_limit_s is not None:
            self._time_limit_s = change.time_limit_s
            if self._limit is not None and not self._limit.expired():
                self._limit.reschedule(self._began + change.time_limit_s)
        if update is not None and self._conductor is not None:
            self._log.info("call.updated")
            self._conductor.update(update)

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
        exchange = self._exchange
        performer = Performer(
            exchange=exchange,
            parties=self.parties,
            caller=caller,
            streams=self.streams.of_party(caller),
            documents=Documents(exchange=exchange, entry=self.entry, invite=self._invite),
            answer=self._answer,
            from_=self.entry.record.from_,
        )
        if self._send_digits:
            await Player(caller, exchange.prompter).perform(PlayDigits(digits=self._send_digits))
            if not caller.leg.is_up:
                return  # hung up meanwhile, by either side: what was to run does not begin
        conductor = Conductor(
            self._run(self._instructions),
            performer=performer,
            caller=caller,
            ledger=exchange.ledger,
            take_over=self._take_over,
        )
        self._conductor = conductor
        self._began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(self._time_limit_s) as self._limit:
                await conductor.run()
        except TimeoutError:
            self._log.info("call.time_limit", time_limit_s=self._time_limit_s)
        finally:
            self._limit = None
            self.streams.end_of_call()

    def _run(self, instructions: Instructions) -> Run:
        exchange, record = self._exchange, self.entry.record
        match instructions:
            case Voice():
                return TwimlRun(instructions, ledger=exchange.ledger, options=exchange.options, entry=self.entry)
            case Program():
                run = FlowRun(
                    instructions,
                    ledger=exchange.ledger,
                    options=exchange.options,
                    call_sid=self.sid,
                    contact=record.from_,
                    call=voice_parameters(record, sip=self._invite),
                )
                self.entry.save(execution_sid=run.execution_sid)
                return run

    def _take_over(self, update: CallUpdated) -> Run:
        return self._run(Voice(source=update.source, fallback=update.fallback))

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
