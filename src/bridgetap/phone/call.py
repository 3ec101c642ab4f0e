"""One call of a phone: events in, steps out, a report at the end."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from enum import Enum, auto
from pathlib import Path
from typing import assert_never

from bridgetap.engine import (
    CallAcked,
    CallAnswered,
    CallEnded,
    CallProgress,
    Core,
    DialogEvent,
    DialogId,
    DtmfPressed,
    Inbox,
    LegClosed,
    LegEvent,
    LegMedia,
    LegStats,
    PlayEnded,
    PlayId,
    PromptId,
    RecordEnded,
    ReofferAnswered,
    ReofferOvertaken,
    ReofferReceived,
    RequestReceived,
    RtpTimedOut,
)
from bridgetap.errors import BridgetapError, InvalidSdp
from bridgetap.sdp import AgreedMedia, Negotiation, Policy

from .report import Moment, Report
from .script import Answer, HangUp, Play, Reject, Ring, Script, SendDigits, Step, UntilHungUp, Wait

CLOSE_WITHIN_S = 2.0  # how long the core may take to say its last figures


class State(Enum):
    CALLING = auto()  # our INVITE is out
    RINGING = auto()  # theirs is in
    UP = auto()
    ENDED = auto()


class PhoneCall:
    """A call from its INVITE to its last word. Made by `Phone`; `run` is its whole life."""

    def __init__(self, core: Core, *, address: str, label: str, policy: Policy, now: Callable[[], float]) -> None:
        """Opens an RTP leg on `address`; `EngineError` when no port is free."""
        self.state = State.CALLING
        self.heard: Path | None = None  # where to write what the other side says
        self._core = core
        self._now = now
        self._began = now()
        self._setup_s: float | None = None
        self._moments: list[Moment] = []
        self._digits = ""
        self._end: CallEnded | None = None
        self._stats: LegStats | None = None
        self._dialog: DialogId | None = None
        self._offer = b""
        self._recording = False
        self._inbox: Inbox[DialogEvent | LegEvent] = Inbox()
        self._up, self._over, self._leg_closed = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._plays: dict[PlayId, asyncio.Event] = {}
        self._leg = core.media.open_leg(address=address, label=label)
        self._sdp = Negotiation(address=address, port=self._leg.rtp_port, session_id=self._leg.ssrc, policy=policy)
        core.hear_leg(self._leg.id, self._inbox.put)

    # --- how it begins ---------------------------------------------------------------------

    def our_offer(self) -> bytes:
        """The body of our INVITE."""
        return self._sdp.offer()

    def calling(self, dialog: DialogId) -> None:
        """Our INVITE has gone out."""
        self._note("calls")
        self._hear(dialog, State.CALLING)

    def called(self, dialog: DialogId, offer: bytes) -> None:
        """An INVITE of theirs has come."""
        self._note("is called")
        self._offer = offer
        self._hear(dialog, State.RINGING)

    def drop(self) -> None:
        """The INVITE could not be sent: give back the leg."""
        self._leg.close()

    # --- for a live view -------------------------------------------------------------------

    @property
    def stats(self) -> LegStats | None:
        """The last figures of its audio, fresh once a second."""
        return self._stats or self._leg.stats()

    @property
    def began_s(self) -> float:
        """When it began, on the phone's clock: what `at_s` of every moment counts from."""
        return self._began

    @property
    def moments(self) -> tuple[Moment, ...]:
        """What happened up to now."""
        return tuple(self._moments)

    @property
    def dialog(self) -> DialogId:
        if self._dialog is None:
            raise BridgetapError("a phone's call was used before its INVITE")
        return self._dialog

    # --- its life --------------------------------------------------------------------------

    async def run(self, script: Script, load: Callable[[Play], PromptId]) -> Report:
        """Do the steps until they are done or the other side hangs up. `load` gives the prompt of
        a `Play`. Cancelled, it hangs up."""
        try:
            async with asyncio.TaskGroup() as tasks:
                pump = tasks.create_task(self._pump())
                steps = tasks.create_task(self._do(script, load))
                over = tasks.create_task(self._over.wait())
                await asyncio.wait([steps, over], return_when=asyncio.FIRST_COMPLETED)
                steps.cancel()
                if self.state is not State.ENDED:
                    self._note("hangs up")
                    self._core.sip.hang_up(self.dialog)
                await over
                self._leg.close()
                with suppress(TimeoutError):
                    async with asyncio.timeout(CLOSE_WITHIN_S):
                        await self._leg_closed.wait()
                pump.cancel()
        finally:
            if self.state is not State.ENDED:
                self._core.sip.hang_up(self.dialog)
            self._leg.close()
        return self._report()

    async def _do(self, script: Script, load: Callable[[Play], PromptId]) -> None:
        if self.state is State.CALLING:
            await self._up.wait()
        for step in script:
            if isinstance(step, HangUp):
                return
            await self._step(step, load)

    async def _step(self, step: Step, load: Callable[[Play], PromptId]) -> None:
        match step:
            case Ring():
                self._core.sip.progress(self.dialog, status=180, reason="Ringing")
                self._note("rings")
                await asyncio.sleep(step.seconds)
            case Answer():
                self._answer()
                await self._up.wait()
            case Reject():
                self._core.sip.reject(self.dialog, status=step.status, reason=step.reason)
                await self._over.wait()
            case Play():
                self._note(f"says {step.path.name}")
                play = self._leg.play([load(step)], loop=step.loop)
                if step.wait:
                    await self._play_end(play)
            case SendDigits():
                self._note(f"presses {step.digits}")
                await self._play_end(self._leg.send_dtmf(step.digits))
            case Wait():
                await asyncio.sleep(step.seconds)
            case UntilHungUp():
                with suppress(TimeoutError):
                    async with asyncio.timeout(step.at_most_s):
                        await self._over.wait()
            case HangUp():
                pass
            case _:
                assert_never(step)

    def _answer(self) -> None:
        if self._offer:
            try:
                answer = self._sdp.answer(self._offer)
            except InvalidSdp as error:
                self._note(f"cannot use their offer: {error}")
                self._core.sip.reject(self.dialog, status=error.status)
                return
            self._configure(answer.media)
            body = answer.body
        else:  # a delayed offer: theirs is to come with the ACK
            body = self._sdp.offer()
        self._core.sip.answer(self.dialog, body=body)

    async def _play_end(self, play: PlayId) -> None:
        await self._plays.setdefault(play, asyncio.Event()).wait()

    def _report(self) -> Report:
        end = self._end or CallEnded(dialog=self.dialog, cause="hung-up", status=0, reason="", headers=[])
        return Report(
            setup_ms=None if self._setup_s is None else self._setup_s * 1000,
            duration_s=self._now() - self._began,
            cause=end.cause,
            status=end.status,
            reason=end.reason,
            digits=self._digits,
            stats=self._stats,
            heard=self.heard if self._recording else None,
            moments=self.moments,
        )

    # --- events ----------------------------------------------------------------------------

    def _hear(self, dialog: DialogId, state: State) -> None:
        self._dialog = dialog
        self.state = state
        self._core.hear_dialog(dialog, self._inbox.put)

    async def _pump(self) -> None:
        while True:
            self._handle(await self._inbox.get())

    def _handle(self, event: DialogEvent | LegEvent) -> None:
        match event:
            case CallProgress():
                self._note(f"hears {event.status} {event.reason}".rstrip())
                if event.body:
                    self._accept(event.body)
            case CallAnswered():
                self._their_answer(event)
                self._is_up()
            case CallAcked():
                if event.body:
                    self._accept(event.body)
                self._is_up()
            case CallEnded():
                self._end = event
                self.state = State.ENDED
                self._note(f"the call is over: {event.cause}{f' {event.status}' if event.status else ''}")
                self._over.set()
                for play in self._plays.values():
                    play.set()
            case ReofferReceived():
                self._answer_reoffer(event)
            case ReofferAnswered() | ReofferOvertaken() | RtpTimedOut() | RecordEnded():
                pass  # a phone asks for nothing of the kind, and a file that fails is heard in the report
            case RequestReceived():
                self._core.sip.respond(event.request, status=200 if event.method == "INFO" else 405)
            case DtmfPressed():
                self._digits += event.digit
                self._note(f"hears key {event.digit}")
            case PlayEnded():
                self._plays.setdefault(event.play, asyncio.Event()).set()
            case LegClosed():
                self._stats = event.stats
                self._leg_closed.set()
            case _:
                assert_never(event)

    def _is_up(self) -> None:
        if self.state is State.ENDED or self._up.is_set():
            return
        self.state = State.UP
        self._setup_s = self._now() - self._began
        self._note("is connected")
        self._up.set()

    def _their_answer(self, event: CallAnswered) -> None:
        if event.needs_ack:
            answer = self._sdp.answer(event.body)
            self._core.sip.ack(self.dialog, body=answer.body)
            self._configure(answer.media)
        elif event.body:
            self._accept(event.body)

    def _accept(self, body: bytes) -> None:
        try:
            self._configure(self._sdp.accept(body))
        except InvalidSdp as error:
            self._note(f"cannot use their answer: {error}")
            self._core.sip.hang_up(self.dialog)

    def _answer_reoffer(self, event: ReofferReceived) -> None:
        if not event.body:
            self._core.sip.respond(event.request, status=200, body=self._sdp.offer())
            return
        try:
            answer = self._sdp.answer(event.body)
        except InvalidSdp as error:
            self._core.sip.respond(event.request, status=error.status)
            return
        self._configure(answer.media)
        self._core.sip.respond(event.request, status=200, body=answer.body)

    def _configure(self, agreed: AgreedMedia) -> None:
        values = {field.name: getattr(agreed, field.name) for field in fields(AgreedMedia)}
        self._leg.configure(LegMedia(**values))
        if self.heard is not None and not self._recording:
            self._recording = True
            self._leg.record(str(self.heard), tracks=["inbound"])

    def _note(self, text: str) -> None:
        self._moments.append(Moment(at_s=self._now() - self._began, text=text))
