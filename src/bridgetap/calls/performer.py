"""Carries out, on a caller's leg, what a flow or a document asks for: an effect in, the event that answers it out."""

from collections.abc import Callable
from typing import Literal, TypeAlias, assert_never

from bridgetap.flow.effects import Dial, HttpRequest, Play, PlayDigits, Say, StartStream, StopStream
from bridgetap.flow.events import CallerHungUp, DialEnded, DialResult, DialStatus
from bridgetap.streams import CallStreams
from bridgetap.twiml import TwimlEvent
from bridgetap.twiml.effects import (
    ConnectStream,
    DialledParty,
    DialWithOptions,
    FetchDocument,
    Gather,
    NotifyAction,
    Pause,
    RejectReason,
    StartStreamWithCallback,
)

from .conductor import Performed
from .dialling import Dialling
from .documents import Documents
from .exchange import Exchange
from .gathering import Gathering
from .keypad import Keypad
from .parties import Parties, Party
from .player import Player
from .stream_effects import StreamEffects

AnswerMode: TypeAlias = Literal["at-once", "on-bridge"]
TEMPORARILY_UNAVAILABLE = 480
UNANSWERED: dict[DialStatus, int] = {"busy": 486, "failed": 503}  # how a caller is refused after a dial
REJECTED: dict[RejectReason, int] = {"busy": 486, "rejected": 603}


class Performer:
    """All that can be done for one caller."""

    def __init__(
        self,
        *,
        exchange: Exchange,
        parties: Parties,
        caller: Party,
        streams: CallStreams,
        documents: Documents,
        answer: AnswerMode,
        from_: str,
    ) -> None:
        """`from_` is the caller's own number: what a callee sees where no caller id is named."""
        self._exchange = exchange
        self._parties = parties
        self._caller = caller
        self._documents = documents
        self._answer = answer
        self._from = from_
        self._player = Player(caller, exchange.prompter)
        self._keypad = Keypad(caller)
        self._streams = StreamEffects(streams, open_audio=self._open_audio, is_over=lambda: caller.is_over)
        self._dialling: Dialling | None = None
        self._dialled: DialStatus = "no-answer"  # the last one

    async def perform(self, effect: Performed) -> TwimlEvent:
        """Until it is done. Cancelled, it leaves nothing of it running."""
        match effect:
            case Say() | Play() | PlayDigits():
                await self._let_hear()
                return await self._player.perform(effect)
            case Pause():
                return await self._player.perform(effect)  # lets an unanswered caller ring on
            case Gather():
                await self._let_hear()
                return await Gathering(effect, keypad=self._keypad, player=self._player, warn=self._warn).run()
            case Dial():
                parties = (DialledParty(),) * len(effect.targets)
                return await self._dial(DialWithOptions(dial=effect, parties=parties))
            case DialWithOptions():
                return await self._dial(effect)
            case StartStream():
                return await self._streams.start(effect)
            case StartStreamWithCallback():
                return await self._streams.start(effect.start, status=effect.status)
            case StopStream():
                return self._streams.stop(effect)
            case ConnectStream():
                await self._caller.until_recorded()
                try:
                    return await self._streams.connect(effect)
                finally:
                    self._keypad.forget()  # the server had them
            case HttpRequest():
                return await self._exchange.http.ask(effect)
            case FetchDocument():
                return await self._documents.fetch(effect)
            case _:
                assert_never(effect)

    def notify(self, effect: NotifyAction) -> None:
        """Tell a server what nobody here waits for."""
        self._documents.notify(effect)

    def leave(self) -> None:
        """End the caller's call. One that was never answered is told what became of the party it wanted."""
        if self._caller.leg.is_unanswered:
            self._caller.leg.reject(UNANSWERED.get(self._dialled, TEMPORARILY_UNAVAILABLE))
        else:
            self._caller.hang_up()

    def reject(self, reason: RejectReason) -> None:
        """Refuse a caller who was not answered."""
        if self._caller.leg.is_unanswered:
            self._caller.leg.reject(REJECTED[reason])
        else:
            self._caller.hang_up()

    def caller_left(self) -> bool:
        """The caller hung up. True where a dial will say so, with what became of it."""
        if self._dialling is None:
            return False
        self._dialling.caller_left()
        return True

    # -- below --

    def _open_audio(self) -> None:
        """Let the caller hear us: by answering, or before it where the number says so."""
        if self._answer == "at-once":
            self._caller.answer()
        else:
            self._caller.leg.start_early_media()

    async def _let_hear(self) -> None:
        await self._caller.until_recorded()
        self._open_audio()
        if not self._caller.leg.has_audio:
            self._caller.answer()  # it has nowhere to send a prompt before the answer

    async def _dial(self, effect: DialWithOptions) -> CallerHungUp | DialEnded:
        await self._caller.until_recorded()  # nobody is rung for a caller who may be refused
        if self._caller.is_over:
            return DialEnded(effect=effect.id, result=DialResult(status="canceled"))
        open_audio: Callable[[], None] = self._open_audio
        if effect.answer_on_bridge:
            open_audio = self._caller.leg.start_early_media
        elif self._answer == "at-once":
            self._caller.answer()
        self._dialling = Dialling(
            effect=effect,
            caller=self._caller,
            caller_id=effect.dial.caller_id or self._from,
            open_audio=open_audio,
            parties=self._parties,
            exchange=self._exchange,
        )
        try:
            result = await self._dialling.run()
        finally:
            self._dialling = None
            self._keypad.forget()  # what was pressed then was meant for the other party
        self._dialled = result.status
        if self._caller.is_over:
            return CallerHungUp(dial=result)
        return DialEnded(effect=effect.id, result=result)

    def _warn(self, code: int, message: str) -> None:
        self._exchange.ledger.notify(level="warning", code=code, message=message, call_sid=self._caller.sid)
