"""Dial: rings its targets at once or one after the other, bridges the caller with the first that is there for it
(spec/studio §4)."""

import asyncio
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import structlog

from bridgetap.errors import BridgetapError, InvalidInput, ProviderError
from bridgetap.flow.effects import DialTarget
from bridgetap.flow.events import DialResult, DialStatus
from bridgetap.ids import CallSid
from bridgetap.store import StoreFull
from bridgetap.twiml.effects import DialledParty, DialWithOptions

from .conversation import Conversation
from .exchange import Exchange
from .ledger import EndedAs, final_status
from .parties import Parties, Party
from .reaching import Declined, Reach, Reached, rank_of
from .ringing import NO_WAY, Ring
from .routing import Branch
from .tones import Tone
from .transfer import TransferDesk
from .waiting import Waiting

CANNOT_DIAL = 13224  # Twilio: not a number that can be dialled
HANG_UP_KEY = "*"

_TOKEN = re.compile(r"[A-Za-z0-9!%*_+`'~.-]{1,64}")  # RFC 3261 §25.1


class Dialling:
    """One `Dial` from the first INVITE to the last BYE."""

    def __init__(
        self,
        *,
        effect: DialWithOptions,
        caller: Party,
        caller_id: str,
        open_audio: Callable[[], None],
        parties: Parties,
        exchange: Exchange,
    ) -> None:
        """`open_audio` lets the caller hear us, by answering or before it, as the number says."""
        self._effect = effect
        self._dial = effect.dial
        self._caller = caller
        self._caller_id = caller_id
        self._parties = parties
        self._exchange = exchange
        self._ledger = exchange.ledger
        self._left = asyncio.Event()
        self._waiting = Waiting(caller, begins=open_audio)
        self._error_code = 0
        self._log = structlog.get_logger(__name__).bind(call_sid=caller.sid)

    def caller_left(self) -> None:
        """The caller hung up: ring and talk no more. `run` returns what had become of it."""
        self._left.set()

    async def run(self) -> DialResult:
        """What became of it. Cancelled, nobody of it rings or talks any more."""
        if self._dial.record:
            self._warn(0, "recording a dialled call is not available: it goes on without")
        result = DialResult(status="failed")
        try:
            self._waiting.tone = await self._ringing_tone()
            for reaches in self._turns():  # their rows are open from now on
                outcome = await self._first_there(reaches)
                if isinstance(outcome, Party):
                    return await self._talk(outcome)
                if isinstance(outcome, Declined):
                    result = DialResult(status="completed", call_sid=outcome.sid, bridged=False)
                else:
                    result = DialResult(status=outcome, call_sid=reaches[0].sid)
                if self._left.is_set():
                    break
                self._waiting.part()  # from its early media
        finally:
            self._waiting.stop()
        return result if result.call_sid else replace(result, error_code=self._error_code)

    # -- ringing --

    def _turns(self) -> Iterator[list[Reach]]:
        """Who is rung at once, one turn after the other."""
        targets = zip(self._dial.targets, self._effect.parties, strict=True)
        turns = ([target] for target in targets) if self._effect.sequential else [list(targets)]
        for turn in turns:
            reaches = [reach for target in turn if (reach := self._prepare(*target)) is not None]
            self._waiting.alone = len(reaches) == 1
            if reaches:
                yield reaches

    async def _ringing_tone(self) -> Tone | None:
        country = self._effect.ring_tone
        try:
            return await self._exchange.prompter.ringback(country)
        except (ProviderError, InvalidInput) as error:
            self._log.warning("dial.no_ringback", error=str(error))
        if not country:
            return None
        self._warn(0, f"no ringing tone is known for {country!r}: the account's is heard")
        self._effect = replace(self._effect, ring_tone="")
        return await self._ringing_tone()

    def _prepare(self, target: DialTarget, options: DialledParty) -> Reach | None:
        """How one target is reached, with its row; None, and a line in the log, where it cannot be dialled."""
        try:
            branches = self._exchange.router.branches(target, caller_id=self._caller_id)
        except BridgetapError as error:
            self._error_code = CANNOT_DIAL
            self._warn(CANNOT_DIAL, str(error))
            return None
        entry = self._ledger.call(
            sid=CallSid(self._ledger.sid("CA")),
            direction="outbound-dial",
            from_=self._caller_id,
            to=branches[0][0].to_number,
            parent_call_sid=self._caller.sid,
        )
        if options.status is not None:
            self._exchange.report(entry, options.status)
        try:
            entry.save()
        except StoreFull as error:
            self._warn(CANNOT_DIAL, str(error))
            return None
        named = [_with_parameters(branch, options.parameters) for branch in branches]
        ring = Ring(parties=self._parties, entry=entry, branches=named, watcher=self._waiting.hear)
        return Reach(ring, options=options, exchange=self._exchange, picked_up=self._waiting.goes_on)

    async def _first_there(self, reaches: list[Reach]) -> Party | Declined | DialStatus:
        best: Reached = NO_WAY
        given_up: DialStatus | None = None
        tasks: dict[asyncio.Task[Reached], Reach] = {}
        try:
            async with asyncio.TaskGroup() as group:
                tasks |= {group.create_task(reach.run()): reach for reach in reaches}
                left = group.create_task(self._left.wait())
                deadline: float | None = asyncio.get_running_loop().time() + self._dial.timeout_s
                waiting = set(tasks)
                while waiting and given_up != "canceled" and not isinstance(best, Party):
                    patience = None if deadline is None else max(0, deadline - asyncio.get_running_loop().time())
                    done, _ = await asyncio.wait(
                        {*waiting, left}, timeout=patience, return_when=asyncio.FIRST_COMPLETED
                    )
                    if left in done:
                        given_up = "canceled"
                    elif not done:  # who has picked up already is not hurried
                        given_up, deadline = "no-answer", None
                        late = {task for task in waiting if not tasks[task].has_picked_up}
                        _give_up(late, tasks, "no-answer")
                        waiting -= late
                    finished = [task for task in tasks if task in waiting and task in done]  # in their order
                    best = max([best, *(task.result() for task in finished)], key=rank_of)
                    waiting -= set(finished)
                _give_up(waiting, tasks, "canceled")
                left.cancel()
        except BaseException:
            best = NO_WAY
            raise
        finally:
            _tidy(tasks, best)
        if isinstance(best, Party) or (isinstance(best, Declined) and given_up != "canceled"):
            return best
        if given_up is not None or isinstance(best, Declined):
            return given_up or "canceled"
        return final_status(best, answered=False, given_up=None)

    # -- talking --

    async def _talk(self, callee: Party) -> DialResult:
        if self._left.is_set() or callee.is_over:
            callee.hang_up()
            return DialResult(status="canceled" if self._left.is_set() else "completed", call_sid=callee.sid)
        bridge = self._waiting.stop(callee)
        self._caller.answer()
        desk = TransferDesk(
            parties=self._parties,
            exchange=self._exchange,
            caller_id=self._caller_id,
            ring_tone=self._effect.ring_tone,
            timeout_s=self._dial.timeout_s,
            call_sid=self._caller.sid,
        )
        key = HANG_UP_KEY if self._effect.hangup_on_star else ""
        talk = Conversation(caller=self._caller, callee=callee, bridge=bridge, desk=desk, hang_up_key=key)
        began = self._ledger.clock.monotonic()
        self._log.info("dial.bridged", callee_sid=callee.sid)
        try:
            await talk.run(limit_s=self._dial.time_limit_s)
        finally:
            talk.callee.hang_up()
        duration_s = round(self._ledger.clock.monotonic() - began)
        self._log.info("dial.over", callee_sid=callee.sid, duration_s=duration_s)
        return DialResult(status="completed", call_sid=callee.sid, duration_s=duration_s)

    def _warn(self, code: int, message: str) -> None:
        self._ledger.notify(level="warning", code=code, message=f"dial: {message}", call_sid=self._caller.sid)


def _give_up(late: set[asyncio.Task[Reached]], reaches: dict[asyncio.Task[Reached], Reach], status: EndedAs) -> None:
    for task in late:
        reaches[task].ring.give_up_as(status)
        task.cancel()


def _tidy(reaches: dict[asyncio.Task[Reached], Reach], best: Reached) -> None:
    """Hang up who answered in the same moment as the winner, or as its cancellation; close the row of one
    that was cancelled before it began."""
    for task, reach in reaches.items():
        answered = None if task.cancelled() or task.exception() is not None else task.result()
        if isinstance(answered, Party) and answered is not best:
            answered.hang_up()
        if not reach.has_picked_up:
            reach.ring.close()


def _with_parameters(branch: Branch, parameters: tuple[tuple[str, str], ...]) -> Branch:
    """A phone is told a `<Client>`'s parameters as headers; what no header can hold is left out."""
    headers = [(f"X-{name}", value) for name, value in parameters if _TOKEN.fullmatch(name) and value.isprintable()]
    if not headers:
        return branch
    return tuple(replace(destination, headers=[*destination.headers, *headers]) for destination in branch)
