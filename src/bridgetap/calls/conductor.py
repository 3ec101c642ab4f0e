"""Runs a flow on a caller's leg: what the flow asks for is done, what happens is told to it."""

import asyncio
from collections.abc import Mapping
from typing import Literal, TypeAlias, assert_never

import structlog

from bridgetap.engine import Inbox
from bridgetap.errors import BridgetapError
from bridgetap.flow import Execution
from bridgetap.flow.effects import (
    Answered,
    Dial,
    Effect,
    Hangup,
    HttpRequest,
    Log,
    Play,
    PlayDigits,
    Say,
    StartStream,
    StopStream,
)
from bridgetap.flow.events import (
    CallerHungUp,
    CallStarted,
    DialEnded,
    DialStatus,
    Digits,
    Event,
    ExecutionStopped,
    StreamCreated,
    StreamRefused,
    StreamStopped,
)
from bridgetap.ids import ExecutionSid
from bridgetap.streams import STREAM_FAILED, CallStreams, StreamRequest

from .dialling import Dialling
from .exchange import Exchange
from .execution_rows import ExecutionRows
from .flow_book import Program
from .leg_states import Ended, Notice, Pressed, State
from .parties import Parties, Party
from .player import Player

AnswerMode: TypeAlias = Literal["at-once", "on-bridge"]

TEMPORARILY_UNAVAILABLE = 480
UNANSWERED: dict[DialStatus, int] = {"busy": 486, "failed": 503}  # how a caller is refused after a dial


class Conductor:
    """One execution on one caller. `run` returns when the flow is over."""

    def __init__(
        self,
        *,
        exchange: Exchange,
        parties: Parties,
        caller: Party,
        streams: CallStreams,
        program: Program,
        answer: AnswerMode,
        from_: str,
    ) -> None:
        """`from_` is the caller's own number: what a callee sees where the flow names no caller id."""
        self._exchange = exchange
        self._parties = parties
        self._caller = caller
        self._streams = streams
        self._answer = answer
        self._from = from_
        self.execution_sid = ExecutionSid(exchange.ledger.sid("FN"))
        self._execution = Execution(
            program.definition,
            execution_sid=self.execution_sid,
            flow_sid=program.flow_sid,
            options=exchange.options,
        )
        self._rows = ExecutionRows(
            execution=self._execution, program=program, ledger=exchange.ledger, call_sid=caller.sid, contact=from_
        )
        self._player = Player(caller, exchange.prompter)
        self._inbox: Inbox[Event] = Inbox()
        self._dialling: Dialling | None = None
        self._dialled: DialStatus = "no-answer"  # the last one
        self._running: set[asyncio.Task[None]] = set()
        self._log = structlog.get_logger(__name__).bind(
            call_sid=caller.sid, flow_sid=program.flow_sid, execution_sid=self.execution_sid
        )

    def stop(self, reason: str) -> None:
        """End the execution from outside."""
        self._inbox.put(ExecutionStopped(reason=reason))

    async def run(self, call: Mapping[str, str]) -> None:
        """From the trigger to the end. `call` is what the flow sees as `trigger.call`."""
        self._log.info("flow.started")
        clock = self._exchange.ledger.clock
        self._caller.watch(self._heard)
        if self._caller.is_over:
            self._inbox.put(CallerHungUp())
        try:
            async with asyncio.TaskGroup() as tasks:
                effects = self._execution.start(CallStarted(call=call), now_ns=clock.now_ns())
                self._perform(effects, tasks)
                while not self._execution.ended:
                    event = await self._inbox.get()
                    self._perform(self._execution.handle(event, now_ns=clock.now_ns()), tasks)
                for task in self._running:
                    task.cancel()
        finally:
            self._caller.unwatch(self._heard)
            self._rows.close()
            self._log.info("flow.ended", reason=self._execution.end_reason, steps=len(self._execution.steps))

    # -- effects --

    def _perform(self, effects: list[Effect], tasks: asyncio.TaskGroup) -> None:
        """Begin each effect in order. What takes time goes on beside; its answer comes as an event."""
        self._rows.save()
        for effect in effects:
            match effect:
                case Log():
                    self._note(effect)
                case Hangup():
                    self._leave()
                case Say() | Play() | PlayDigits() | Dial() | StartStream() | StopStream() | HttpRequest():
                    self._begin(effect, tasks)
                case _:
                    assert_never(effect)

    def _begin(self, effect: Answered, tasks: asyncio.TaskGroup) -> None:
        self._log.debug("flow.effect", effect=type(effect).__name__, widget=self._execution.current)
        task = tasks.create_task(self._do(effect))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _do(self, effect: Answered) -> None:
        event: Event
        match effect:
            case Say() | Play() | PlayDigits():
                self._open_audio()
                if not self._caller.leg.has_audio:
                    self._caller.answer()  # it has nowhere to send a prompt before the answer
                event = await self._player.perform(effect)
            case Dial():
                event = await self._dial(effect)
            case StartStream():
                self._open_audio()
                event = await self._start_stream(effect)
            case StopStream():
                event = self._stop_stream(effect)
            case HttpRequest():
                event = await self._exchange.http.ask(effect)
            case _:
                assert_never(effect)
        self._inbox.put(event)

    def _leave(self) -> None:
        """End the caller's call. One that was never answered is told what became of the party it wanted."""
        if self._caller.leg.state in (State.CALLING, State.EARLY):
            self._caller.leg.reject(UNANSWERED.get(self._dialled, TEMPORARILY_UNAVAILABLE))
        else:
            self._caller.hang_up()

    def _open_audio(self) -> None:
        """Let the caller hear us: by answering, or before it where the number says so."""
        if self._answer == "at-once":
            self._caller.answer()
        else:
            self._caller.leg.start_early_media()

    async def _dial(self, effect: Dial) -> Event:
        if self._answer == "at-once":
            self._caller.answer()
        self._dialling = Dialling(
            dial=effect,
            caller=self._caller,
            caller_id=effect.caller_id or self._from,
            open_audio=self._open_audio,
            parties=self._parties,
            router=self._exchange.router,
            ledger=self._exchange.ledger,
            tones=self._exchange.prompter,
        )
        try:
            result = await self._dialling.run()
        finally:
            self._dialling = None
        self._dialled = result.status
        if self._caller.is_over:
            return CallerHungUp(dial=result)
        return DialEnded(effect=effect.id, result=result)

    async def _start_stream(self, effect: StartStream) -> Event:
        request = StreamRequest(
            transport=effect.transport,
            name=effect.name,
            url=effect.url,
            connector=effect.connector,
            tracks=effect.tracks,
            parameters=effect.parameters,
        )
        try:
            named = await self._streams.start(request)
        except BridgetapError as error:
            return StreamRefused(effect=effect.id, code=error.code or STREAM_FAILED, message=str(error))
        return StreamCreated(effect=effect.id, sid=named.sid, name=named.name)

    def _stop_stream(self, effect: StopStream) -> Event:
        try:
            self._streams.stop(effect.name, effect.transport)
        except BridgetapError as error:
            return StreamRefused(effect=effect.id, code=error.code or STREAM_FAILED, message=str(error))
        return StreamStopped(effect=effect.id)

    def _note(self, effect: Log) -> None:
        self._exchange.ledger.notify(
            level=effect.level,
            code=effect.code,
            message=effect.message,
            call_sid=self._caller.sid,
            execution_sid=self.execution_sid,
            widget=effect.widget,
        )

    # -- the caller --

    def _heard(self, caller: Party, notice: Notice) -> None:
        match notice:
            case Pressed():
                self._inbox.put(Digits(digits=notice.digits))
            case Ended() if self._dialling is not None:
                self._dialling.caller_left()  # what became of the dial comes with the hang-up
            case Ended():
                self._inbox.put(CallerHungUp())
            case _:
                pass
