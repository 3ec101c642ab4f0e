"""What makes a stream request a good one (spec/twilio §1, §3.4): one place for the Fork Stream
widget, TwiML and REST.

Judged after rendering. A field that is None is not known yet (a template, at validation) and is not
judged. Every rule that is broken is told, with its place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from bridgetap.errors import InvalidStream

from .effects import StartStream, StopStream, Track, Transport
from .stream_options import TWILIO, Option, StreamOptions, read_options
from .stream_url import URL_MALFORMED, StreamUrl

CONNECTOR_UNKNOWN = 31940
TRACK_INVALID = 31941
# An unknown or taken name, too many tracks: the call's own doing, and no more than a warning. What else
# is refused could never have worked, and is an error.
WARNED_OF = frozenset({20404, 20409, TRACK_INVALID})
MAX_PARAMETER = 500  # characters of key and value together, exclusive

TRACKS: Mapping[str, tuple[Track, ...]] = MappingProxyType(
    {
        "": ("inbound",),
        "inbound_track": ("inbound",),
        "outbound_track": ("outbound",),
        "both_tracks": ("inbound", "outbound"),
    }
)
TRANSPORTS: Mapping[str, Transport] = MappingProxyType({"": "websocket", "websocket": "websocket", "siprec": "siprec"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One custom parameter, and where it was written."""

    key: str
    value: str | None
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFields:
    """A request as written: every field a text, "" where it is absent."""

    action: str | None = "start"
    name: str | None = ""
    transport: str | None = ""
    url: str | None = ""
    connector: str | None = ""
    track: str | None = ""
    parameters: Sequence[Parameter] = ()
    options: Sequence[Option] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """What each field is called where the request came from."""

    action: str = "stream_action"
    transport: str = "stream_transport_type"
    url: str = "stream_url"
    connector: str = "stream_connector"
    track: str = "stream_track"

    def under(self, prefix: str) -> "Places":
        """The same below `states[3].properties`."""
        return Places(
            action=f"{prefix}.{self.action}",
            transport=f"{prefix}.{self.transport}",
            url=f"{prefix}.{self.url}",
            connector=f"{prefix}.{self.connector}",
            track=f"{prefix}.{self.track}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What may be asked for, or why not. `asked` is None when anything is wrong, or unknown still."""

    asked: StartStream | StopStream | None
    problems: Sequence[InvalidStream] = field(default_factory=list)
    warnings: Sequence[InvalidStream] = field(default_factory=list)


def judge(fields: StreamFields, places: Places, *, allow_query: bool = False) -> Judgement:
    """Apply every rule."""
    return _Judge(places, allow_query=allow_query).judge(fields)


class _Judge:
    def __init__(self, places: Places, *, allow_query: bool) -> None:
        self.places, self.allow_query = places, allow_query
        self.problems: list[InvalidStream] = []
        self.warnings: list[InvalidStream] = []

    def judge(self, fields: StreamFields) -> Judgement:
        transport = self._transport(fields)
        asked: StartStream | StopStream | None = None
        match fields.action:
            case "start":
                asked = self._start(fields, transport)
            case "stop":
                asked = self._stop(fields, transport)
            case None:
                pass
            case _:
                self._problem(self.places.action, fields.action, "must be start or stop")
        complete = not self.problems and None not in (fields.action, fields.name, fields.transport)
        return Judgement(asked=asked if complete else None, problems=self.problems, warnings=self.warnings)

    def _start(self, fields: StreamFields, transport: Transport) -> StartStream | None:
        parameters = self._parameters(fields.parameters)
        tracks = self._tracks(fields.track)
        options = self._options(fields.options)
        url = self._url(fields.url) if transport == "websocket" and fields.transport is not None else None
        if transport == "siprec" and fields.connector == "":
            self._problem(self.places.connector, "", "siprec needs the name of a connector", CONNECTOR_UNKNOWN)
        if transport == "siprec":
            for option in fields.options:
                if option.value != "":
                    self._problem(option.place, option.name, "is an option of websocket streams")
        if options is not None and options.channels != "separate" and fields.track is not None and len(tracks) == 1:
            place = next(option.place for option in fields.options if option.name == "channels")
            self._problem(place, options.channels, "needs both tracks", TRACK_INVALID)
        unknown = None in (fields.connector, fields.track, parameters, options)
        if unknown or (transport == "websocket" and url is None):
            return None
        return StartStream(
            name=fields.name or "",
            transport=transport,
            url=url,
            connector=fields.connector or "" if transport == "siprec" else "",
            tracks=tracks,
            parameters=parameters or (),
            options=options or TWILIO,
        )

    def _stop(self, fields: StreamFields, transport: Transport) -> StopStream:
        if fields.name == "":
            rule = "no stream is named; the newest of its type is stopped"
            self._warning(self.places.action, fields.action, rule)
        return StopStream(name=fields.name or None, transport=transport)

    def _transport(self, fields: StreamFields) -> Transport:
        """Absent, it is a WebSocket, unless only a connector is named."""
        text = fields.transport
        if text is not None and text not in TRANSPORTS:
            self._problem(self.places.transport, text, "must be websocket or siprec")
        if text == "" and fields.connector and not fields.url:
            return "siprec"
        return TRANSPORTS.get(text or "", "websocket")

    def _tracks(self, track: str | None) -> tuple[Track, ...]:
        if track is not None and track not in TRACKS:
            rule = "must be inbound_track, outbound_track or both_tracks"
            self._problem(self.places.track, track, rule, TRACK_INVALID)
        return TRACKS.get(track or "", ("inbound",))

    def _url(self, text: str | None) -> StreamUrl | None:
        if text is None:
            return None
        if text == "":
            self._problem(self.places.url, text, "a websocket stream needs a wss:// URL", URL_MALFORMED)
            return None
        try:
            url = StreamUrl.parse(text, place=self.places.url)
        except InvalidStream as problem:
            self.problems.append(problem)
            return None
        if url.query is None or self.allow_query:
            return url
        self._warning(self.places.url, str(url.without_query()), "its query is dropped; use stream parameters")
        return url.without_query()

    def _parameters(self, parameters: Sequence[Parameter]) -> tuple[tuple[str, str], ...] | None:
        """In their order, the last of a name winning; None while a value is not known."""
        found: dict[str, str] = {}
        unknown = False
        for parameter in parameters:
            if not parameter.key:
                self._problem(parameter.place, "", "a parameter needs a key")
            if parameter.value is None:
                unknown = True
                continue
            if not parameter.value:
                self._problem(parameter.place, "", f"parameter {parameter.key!r} needs a value")
            size = len(parameter.key) + len(parameter.value)
            if size >= MAX_PARAMETER:
                rule = f"key and value together must be under {MAX_PARAMETER} characters"
                self._problem(parameter.place, f"{size} characters", rule)
            if parameter.key in found:
                self._warning(parameter.place, parameter.key, "the same key twice; the last value is sent")
            found[parameter.key] = parameter.value
        return None if unknown else tuple(found.items())

    def _options(self, written: Sequence[Option]) -> StreamOptions | None:
        read = read_options(written)
        self.problems += read.problems
        options = read.options
        if options is None or self.allow_query or not any(url.query for url in options.fallback_urls):
            return options
        place = next(option.place for option in written if option.name == "fallback_urls")
        bare = tuple(url.without_query() for url in options.fallback_urls)
        self._warning(place, " ".join(map(str, bare)), "their queries are dropped; use stream parameters")
        return replace(options, fallback_urls=bare)

    def _problem(self, place: str, value: object, rule: str, code: int | None = None) -> None:
        self.problems.append(InvalidStream(place, value, rule, code=code))

    def _warning(self, place: str, value: object, rule: str) -> None:
        self.warnings.append(InvalidStream(place, value, rule))
