"""The document that a called party hears alone, before it is bridged: it may hang up, or let the call come."""

from bridgetap.flow.effects import Dial, HttpRequest, Play, PlayDigits, Say, StartStream, StopStream
from bridgetap.flow.events import DialEnded, DialResult, HttpEnded, StreamRefused
from bridgetap.streams import STREAM_FAILED
from bridgetap.twiml import DocumentAt, TwimlEvent
from bridgetap.twiml.effects import (
    Callback,
    ConnectStream,
    DialWithOptions,
    FetchDocument,
    Gather,
    NotifyAction,
    Pause,
    RejectReason,
    StartStreamWithCallback,
)
from bridgetap.twiml.events import CallUpdated

from .conductor import Conductor, Performed
from .documents import Documents
from .exchange import Exchange
from .gathering import Gathering
from .instructions import Voice
from .keypad import Keypad
from .ledger import CallEntry
from .parties import Party
from .player import Player
from .run import Run
from .twiml_run import TwimlRun

NOT_HERE = "a called party can be bridged, gather keys, hear prompts and hang up; nothing else before it is bridged"


class Screening:
    """One called party's document."""

    def __init__(self, screen: Callback, *, party: Party, entry: CallEntry, exchange: Exchange) -> None:
        self._voice = Voice(source=DocumentAt(url=screen.url, method=screen.method))
        self._party = party
        self._entry = entry
        self._exchange = exchange

    async def run(self) -> bool:
        """Whether the party is to be bridged: its document came to its end, and nobody hung up."""
        conductor = Conductor(
            self._begin(self._voice),
            performer=_Whisper(party=self._party, entry=self._entry, exchange=self._exchange),
            caller=self._party,
            ledger=self._exchange.ledger,
            take_over=self._take_over,
        )
        await conductor.run()
        return not conductor.current.end_reason and not self._party.is_over

    def _begin(self, voice: Voice) -> Run:
        exchange = self._exchange
        return TwimlRun(voice, ledger=exchange.ledger, options=exchange.options, entry=self._entry)

    def _take_over(self, update: CallUpdated) -> Run:
        return self._begin(Voice(source=update.source, fallback=update.fallback))


class _Whisper:
    """What can be done for a party that is not bridged yet."""

    def __init__(self, *, party: Party, entry: CallEntry, exchange: Exchange) -> None:
        self._party = party
        self._entry = entry
        self._ledger = exchange.ledger
        self._player = Player(party, exchange.prompter)
        self._keypad = Keypad(party)
        self._documents = Documents(exchange=exchange, entry=entry)

    async def perform(self, effect: Performed) -> TwimlEvent:
        match effect:
            case Say() | Play() | PlayDigits() | Pause():
                return await self._player.perform(effect)
            case Gather():
                return await Gathering(effect, keypad=self._keypad, player=self._player, warn=self._warn).run()
            case FetchDocument():
                return await self._documents.fetch(effect)
            case Dial() | DialWithOptions():
                self._warn(0, NOT_HERE)
                return DialEnded(effect=effect.id, result=DialResult(status="failed"))
            case StartStream() | StartStreamWithCallback() | StopStream() | ConnectStream():
                return StreamRefused(effect=effect.id, code=STREAM_FAILED, message=NOT_HERE)
            case HttpRequest():
                return HttpEnded(effect=effect.id, status=0, error=NOT_HERE)

    def notify(self, effect: NotifyAction) -> None:
        """Nobody is dialled here."""

    def leave(self) -> None:
        """The end of the document is where the bridge begins; who hung up is seen by the reason."""

    def reject(self, reason: RejectReason) -> None:
        """It is answered already; it is hung up by who dialled it."""

    def caller_left(self) -> bool:
        return False

    def _warn(self, code: int, message: str) -> None:
        self._ledger.notify(level="warning", code=code, message=message, call_sid=self._party.sid)
