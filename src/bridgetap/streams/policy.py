"""What the configuration says of streams: what all of them do, and what some servers are owed: secrets
that must not stand in flows, certificates, authorities."""

from dataclasses import dataclass
from typing import Self

from bridgetap.errors import InvalidStream
from bridgetap.flow.stream_options import TWILIO, StreamOptions
from bridgetap.flow.stream_url import StreamUrl
from bridgetap.webhooks import StatusCallback

ANY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlPattern:
    """`wss://host/path`, or with a `*` at the end of the path all that begins so."""

    url: StreamUrl
    prefix: bool = False

    @classmethod
    def parse(cls, text: str, *, place: str = "url") -> Self:
        prefix = text.endswith(ANY)
        url = StreamUrl.parse(text.removesuffix(ANY), place=place)
        if url.query is not None:
            raise InvalidStream(place, str(url.without_query()), "must not have a query")
        if prefix and not url.path:
            raise InvalidStream(place, text, "a * may stand at the end of a path only: wss://host/*")
        return cls(url=url, prefix=prefix)

    def matches(self, url: StreamUrl) -> bool:
        """The same server, and its path: secrets never go to another host."""
        if (url.host.lower(), url.port) != (self.url.host.lower(), self.url.port):
            return False
        path, ours = url.path or "/", self.url.path or "/"
        return path.startswith(ours) if self.prefix else path == ours


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamServer:
    """What the configuration says of the servers behind one pattern."""

    pattern: UrlPattern
    options: StreamOptions = TWILIO
    trusted_ca: str | None = None  # a PEM file with the only authorities trusted there
    client_certificate: str | None = None  # PEM files
    client_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPolicy:
    """The `[streams]` settings that shape a fork, and the `[[stream_options]]`."""

    max_tracks_per_call: int = 4
    defaults: StreamOptions = TWILIO
    servers: tuple[StreamServer, ...] = ()
    status: StatusCallback | None = None  # of streams that name none
    strict_messages: bool = False  # a field too many in a far end's message is worth a warning (31951)

    def server(self, url: StreamUrl) -> StreamServer | None:
        """The first whose pattern matches."""
        return next((server for server in self.servers if server.pattern.matches(url)), None)

    def options(self, asked: StreamOptions, url: StreamUrl) -> StreamOptions:
        """What counts: the request before the server's entry, that before what all streams do."""
        server = self.server(url)
        return asked.over(server.options.over(self.defaults) if server else self.defaults)
