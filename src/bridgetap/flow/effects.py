"""All that a widget (or a TwiML verb) can ask for. The conductor in `calls/` carries these out.

An effect that gets an answer has an `id`, unique within its execution and set by the engine; the
event that answers it repeats it as `effect`. Effects are carried out in order. The first effect of
`NEEDS_MEDIA` answers the call, unless the number says `answer = "on-bridge"`.
"""

from dataclasses import dataclass, field
from typing import Literal, NewType, TypeAlias

from .stream_options import TWILIO, StreamOptions
from .stream_url import StreamUrl

EffectId = NewType("EffectId", int)
Transport: TypeAlias = Literal["websocket", "siprec"]
Track: TypeAlias = Literal["inbound", "outbound"]

UNNUMBERED = EffectId(0)  # what a widget leaves there; the engine numbers from 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Speak `text` (SSML allowed) `loop` times, 0 is for ever. Answered by `PlayEnded`."""

    id: EffectId = UNNUMBERED
    text: str
    voice: str = "default"
    language: str = ""  # "": the account's default
    loop: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """Play an audio file by URL or path `loop` times, 0 is for ever. Answered by `PlayEnded`."""

    id: EffectId = UNNUMBERED
    url: str
    loop: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayDigits:
    """Send DTMF to the caller: `0-9A-D#*`, `w` waits 0.5 s, `W` 1 s. Answered by `PlayEnded`."""

    id: EffectId = UNNUMBERED
    digits: str
    loop: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberTarget:
    """A telephone number, as written; the router normalises it and picks the trunk."""

    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SipTarget:
    """A `sip:` or `sips:` URI, with the credentials for its challenge."""

    uri: str
    username: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTarget:
    """A registered phone, by its user name."""

    identity: str


DialTarget: TypeAlias = NumberTarget | SipTarget | ClientTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    """Ring every target at once, bridge the caller with the first that answers. Answered by
    `DialEnded`, or by `CallerHungUp` when the caller leaves first."""

    id: EffectId = UNNUMBERED
    targets: tuple[DialTarget, ...]
    caller_id: str = ""  # "": the caller's own number
    timeout_s: int = 30
    time_limit_s: int = 14_400
    record: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StartStream:
    """Fork the call's audio. Answered by `StreamCreated` (validated, named, budgeted, handed to
    the engine; never waits for the far end) or `StreamRefused`."""

    id: EffectId = UNNUMBERED
    name: str = ""  # "": the stream is named by its SID
    transport: Transport
    url: StreamUrl | None = None  # websocket
    connector: str = ""  # siprec
    tracks: tuple[Track, ...] = ("inbound",)
    parameters: tuple[tuple[str, str], ...] = ()
    options: StreamOptions = TWILIO


@dataclass(frozen=True, slots=True, kw_only=True)
class StopStream:
    """End a fork. `name` None: the newest of that transport, with a warning. Answered by
    `StreamStopped` or `StreamRefused`."""

    id: EffectId = UNNUMBERED
    name: str | None
    transport: Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """Ask a web server. Answered by `HttpEnded`."""

    id: EffectId = UNNUMBERED
    method: Literal["GET", "POST"]
    url: str
    content_type: str = ""
    body: str = field(default="", repr=False)
    timeout_s: float = 10.0
    max_bytes: int = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Hangup:
    """End the caller's call: the path has run out. Not answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """A line for the notification log (spec/twilio §1.5, §3.6). Not answered."""

    level: Literal["warning", "error"]
    code: int
    widget: str
    message: str


Effect: TypeAlias = Say | Play | PlayDigits | Dial | StartStream | StopStream | HttpRequest | Hangup | Log
Answered: TypeAlias = Say | Play | PlayDigits | Dial | StartStream | StopStream | HttpRequest

NEEDS_MEDIA = (Say, Play, PlayDigits, Dial, StartStream)  # for isinstance: these answer the call
