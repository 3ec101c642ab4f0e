"""What a stream sends: six messages, parsed once, strictly, at the socket (spec/twilio §2.4).

The numbers that stand in quotes on the wire (`"sequenceNumber":"2"`) are integers here. A message
that breaks a rule is an `InvalidInput` naming the place (`media.payload`), the value and the rule.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from bridgetap.errors import InvalidInput
from bridgetap.ids import AccountSid, CallSid, StreamSid

from .fields import Fields

Track: TypeAlias = Literal["inbound", "outbound"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """The first message: whom we talk to. It has no sequence number."""

    protocol: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFormat:
    """How payloads are coded: `audio/x-mulaw`, 8000, 1."""

    encoding: str
    sample_rate: int
    channels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The second message: which call, which tracks, and the parameters the flow gave."""

    sequence_number: int
    stream_sid: StreamSid
    account_sid: AccountSid
    call_sid: CallSid
    tracks: tuple[Track, ...]
    media_format: MediaFormat
    custom_parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """20 ms of one track. `chunk` counts per track from 1; `timestamp_ms` from the stream's start."""

    sequence_number: int
    stream_sid: StreamSid
    track: Track
    chunk: int
    timestamp_ms: int
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dtmf:
    """A key the caller pressed (bidirectional streams)."""

    sequence_number: int
    stream_sid: StreamSid
    track: Track
    digit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """All audio sent before the mark of that name has been played (bidirectional streams)."""

    sequence_number: int
    stream_sid: StreamSid
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """The last message: the stream was stopped or its call has ended."""

    sequence_number: int
    stream_sid: StreamSid
    account_sid: AccountSid
    call_sid: CallSid


Message: TypeAlias = Connected | Start | Media | Dtmf | Mark | Stop


def parse_message(text: str | bytes, *, exact: bool = False) -> Message:
    """One text frame. With `exact` a key that the protocol does not have is an error too; without,
    it is passed over, because a later protocol may add some."""
    if isinstance(text, bytes):
        raise InvalidInput("frame", f"{len(text)} bytes", "must be a text frame, not a binary one")
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("frame", _short(text), f"must be JSON: {error}") from None
    fields = Fields("", value)
    event = fields.text("event")
    try:
        parse = _PARSERS[event]
    except KeyError:
        raise InvalidInput("event", event, f"must be one of {', '.join(_PARSERS)}") from None
    message = parse(fields)
    if exact:
        fields.nothing_else()
    return message


def _connected(fields: Fields) -> Connected:
    return Connected(protocol=fields.text("protocol"), version=fields.text("version"))


def _start(fields: Fields) -> Start:
    start = fields.inside("start")
    media_format = start.inside("mediaFormat")
    stream_sid = StreamSid(fields.sid("streamSid", "MZ"))
    if start.text("streamSid") != stream_sid:
        raise InvalidInput("start.streamSid", start.text("streamSid"), f"must be the message's own, {stream_sid}")
    return Start(
        sequence_number=fields.counter("sequenceNumber"),
        stream_sid=stream_sid,
        account_sid=AccountSid(start.sid("accountSid", "AC")),
        call_sid=CallSid(start.sid("callSid", "CA")),
        tracks=tuple(_TRACKS[name] for name in start.choices("tracks", _TRACKS)),
        media_format=MediaFormat(
            encoding=media_format.text("encoding"),
            sample_rate=media_format.number("sampleRate"),
            channels=media_format.number("channels"),
        ),
        custom_parameters=start.texts("customParameters"),
    )


def _media(fields: Fields) -> Media:
    media = fields.inside("media")
    encoded = media.text("payload")
    try:
        payload = base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise InvalidInput("media.payload", _short(encoded), f"must be base64: {error}") from None
    return Media(
        sequence_number=fields.counter("sequenceNumber"),
        stream_sid=StreamSid(fields.sid("streamSid", "MZ")),
        track=_TRACKS[media.choice("track", _TRACKS)],
        chunk=media.counter("chunk"),
        timestamp_ms=media.counter("timestamp", least=0),
        payload=payload,
    )


def _dtmf(fields: Fields) -> Dtmf:
    dtmf = fields.inside("dtmf")
    return Dtmf(
        sequence_number=fields.counter("sequenceNumber"),
        stream_sid=StreamSid(fields.sid("streamSid", "MZ")),
        track=_LONG_TRACKS[dtmf.choice("track", _LONG_TRACKS)],
        digit=dtmf.choice("digit", _DIGITS),
    )


def _mark(fields: Fields) -> Mark:
    return Mark(
        sequence_number=fields.counter("sequenceNumber"),
        stream_sid=StreamSid(fields.sid("streamSid", "MZ")),
        name=fields.inside("mark").text("name"),
    )


def _stop(fields: Fields) -> Stop:
    stop = fields.inside("stop")
    return Stop(
        sequence_number=fields.counter("sequenceNumber"),
        stream_sid=StreamSid(fields.sid("streamSid", "MZ")),
        account_sid=AccountSid(stop.sid("accountSid", "AC")),
        call_sid=CallSid(stop.sid("callSid", "CA")),
    )


_PARSERS: dict[str, Callable[[Fields], Message]] = {
    "connected": _connected,
    "start": _start,
    "media": _media,
    "dtmf": _dtmf,
    "mark": _mark,
    "stop": _stop,
}
_TRACKS: dict[str, Track] = {"inbound": "inbound", "outbound": "outbound"}
_LONG_TRACKS: dict[str, Track] = {"inbound_track": "inbound", "outbound_track": "outbound"}
_DIGITS = dict.fromkeys("0123456789*#ABCD")


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "…"


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
