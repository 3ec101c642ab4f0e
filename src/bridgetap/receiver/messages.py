"""What a stream sends, parsed once, strictly, at the socket: the six messages of Twilio's protocol (spec/twilio §2.4),
and those that a stream's options turn on.

The numbers that stand in quotes on the wire (`"sequenceNumber":"2"`) are integers here. A message
that breaks a rule is an `InvalidInput` naming the place (`media.payload`), the value and the rule.
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from bridgetap.errors import InvalidInput
from bridgetap.ids import AccountSid, CallSid, StreamSid

from .fields import Fields

# What a frame carries: one track; where a stream's options say so, both interleaved (inbound left) or their sum.
Track: TypeAlias = Literal["inbound", "outbound", "stereo", "mixed"]


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
class Extensions:
    """What of a stream is not as Twilio has it; a stream without options has none."""

    channels: Literal["separate", "stereo", "mixed"] = "separate"
    framing: Literal["json", "binary"] = "json"
    frame_ms: int = 20
    wall_clock: bool = False
    events: tuple[str, ...] = ()


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
    extensions: Extensions | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """20 ms of one track, or what `start.extensions` says. `chunk` counts per track from 1, `timestamp_ms`
    from the stream's start; `wall_clock_ms` since 1970 where the stream has it."""

    sequence_number: int
    stream_sid: StreamSid
    track: Track
    chunk: int
    timestamp_ms: int
    payload: bytes = field(repr=False)
    wall_clock_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dtmf:
    """A key the caller pressed (bidirectional streams)."""

    sequence_number: int
    stream_sid: StreamSid
    track: Track
    digit: str
    wall_clock_ms: int | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvent:
    """Something else that happened: `hold`, `participant`, or what a later protocol adds. `details` is its
    object as it came, without the times."""

    sequence_number: int
    stream_sid: StreamSid
    name: str
    timestamp_ms: int | None = None
    wall_clock_ms: int | None = None
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LostAudio:
    """Audio of one track that will never come: from when on, by the stream's clock, and how long."""

    track: Track
    timestamp_ms: int
    duration_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Messages that are lost for good, after a cut that was too long. Its own number is that of the last of them."""

    sequence_number: int
    stream_sid: StreamSid
    first_sequence: int
    last_sequence: int
    tracks: tuple[LostAudio, ...]


Message: TypeAlias = Connected | Start | Media | Dtmf | Mark | CallEvent | Gap | Stop


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
    parse = _PARSERS.get(event)
    if parse is None:
        if exact and event not in _EVENTS:
            raise InvalidInput("event", event, f"must be one of {', '.join([*_PARSERS, *_EVENTS])}")
        return _call_event(fields, event)
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
            sample_rate=media_format.number("sampleRate", least=8000, most=48_000),
            channels=media_format.number("channels", least=1, most=2),
        ),
        custom_parameters=start.texts("customParameters"),
        extensions=_extensions(start.inside("extensions")) if start.has("extensions") else None,
    )


def _extensions(fields: Fields) -> Extensions:
    return Extensions(
        channels=_CHANNELS[fields.choice("channels", _CHANNELS)],
        framing=_FRAMINGS[fields.choice("framing", _FRAMINGS)],
        frame_ms=fields.number("frameMs", least=20, most=1000),
        wall_clock=fields.flag("wallClock"),
        events=fields.all_texts("events"),
    )


def _media(fields: Fields) -> Media:
    media = fields.inside("media")
    encoded = media.text("payload")
    try:
        payload = base64.b64decode(encoded, validate=True)
    except ValueError as error:  # binascii.Error, and what is not even ASCII
        raise InvalidInput("media.payload", _short(encoded), f"must be base64: {error}") from None
    return Media(
        sequence_number=fields.counter("sequenceNumber"),
        stream_sid=StreamSid(fields.sid("streamSid", "MZ")),
        track=_CONTENTS[media.choice("track", _CONTENTS)],
        chunk=media.counter("chunk"),
        timestamp_ms=media.counter("timestamp", least=0),
        payload=payload,
        wall_clock_ms=_wall_clock(media),
    )


def _dtmf(fields: Fields) -> Dtmf:
    dtmf = fields.inside("dtmf")
    return Dtmf(
        sequence_number=fields.counter("sequenceNumber"),
        stream_sid=StreamSid(fields.sid("streamSid", "MZ")),
        track=_LONG_TRACKS[dtmf.choice("track", _LONG_TRACKS)],
        digit=dtmf.choice("digit", _DIGITS),
        wall_clock_ms=_wall_clock(dtmf),
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


def _gap(fields: Fields) -> Gap:
    gap = fields.inside("gap")
    return Gap(
        sequence_number=fields.counter("sequenceNumber"),
        stream_sid=StreamSid(fields.sid("streamSid", "MZ")),
        first_sequence=gap.counter("firstSequence"),
        last_sequence=gap.counter("lastSequence"),
        tracks=tuple(
            LostAudio(
                track=_CONTENTS[track.choice("track", _CONTENTS)],
                timestamp_ms=track.counter("timestamp", least=0),
                duration_ms=track.counter("duration", least=0),
            )
            for track in gap.all_inside("tracks")
        ),
    )


def _call_event(fields: Fields, name: str) -> CallEvent:
    body = fields.inside(name) if fields.has(name) else Fields(name, {})
    return CallEvent(
        sequence_number=fields.counter("sequenceNumber"),
        stream_sid=StreamSid(fields.sid("streamSid", "MZ")),
        name=name,
        timestamp_ms=body.counter("timestamp", least=0) if body.has("timestamp") else None,
        wall_clock_ms=_wall_clock(body),
        details=body.rest(),
    )


def _wall_clock(fields: Fields) -> int | None:
    return fields.counter("wallClock") if fields.has("wallClock") else None


_PARSERS: dict[str, Callable[[Fields], Message]] = {
    "connected": _connected,
    "start": _start,
    "media": _media,
    "dtmf": _dtmf,
    "mark": _mark,
    "gap": _gap,
    "stop": _stop,
}
_EVENTS = ("hold", "participant")
_TRACKS: dict[str, Track] = {"inbound": "inbound", "outbound": "outbound"}
_CONTENTS: dict[str, Track] = {**_TRACKS, "stereo": "stereo", "mixed": "mixed"}
_CHANNELS: dict[str, Literal["separate", "stereo", "mixed"]] = {
    "separate": "separate",
    "stereo": "stereo",
    "mixed": "mixed",
}
_FRAMINGS: dict[str, Literal["json", "binary"]] = {"json": "json", "binary": "binary"}
_LONG_TRACKS: dict[str, Track] = {"inbound_track": "inbound", "outbound_track": "outbound"}
_DIGITS = dict.fromkeys("0123456789*#ABCD")


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "…"


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
