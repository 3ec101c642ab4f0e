"""The streams of one call: each name once, and a budget of tracks (spec/twilio §2.7)."""

from dataclasses import dataclass, field

from bridgetap.errors import Conflict, InvalidStream, NotFound
from bridgetap.flow.effects import Track, Transport
from bridgetap.flow.stream_options import TWILIO, StreamOptions
from bridgetap.flow.stream_rules import TRACK_INVALID
from bridgetap.flow.stream_url import StreamUrl
from bridgetap.ids import SiprecSid, StreamSid
from bridgetap.webhooks import StatusCallback


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRequest:
    """What was asked for, whichever door it came through."""

    transport: Transport
    name: str = ""  # "": the stream is named by its SID
    url: StreamUrl | None = None
    connector: str = ""
    tracks: tuple[Track, ...] = ("inbound",)
    parameters: tuple[tuple[str, str], ...] = ()
    status: StatusCallback | None = None  # None: `StreamPolicy.status`
    options: StreamOptions = TWILIO


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A stream that takes audio now."""

    sid: StreamSid | SiprecSid
    name: str
    transport: Transport
    tracks: tuple[Track, ...]
    bidirectional: bool = False


@dataclass(slots=True)
class Names:
    """The streams that take audio now, oldest first."""

    max_tracks: int
    _taken: dict[str, Named] = field(default_factory=dict)  # by SID

    def claim(self, request: StreamRequest, sid: StreamSid | SiprecSid, *, bidirectional: bool = False) -> Named:
        """Give a stream its name and its tracks, or say which rule forbids it. A bidirectional one takes
        nothing of the tracks' budget: there is one at a time."""
        name = request.name or sid
        if any(name in (stream.name, stream.sid) for stream in self._taken.values()):
            raise Conflict(f"a stream named {name!r} is running on this call")
        if not request.tracks or len(set(request.tracks)) != len(request.tracks):
            raise InvalidStream("tracks", request.tracks, "one or both, each once", code=TRACK_INVALID)
        if bidirectional:
            self._must_be_the_only_one(request)
        else:
            self._must_fit_the_budget(request)
        named = Named(
            sid=sid, name=name, transport=request.transport, tracks=request.tracks, bidirectional=bidirectional
        )
        self._taken[sid] = named
        return named

    def release(self, sid: str) -> None:
        """The stream takes no more audio: its name and tracks are free."""
        self._taken.pop(sid, None)

    def find(self, name: str, transport: Transport) -> Named:
        """A stream of that type by its name or SID, to be stopped."""
        for stream in self._taken.values():
            if name in (stream.name, stream.sid) and stream.transport == transport:
                if stream.bidirectional:
                    raise Conflict(f"stream {name!r} is bidirectional: it ends with its server or its call")
                return stream
        raise NotFound("stream", name)

    def newest(self, transport: Transport) -> Named:
        """The stream of that type that was started last, of those that can be stopped."""
        for stream in reversed(self._taken.values()):
            if stream.transport == transport and not stream.bidirectional:
                return stream
        raise NotFound("stream of type", transport)

    def all(self) -> list[Named]:
        return list(self._taken.values())

    def _must_fit_the_budget(self, request: StreamRequest) -> None:
        used = sum(len(stream.tracks) for stream in self._taken.values() if not stream.bidirectional)
        if used + len(request.tracks) > self.max_tracks:
            rule = f"{used} of {self.max_tracks} tracks of this call are in use"
            raise InvalidStream("tracks", "+".join(request.tracks), rule, code=TRACK_INVALID)

    def _must_be_the_only_one(self, request: StreamRequest) -> None:
        if request.tracks != ("inbound",):
            rule = "a bidirectional stream hears the inbound track alone"
            raise InvalidStream("tracks", "+".join(request.tracks), rule, code=TRACK_INVALID)
        if any(stream.bidirectional for stream in self._taken.values()):
            raise Conflict("a bidirectional stream is connected to this call already", code=TRACK_INVALID)
