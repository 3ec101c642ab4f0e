"""All calls of the server: taken in, made, ended, and drained when the server stops.

`Calls` is what the REST API asks (its `CallsService`) and what hears new INVITEs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import structlog

from bridgetap.engine import EngineError, IncomingCall, SipNotice
from bridgetap.errors import BridgetapError, Conflict, InvalidInput, InvalidSdp, NotFound
from bridgetap.flow.effects import Transport
from bridgetap.ids import CallSid
from bridgetap.store import CallRecord, StoreError, StoreFull, StoreRefused
from bridgetap.streams import Named, StreamRequest

from .call import WRONG_STATE, Call, in_progress
from .exchange import Exchange
from .flow_book import FlowBook
from .instructions import CallChange, Instructions, NewCall, Voice, of_number, status_of_number
from .ledger import CallEntry
from .performer import AnswerMode
from .ringing import GIVEN_UP
from .routing import Arrival
from .status_reports import StatusReports
from .trunks import Reachable, Registration, Trunk, Trunks
from .voice_request import forwarded_from

log = structlog.get_logger(__name__)

RETRY_AFTER_S = 5
UNAVAILABLE = 20503
TO_INVALID = 21211
FROM_INVALID = 21212
INCOMPATIBLE = '305 bridgetap "Incompatible media format"'  # RFC 3261 §20.43
LAST_WORDS_S = 5.0  # after the deadline: time for BYEs and closing rows


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLimits:
    """The `[calls]` settings."""

    max_calls: int = 1000
    time_limit_s: int = 14_400
    drain_s: float = 30.0


class Calls:
    """Every live call, by SID."""

    def __init__(self, *, exchange: Exchange, flows: FlowBook, trunks: Trunks, limits: CallLimits) -> None:
        self._exchange = exchange
        self._flows = flows
        self._trunks = trunks
        self._limits = limits
        self._live: dict[CallSid, Call] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._empty = asyncio.Event()
        self._empty.set()
        self._draining = False
        self._taken = 0
        self._refused = 0

    async def run(self) -> None:
        """Take calls until cancelled; what is live then is ended. `drain` first for a soft landing."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            self._exchange.core.on(IncomingCall, self._on_incoming)
            self._exchange.core.on(SipNotice, _on_notice)
            await asyncio.get_running_loop().create_future()

    # -- what others ask --

    @property
    def accepting(self) -> bool:
        """Whether a new call would be taken."""
        return (
            self._tasks is not None
            and not self._draining
            and len(self._live) < self._limits.max_calls
            and not self._exchange.core.overloaded
        )

    def gauges(self) -> dict[str, float]:
        """Figures for `/metrics`."""
        return {
            "calls_live": len(self._live),
            "calls_taken_total": self._taken,
            "calls_refused_total": self._refused,
            "streams_live": self._exchange.streams.live,
            "trunks_down": sum(trunk.reachable is Reachable.DOWN for trunk in self._trunks.all()),
            "trunks_registered": sum(trunk.registration is Registration.REGISTERED for trunk in self._trunks.all()),
            "draining": float(self._draining),
            **self._exchange.callbacks.gauges(),
        }

    async def create(self, wanted: NewCall) -> CallSid:
        """Begin to ring somebody, run what is wanted once they answer. Returns once the call's row is in the store."""
        if not self.accepting or self._tasks is None:
            raise Conflict("no call is taken now: the server drains or is full", code=UNAVAILABLE)
        router = self._exchange.router
        try:
            branches = router.branches(router.parse_target(wanted.to), caller_id=wanted.from_)
        except (InvalidInput, NotFound) as error:
            raise InvalidInput("To", wanted.to, str(error), code=TO_INVALID) from None
        instructions = self._instructions(wanted)
        ledger = self._exchange.ledger
        entry = ledger.call(
            sid=CallSid(ledger.sid("CA")), direction="outbound-api", from_=wanted.from_, to=branches[0][0].to_number
        )
        reports = self._exchange.report(entry, wanted.status)
        await self._write_down(entry)
        if self._draining:
            entry.ended(GIVEN_UP, given_up="failed")
            raise Conflict("no call is taken now: the server drains", code=UNAVAILABLE)
        call = self._call(
            entry=entry,
            instructions=instructions,
            reports=reports,
            time_limit_s=wanted.time_limit_s,
            send_digits=wanted.send_digits,
        )
        self._spawn(call, lambda: call.ring_out(branches, timeout_s=wanted.timeout_s))
        return call.sid

    async def end(self, sid: CallSid, status: Literal["completed", "canceled"]) -> None:
        """Hang up. Returns when the call's row says so."""
        call = self._live.get(sid)
        if call is None:
            for caller in list(self._live.values()):
                if await caller.end_party(sid, status):
                    return
            raise NotFound("live call", sid)
        if status == "canceled" and call.entry.record.answered_ns is not None:
            raise in_progress(sid)
        call.hang_up("api")
        await call.over.wait()

    def change(self, sid: CallSid, change: CallChange) -> None:
        """Change a live call: another document, another status callback, another time limit."""
        call = self._live.get(sid)
        if call is not None:
            call.change(replace(change, time_limit_s=self._within_limit(change.time_limit_s)))
        elif any(caller.parties.find(sid) for caller in self._live.values()):
            raise Conflict("a dialled party cannot be changed: change the call that dialled it", code=WRONG_STATE)
        else:
            raise NotFound("live call", sid)

    async def start_stream(self, call: CallRecord, request: StreamRequest, *, remarks: Sequence[str] = ()) -> Named:
        """Fork the audio of a leg that talks: a caller, or whom a flow dialled. Returns once the row is
        committed; `Conflict`, `InvalidStream` or `NotFound` where it cannot be. `remarks` go to the log."""
        named = await self._call_of(call).streams.of_call(call.sid).start(request)
        for remark in remarks:
            self._exchange.ledger.notify(
                level="warning", code=0, message=remark, call_sid=call.sid, stream_sid=named.sid
            )
        return named

    def stop_stream(self, call: CallRecord, name: str, transport: Transport) -> Named:
        """By name or SID, whichever door it came through; `NotFound` where none of that name and type runs."""
        return self._call_of(call).streams.of_call(call.sid).stop(name, transport)

    def pause_recording(self, call: CallRecord, name: str, *, paused: bool) -> Named:
        """Let recorders hear nothing, or again; `NotFound` where no stream of that name goes to any."""
        return self._call_of(call).streams.of_call(call.sid).pause(name, paused=paused)

    def running_streams(self, call: CallRecord) -> frozenset[str]:
        """The SIDs of the streams that take audio of this leg now."""
        live = self._live.get(call.parent_call_sid or call.sid)
        return live.streams.running(call.sid) if live is not None else frozenset()

    def paused_recordings(self, call: CallRecord) -> frozenset[str]:
        """The SIDs of those that are paused."""
        live = self._live.get(call.parent_call_sid or call.sid)
        return live.streams.paused(call.sid) if live is not None else frozenset()

    async def drain(self) -> None:
        """Refuse new calls, let live ones end, hang up what is left at the deadline."""
        self._draining = True
        self._exchange.core.sip.refuse_new_calls()
        log.info("calls.draining", live=len(self._live), drain_s=self._limits.drain_s)
        if not await self._is_empty_within(self._limits.drain_s):
            await self.hang_up_all(LAST_WORDS_S)

    async def hang_up_all(self, patience_s: float) -> None:
        """End every call, and wait so long for the BYEs and the closing rows."""
        if self._live:
            log.warning("calls.hung_up", live=len(self._live))
            for call in list(self._live.values()):
                call.hang_up("the server stops", drained=True)
            await self._is_empty_within(patience_s)

    def _call_of(self, call: CallRecord) -> Call:
        """The live call that a leg's row belongs to."""
        live = self._live.get(call.parent_call_sid or call.sid)
        if live is None:
            raise Conflict("Call is not in-progress", code=WRONG_STATE)
        return live

    # -- new calls --

    async def _write_down(self, entry: CallEntry) -> None:
        try:
            await entry.commit()
        except (StoreFull, StoreRefused) as error:
            raise Conflict(str(error), code=UNAVAILABLE) from None
        except BaseException as error:
            # Cancelled, or the database does not answer: the row may be there, so it gets its end.
            entry.ended(GIVEN_UP, given_up="failed")
            if isinstance(error, StoreError):
                raise Conflict(str(error), code=UNAVAILABLE) from None
            raise

    def _on_incoming(self, invite: IncomingCall) -> None:
        """Runs inside the drain: decides at once, so that nothing of this call can come before it is known."""
        refusal = self._take(invite)
        if refusal is not None:
            self._refused += 1
            status, headers = refusal
            self._exchange.core.sip.reject(invite.dialog, status=status, headers=headers)

    def _take(self, invite: IncomingCall) -> tuple[int, list[tuple[str, str]]] | None:
        """Begin the call, or say with which status it is refused."""
        refused = log.bind(source=invite.source, trunk=invite.trunk, user=invite.user)
        if not self.accepting:
            refused.warning("call.refused", status=503, reason="draining, full or overloaded")
            return 503, [("Retry-After", str(RETRY_AFTER_S))]
        trunk = self._trunks.get(invite.trunk)
        if trunk is not None and trunk.is_full:
            refused.warning("call.refused", status=503, reason="the trunk carries max_calls already")
            return 503, [("Retry-After", str(RETRY_AFTER_S))]
        try:
            arrival = self._exchange.router.arrival(invite)
            self._begin(invite, arrival, trunk)
        except NotFound as error:
            refused.info("call.refused", status=404, reason=str(error))
            return 404, []
        except InvalidSdp as error:
            refused.info("call.refused", status=error.status, reason=str(error))
            return error.status, [("Warning", INCOMPATIBLE)]
        except InvalidInput as error:
            refused.info("call.refused", status=400, reason=str(error))
            return 400, []
        except (EngineError, StoreError) as error:
            refused.error("call.refused", status=503, reason=str(error))
            return 503, [("Retry-After", str(RETRY_AFTER_S))]
        except BridgetapError as error:
            refused.error("call.refused", status=500, reason=str(error))
            return 500, []
        return None

    def _begin(self, invite: IncomingCall, arrival: Arrival, trunk: Trunk | None) -> None:
        number = self._exchange.router.number(arrival.to)
        instructions = of_number(number, self._flows)
        ledger = self._exchange.ledger
        entry = ledger.call(
            sid=CallSid(ledger.sid("CA")),
            direction="inbound",
            from_=arrival.from_,
            to=arrival.to,
            caller_name=arrival.display or None,
            forwarded_from=forwarded_from(invite),
            trunk=arrival.trunk,
            sip_call_id=invite.call_id,
        )
        reports = self._exchange.report(entry, status_of_number(number), invite=invite)
        entry.save()
        call = self._call(
            entry=entry, instructions=instructions, reports=reports, time_limit_s=None, answer=number.answer
        )
        try:
            caller = call.admit(invite, trunk)
        except BridgetapError:
            call.close()
            raise
        log.info("call.taken", call_sid=call.sid, source=invite.source, trunk=invite.trunk, user=invite.user)
        self._spawn(call, lambda: call.serve(caller))

    def _call(
        self,
        *,
        entry: CallEntry,
        instructions: Instructions,
        reports: StatusReports,
        time_limit_s: int | None,
        answer: AnswerMode = "at-once",
        send_digits: str = "",
    ) -> Call:
        return Call(
            exchange=self._exchange,
            entry=entry,
            instructions=instructions,
            reports=reports,
            answer=answer,
            time_limit_s=self._within_limit(time_limit_s) or self._limits.time_limit_s,
            send_digits=send_digits,
        )

    def _within_limit(self, time_limit_s: int | None) -> int | None:
        return None if time_limit_s is None else min(time_limit_s, self._limits.time_limit_s)

    def _instructions(self, wanted: NewCall) -> Instructions:
        match wanted.runs:
            case Voice():
                return wanted.runs
            case str():
                return self._flows.named(wanted.runs)
            case None:
                pass
        try:
            return of_number(self._exchange.router.number(wanted.from_), self._flows)
        except NotFound:
            rule = "nothing runs on that number here; name a flow with Flow, or a document with Url or Twiml"
            raise InvalidInput("From", wanted.from_, rule, code=FROM_INVALID) from None

    def _spawn(self, call: Call, run: Callable[[], Awaitable[None]]) -> None:
        if self._tasks is None:
            raise RuntimeError("calls are taken while run() runs")
        self._taken += 1
        self._live[call.sid] = call
        self._empty.clear()
        self._tasks.create_task(self._root(call, run))

    async def _root(self, call: Call, run: Callable[[], Awaitable[None]]) -> None:
        try:
            await run()
        except Exception:
            # The root of a call's tasks: its fault ends it, and it alone.
            log.exception("call.crashed", call_sid=call.sid)
        finally:
            del self._live[call.sid]
            if not self._live:
                self._empty.set()

    async def _is_empty_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True


def _on_notice(notice: SipNotice) -> None:
    log.warning("sip.notice", kind=notice.kind, source=notice.source, detail=notice.detail, count=notice.count)
