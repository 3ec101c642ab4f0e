"""Dial: rings every target at once, bridges the caller with the first that answers (spec/studio §4)."""

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog

from bridgetap.engine import PromptId
from bridgetap.errors import BridgetapError, ProviderError
from bridgetap.flow.effects import Dial, DialTarget
from bridgetap.flow.events import DialResult, DialStatus
from bridgetap.ids import CallSid
from bridgetap.store import StoreFull

from .bridge import Bridge
from .ledger import Ledger, final_status
from .leg_states import EarlyMedia, Ended, Notice, Ringing
from .parties import Parties, Party
from .ringing import NO_WAY, Ring, rank
from .routing import Router

CANNOT_DIAL = 13224  # Twilio: not a number that can be dialled


class Tone(Protocol):
    """A prompt that is loaded; held on to while it plays."""

    @property
    def id(self) -> int: ...


class Ringback(Protocol):
    """Where the tone comes from that a caller hears while the far phone rings."""

    async def ringback(self) -> Tone: ...


class Dialling:
    """One `Dial` from the first INVITE to the last BYE."""

    def __init__(
        self,
        *,
        dial: Dial,
        caller: Party,
        caller_id: str,
        open_audio: Callable[[], None],
        parties: Parties,
        router: Router,
        ledger: Ledger,
        tones: Ringback,
    ) -> None:
        """`open_audio` lets the caller hear us, by answering or before it, as the number says."""
        self._dial = dial
        self._caller = caller
        self._caller_id = caller_id
        self._open_audio = open_audio
        self._parties = parties
        self._router = router
        self._ledger = ledger
        self._tones = tones
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
        if self._dial.record:
            self._warn(0, "recording a dialled call is not available: it goes on without")
        rings = [ring for target in self._dial.targets if (ring := self._prepare(target)) is not None]
        if not rings:
            return DialResult(status="failed", error_code=self._error_code)
        try:
            self._tone = await self._tones.ringback()
        except ProviderError as error:
            self._log.warning("dial.no_ringback", error=str(error))
        try:
            outcome = await self._first_answer(rings)
            if isinstance(outcome, Party):
                return await self._talk(outcome)
            return DialResult(status=outcome, call_sid=rings[0].entry.record.sid)
        finally:
            self._stop_tone()
            self._part()

    # -- ringing --

    def _prepare(self, target: DialTarget) -> Ring | None:
        """The ring of one target, with its row; None, and a line in the log, where it cannot be dialled."""
        try:
            branches = self._router.branches(target, caller_id=self._caller_id)
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
        try:
            entry.save()
        except StoreFull as error:
            self._warn(CANNOT_DIAL, str(error))
            return None
        return Ring(parties=self._parties, entry=entry, branches=branches, watcher=self._heard)

    async def _first_answer(self, rings: list[Ring]) -> Party | DialStatus:
        self._alone = len(rings) == 1
        best: Party | Ended = NO_WAY
        async with asyncio.TaskGroup() as group:
            tasks = {group.create_task(ring.run()): ring for ring in rings}
            left = group.create_task(self._left.wait())
            deadline = asyncio.get_running_loop().time() + self._dial.timeout_s
            ringing = set(tasks)
            given_up: DialStatus | None = None
            while ringing and given_up is None and not isinstance(best, Party):
                patience = deadline - asyncio.get_running_loop().time()
                done, _ = await asyncio.wait(
                    {*ringing, left}, timeout=max(0, patience), return_when=asyncio.FIRST_COMPLETED
                )
                if left in done:
                    given_up = "canceled"
                elif not done:
                    given_up = "no-answer"
                finished = [task for task in ringing if task in done]
                best = max([best, *(task.result() for task in finished)], key=rank)
                ringing -= set(finished)
            for task in ringing:
                tasks[task].give_up_as("no-answer" if given_up == "no-answer" else "canceled")
                task.cancel()
            left.cancel()
        for task in tasks:  # one that answered in the same moment as the winner, or as its cancellation
            if not task.cancelled() and isinstance(answered := task.result(), Party) and answered is not best:
                answered.hang_up()
        if isinstance(best, Party):
            return best
        status: DialStatus = final_status(best, answered=False, given_up=None)
        return given_up or status

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
        await self._until_over(callee)
        self._part()
        callee.hang_up()
        duration_s = round(self._ledger.clock.monotonic() - began)
        self._log.info("dial.over", callee_sid=callee.sid, duration_s=duration_s)
        return DialResult(status="completed", call_sid=callee.sid, duration_s=duration_s)

    async def _until_over(self, callee: Party) -> None:
        """Until the callee or the caller hangs up, or the time is up."""
        over = asyncio.Event()

        def heard(_: Party, notice: Notice) -> None:
            if isinstance(notice, Ended):
                over.set()

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
