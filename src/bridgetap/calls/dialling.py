"""Dial: rings its targets at once or one after the other, bridges the caller with the first that is there for it
(spec/studio §4)."""

import asyncio
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import structlog

from bridgetap.engine import PromptId
from bridgetap.errors import BridgetapError, InvalidInput, ProviderError
from bridgetap.flow.effects import DialTarget
from bridgetap.flow.events import DialResult, DialStatus
from bridgetap.ids import CallSid
from bridgetap.store import StoreFull
from bridgetap.twiml.effects import DialledParty, DialWithOptions

from .bridge import Bridge
from .exchange import Exchange
from .ledger import EndedAs, final_status
from .leg_states import EarlyMedia, Ended, Notice, Pressed, Ringing
from .parties import Parties, Party
from .reaching import Declined, Reach, Reached, rank_of
from .ringing import NO_WAY, Ring
from .routing import Branch
from .tones import Tone

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
        self._open_audio = open_audio
        self._parties = parties
        self._exchange = exchange
        self._ledger = exchange.ledger
        self._left = asyncio.Event()
        self._tone: Tone | None = None
        self._tone_plays = False
        self._bridge: Bridge | None = None
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
            for reaches in self._turns():
                if self._tone is None:
                    self._tone = await self._ringing_tone()
                outcome = await self._first_there(reaches)
                if isinstance(outcome, Party):
                    return await self._talk(outcome)
                if isinstance(outcome, Declined):
                    result = DialResult(status="completed", call_sid=outcome.sid, bridged=False)
                else:
                    result = DialResult(status=outcome, call_sid=reaches[0].sid)
                if self._left.is_set():
                    break
                self._part()  # from its early media
        finally:
            self._stop_tone()
            self._part()
        return result if result.call_sid else replace(result, error_code=self._error_code)

    # -- ringing --

    def _turns(self) -> Iterator[list[Reach]]:
        """Who is rung at once, one turn after the other."""
        targets = zip(self._dial.targets, self._effect.parties, strict=True)
        turns = ([target] for target in targets) if self._effect.sequential else [list(targets)]
        for turn in turns:
            reaches = [reach for target in turn if (reach := self._prepare(*target)) is not None]
            self._alone = len(reaches) == 1
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
        ring = Ring(parties=self._parties, entry=entry, branches=named, watcher=self._heard)
        return Reach(ring, options=options, exchange=self._exchange, picked_up=self._picked_up)

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

    def _heard(self, party: Party, notice: Notice) -> None:
        match notice:
            case EarlyMedia() if self._alone and self._bridge is None:
                self._stop_tone()
                self._open_audio()
                self._bridge = Bridge(self._caller, party)
            case Ringing() if self._bridge is None:
                self._open_audio()
                self._start_tone()
            case Ended() if self._bridge is not None and party is self._bridge.other:
                self._part()
            case _:
                pass

    def _picked_up(self) -> None:
        """Somebody will hear something that is not for the caller: who waits on."""
        self._part()
        self._open_audio()
        self._start_tone()

    # -- talking --

    async def _talk(self, callee: Party) -> DialResult:
        if self._left.is_set() or callee.is_over:
            callee.hang_up()
            return DialResult(status="canceled" if self._left.is_set() else "completed", call_sid=callee.sid)
        self._stop_tone()
        self._caller.answer()
        if self._bridge is None or self._bridge.other is not callee:
            self._part()
            self._bridge = Bridge(self._caller, callee)
        self._bridge.reflect()
        began = self._ledger.clock.monotonic()
        self._log.info("dial.bridged", callee_sid=callee.sid)
        try:
            await self._until_over(callee)
        finally:
            self._part()
            callee.hang_up()
        duration_s = round(self._ledger.clock.monotonic() - began)
        self._log.info("dial.over", callee_sid=callee.sid, duration_s=duration_s)
        return DialResult(status="completed", call_sid=callee.sid, duration_s=duration_s)

    async def _until_over(self, callee: Party) -> None:
        """Until the callee or the caller hangs up, the caller's key ends it, or the time is up."""
        over = asyncio.Event()

        def heard(party: Party, notice: Notice) -> None:
            match notice:
                case Ended():
                    over.set()
                case Pressed() if self._effect.hangup_on_star and party is self._caller:
                    if HANG_UP_KEY in notice.digits:
                        over.set()
                case _:
                    pass

        callee.watch(heard)
        self._caller.watch(heard)
        try:
            async with asyncio.timeout(self._dial.time_limit_s):
                await over.wait()
        except TimeoutError:
            self._log.info("dial.time_limit", time_limit_s=self._dial.time_limit_s)
        finally:
            callee.unwatch(heard)
            self._caller.unwatch(heard)

    # -- what the caller hears --

    def _start_tone(self) -> None:
        if self._tone is not None and not self._tone_plays and self._caller.leg.has_audio:
            self._tone_plays = True
            self._caller.leg.rtp.play([PromptId(self._tone.id)], loop=0)

    def _stop_tone(self) -> None:
        if self._tone_plays:
            self._tone_plays = False
            self._caller.leg.rtp.stop_play()

    def _part(self) -> None:
        if self._bridge is not None:
            self._bridge.close()
            self._bridge = None

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
