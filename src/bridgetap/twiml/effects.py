"""What a TwiML document can ask for beyond what a flow can (`flow.effects`).

Wherever a flow's effect says all, that one is asked for. Where TwiML says more, a `…With…` effect
carries the flow's own inside: its `id` is the inner one's, and so is its answer.

The first effect of `NEEDS_MEDIA` answers the call. `Pause` and `Reject` do not: a `Pause` that
stands first lets the caller ring on.
"""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from bridgetap.flow.effects import (
    NEEDS_MEDIA as FLOW_NEEDS_MEDIA,
)
from bridgetap.flow.effects import (
    UNNUMBERED,
    Dial,
    Effect,
    EffectId,
    Play,
    PlayDigits,
    Say,
    StartStream,
    StopStream,
)
from bridgetap.flow.stream_options import TWILIO, StreamOptions
from bridgetap.flow.stream_url import StreamUrl

Method: TypeAlias = Literal["GET", "POST"]
Input: TypeAlias = Literal["dtmf", "speech"]
CallEvent: TypeAlias = Literal["initiated", "ringing", "answered", "completed"]
RejectReason: TypeAlias = Literal["rejected", "busy"]

FETCH_TIMEOUT_S = 15.0  # to the first byte of the answer (spec/twilio §6.2)
MAX_DOCUMENT = 65_536  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """Where to tell what happens; absolute."""

    url: str
    method: Method = "POST"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCallback(Callback):
    """Where to tell how a dialled call goes, and of which events (spec/twilio §6.3)."""

    events: tuple[CallEvent, ...] = ("completed",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Wait, in silence. Answered by `PlayEnded`."""

    id: EffectId = UNNUMBERED
    length_s: int = 1


Prompt: TypeAlias = Say | Play | Pause


@dataclass(frozen=True, slots=True, kw_only=True)
class Gather:
    """Listen for keys or speech while `prompts` are heard, and `timeout_s` longer. The prompts stop
    at the first key, or word where `barge_in`. Answered by `GatherEnded`.

    Keys are complete with `num_digits` of them, with one of `finish_on_key` behind at least one
    other (it is not among the digits), or `timeout_s` after the last.
    """

    id: EffectId = UNNUMBERED
    prompts: tuple[Prompt, ...] = ()
    input: tuple[Input, ...] = ("dtmf",)
    timeout_s: int = 5
    finish_on_key: str = "#"  # any of these; "": none does
    num_digits: int | None = None  # None: as many as come
    speech_timeout_s: int | None = None  # of silence behind speech; None: the recogniser judges
    max_speech_s: int = 60
    language: str = "en-US"
    hints: tuple[str, ...] = ()
    speech_model: str = ""
    profanity_filter: bool = True
    barge_in: bool = True
    partial_results: Callback | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DialledParty:
    """What TwiML says of one of `Dial.targets`, in the same order."""

    send_digits: str = ""  # once it has answered, before it is bridged
    screen: Callback | None = None  # a document for the called party alone, before it is bridged
    status: CallCallback | None = None
    parameters: tuple[tuple[str, str], ...] = ()  # custom, of a `Client`


@dataclass(frozen=True, slots=True, kw_only=True)
class DialWithOptions:
    """A `Dial` with what only TwiML can say of one. Answered as the `Dial` is."""

    dial: Dial
    parties: tuple[DialledParty, ...]
    hangup_on_star: bool = False  # the caller's `*` ends the dialled call
    answer_on_bridge: bool = False  # the caller rings on until a target answers
    sequential: bool = False  # one target after the other
    ring_tone: str = ""  # a country, `us`, of which the caller hears the ringing; "": the account's

    @property
    def id(self) -> EffectId:
        return self.dial.id


@dataclass(frozen=True, slots=True, kw_only=True)
class StartStreamWithCallback:
    """A `StartStream` whose life is told to a server. Answered as the `StartStream` is."""

    start: StartStream
    status: Callback

    @property
    def id(self) -> EffectId:
        return self.start.id


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectStream:
    """Give the caller to a wss server: it hears the inbound track and speaks to the caller, until
    either leaves. Answered by `ConnectEnded` or `StreamRefused`."""

    id: EffectId = UNNUMBERED
    name: str = ""  # "": the stream is named by its SID
    url: StreamUrl
    parameters: tuple[tuple[str, str], ...] = ()
    options: StreamOptions = TWILIO
    status: Callback | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchDocument:
    """Ask for the next document. `parameters` go with those of every voice request (spec/twilio
    §6.2): in the form of a POST, in the query of a GET; signed. HTTP redirects are followed.
    Answered by `DocumentFetched`.
    """

    id: EffectId = UNNUMBERED
    url: str = field(repr=False)  # may hold a password
    method: Method = "POST"
    parameters: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    timeout_s: float = FETCH_TIMEOUT_S
    max_bytes: int = MAX_DOCUMENT  # one byte more is read, so that too many are told from enough


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyAction:
    """The caller left during a dial: tell its action what became of it, as `FetchDocument` would.
    The answer is not run, and the execution is over already. Not answered."""

    url: str = field(repr=False)
    method: Method = "POST"
    parameters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """Refuse the call without answering it; one that is answered already is hung up. Not answered."""

    reason: RejectReason = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Abandon:
    """The call was given another document: end what these effects began. Not answered."""

    effects: tuple[EffectId, ...]


TwimlOnly: TypeAlias = (
    Pause
    | Gather
    | DialWithOptions
    | StartStreamWithCallback
    | ConnectStream
    | FetchDocument
    | NotifyAction
    | Reject
    | Abandon
)
TwimlEffect: TypeAlias = Effect | TwimlOnly
TwimlAnswered: TypeAlias = (
    Say
    | Play
    | PlayDigits
    | Dial
    | StartStream
    | StopStream
    | Pause
    | Gather
    | DialWithOptions
    | StartStreamWithCallback
    | ConnectStream
    | FetchDocument
)

# For isinstance: these answer the call.
NEEDS_MEDIA = (*FLOW_NEEDS_MEDIA, Gather, DialWithOptions, StartStreamWithCallback, ConnectStream)
