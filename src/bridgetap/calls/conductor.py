"""Runs a flow or documents for one caller: what they ask for is done, what happens is told to them."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, assert_never

import structlog

from bridgetap.engine import Inbox
from bridgetap.flow.effects import (
    Dial,
    EffectId,
    Hangup,
    HttpRequest,
    Log,
    Play,
    PlayDigits,
    Say,
    StartStream,
    StopStream,
)
from bridgetap.flow.events import CallerHungUp, Digits, ExecutionStopped
from bridgetap.twiml import TwimlEffect, TwimlEvent
from bridgetap.twiml.effects import (
    Abandon,
    ConnectStream,
    DialWithOptions,
    FetchDocument,
    Gather,
    NotifyAction,
    Pause,
    Reject,
    RejectReason,
    StartStreamWithCallback,
)
from bridgetap.twiml.events import CallUpdated

from .ledger import Ledger
from .leg_states import Ended, Notice, Pressed
from .parties import Party
from .run import Run

TAKEN_OVER = "taken over by a document"

Performed: TypeAlias = (
    Say
    | Play
    | PlayDigits
    | Pause
    | Gather
    | Dial
    | DialWithOptions
    | StartStream
    | StartStreamWithCallback
    | StopStream
    | ConnectStream
    | HttpRequest
    | FetchDocument
)


class Performing(Protocol):
    """Who carries out what is asked for."""

    async def perform(self, effect: Performed) -> TwimlEvent:
        """Until it is done; the event that answers it. Cancelled, it leaves nothing of it running."""
        ...

    def notify(self, effect: NotifyAction) -> None:
        """Tell a server what nobody here waits for."""

    def leave(self) -> None:
        """End the caller's call."""

    def reject(self, reason: RejectReason) -> None:
        """Refuse a caller who was not answered."""

    def caller_left(self) -> bool:
        """The caller hung up. True where a dial will say so, with what became of it."""
        ...


@dataclass(frozen=True, slots=True)
class _Said:
    """An event, and who it is for: an answer is worth nothing to a run that did not ask."""

    event: TwimlEvent
    run: Run | None = None  # None: whichever runs


News: TypeAlias = _Said | CallUpdated


class Conductor:
    """One run on one caller, and whatever takes its place. `run` returns when the last of them is over."""

    def __init__(
        self,
        run: Run,
        *,
        performer: Performing,
        caller: Party,
        ledger: Ledger,
        take_over: Callable[[CallUpdated], Run],
    ) -> None:
        """`take_over` makes the run that follows one that cannot go on with a document itself."""
        self._run = run
        self._performer = performer
        self._caller = caller
        self._ledger = ledger
        self._take_over = take_over
        self._inbox: Inbox[News] = Inbox()
        self._tasks: dict[asyncio.Task[None], Performed] = {}
        self._over = False
        self._log = structlog.get_logger(__name__).bind(call_sid=caller.sid)

    @property
    def current(self) -> Run:
        """What runs, or ran last."""
        return self._run

    @property
    def is_over(self) -> bool:
        """The last run is over: nothing takes its place any more."""
        return self._over

    def stop(self, reason: str) -> None:
        """End it from outside."""
        self._inbox.put(_Said(ExecutionStopped(reason=reason)))

    def update(self, update: CallUpdated) -> None:
        """Go on with another document, wherever it is now. Streams go on."""
        self._inbox.put(update)

    async def run(self) -> None:
        """From the first effect to the end."""
        self._caller.watch(self._heard)
        if self._caller.is_over:
            self._inbox.put(_Said(CallerHungUp()))
        self._log.info("run.started", **self._run.facts)
        try:
            async with asyncio.TaskGroup() as tasks:
                try:
                    await self._perform(self._run.begin(), tasks)
                    while not self._run.ended:
                        await self._take(await self._inbox.get(), tasks)
                finally:
                    self._over = True
                for task in self._tasks:
                    task.cancel()
        finally:
            self._caller.unwatch(self._heard)
            self._close()

    async def _take(self, news: News, tasks: asyncio.TaskGroup) -> None:
        match news:
            case CallUpdated():
                await self._go_on_with(news, tasks)
            case _Said() if news.run is None or news.run is self._run:
                await self._perform(self._run.handle(news.event), tasks)
            case _Said():
                pass  # the run that asked is over

    async def _go_on_with(self, update: CallUpdated, tasks: asyncio.TaskGroup) -> None:
        effects = self._run.handle(update)
        if effects:
            await self._perform(effects, tasks)
            return
        # A flow has no place for a document: it ends here, without hanging up.
        self._run.handle(ExecutionStopped(reason=TAKEN_OVER))
        self._close()
        await self._abandon({effect.id for effect in self._tasks.values()})
        self._run = self._take_over(update)
        self._log.info("run.started", **self._run.facts)
        await self._perform(self._run.begin(), tasks)

    def _close(self) -> None:
        self._run.close()
        self._log.info("run.ended", reason=self._run.end_reason, **self._run.facts)

    # -- effects --

    async def _perform(self, effects: Sequence[TwimlEffect], tasks: asyncio.TaskGroup) -> None:
        """Begin each effect in order. What takes time goes on beside; its answer comes as an event."""
        for effect in effects:
            match effect:
                case Log():
                    self._note(effect)
                case Hangup():
                    self._performer.leave()
                case Reject():
                    self._performer.reject(effect.reason)
                case NotifyAction():
                    self._performer.notify(effect)
                case Abandon():
                    await self._abandon(set(effect.effects))
                case (
                    Say()
                    | Play()
                    | PlayDigits()
                    | Pause()
                    | Gather()
                    | Dial()
                    | DialWithOptions()
                    | StartStream()
                    | StartStreamWithCallback()
                    | StopStream()
                    | ConnectStream()
                    | HttpRequest()
                    | FetchDocument()
                ):
                    self._begin(effect, tasks)
                case _:
                    assert_never(effect)

    def _begin(self, effect: Performed, tasks: asyncio.TaskGroup) -> None:
        self._log.debug("run.effect", effect=type(effect).__name__, at=self._run.current)
        task = tasks.create_task(self._do(effect, self._run))
        self._tasks[task] = effect
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    async def _do(self, effect: Performed, run: Run) -> None:
        event = await self._performer.perform(effect)
        self._inbox.put(_Said(event, None if isinstance(event, CallerHungUp) else run))

    async def _abandon(self, effects: Iterable[EffectId]) -> None:
        """Until nothing of them runs: what comes next must find the caller's leg free. Streams go on, also
        one that is just being written down: it takes nothing of the leg."""
        abandoned = [
            task
            for task, effect in self._tasks.items()
            if effect.id in effects and not isinstance(effect, StartStream | StartStreamWithCallback)
        ]
        for task in abandoned:
            task.cancel()
        if abandoned:
            await asyncio.wait(abandoned)
            if self._caller.is_over:  # a dial would have said so
                self._inbox.put(_Said(CallerHungUp()))

    def _note(self, effect: Log) -> None:
        self._ledger.notify(
            level=effect.level,
            code=effect.code,
            message=effect.message,
            call_sid=self._caller.sid,
            execution_sid=self._run.execution_sid,
            widget=effect.widget,
        )

    # -- the caller --

    def _heard(self, caller: Party, notice: Notice) -> None:
        match notice:
            case Pressed():
                self._inbox.put(_Said(Digits(digits=notice.digits)))
            case Ended() if not self._performer.caller_left():
                self._inbox.put(_Said(CallerHungUp()))
            case _:
                pass
