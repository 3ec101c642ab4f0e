"""Reading a body as real peers write it: strict where a value would be used, tolerant everywhere else.

Tolerated: LF or CR alone, blank and NUL tails, a missing `o=`, `s=` or `t=`, lines out of order,
line types nobody knows, bytes that are no UTF-8. Refused, with the line: what has no meaning.
"""

import re
from dataclasses import dataclass, field

from bridgetap.errors import InvalidSdp

from .description import Attribute, Connection, Media, Origin, SessionDescription

MAX_BYTES = 65_536
MAX_LINES = 2_000
MAX_MEDIA = 32

_LINE = re.compile(r"[A-Za-z]=.*", re.DOTALL)
_BREAKS = re.compile(r"\r\n|\n|\r")
_PORT = re.compile(r"(?P<port>[0-9]{1,5})(?:/(?P<count>[0-9]{1,5}))?")


def parse(body: bytes) -> SessionDescription:
    """The description in `body`, or `InvalidSdp` (status 400) with the line, its text and the rule."""
    if len(body) > MAX_BYTES:
        raise InvalidSdp("sdp", f"{len(body)} bytes", f"must be at most {MAX_BYTES} bytes")
    lines = _BREAKS.split(body.decode("utf-8", "surrogateescape").rstrip("\r\n\0 \t"))
    if len(lines) > MAX_LINES:
        raise InvalidSdp("sdp", f"{len(lines)} lines", f"must be at most {MAX_LINES} lines")
    session = _Session()
    media: list[_Media] = []
    if not lines[0].startswith("v="):
        raise InvalidSdp("sdp line 1", _clip(lines[0]), "must begin with v=0")
    for number, raw in enumerate(lines, start=1):
        line = raw.rstrip(" \t\0")
        if not line:
            continue
        if not _LINE.fullmatch(line):
            raise InvalidSdp(f"sdp line {number}", _clip(line), "must be a letter, = and a value")
        reader = _Line(number=number, type=line[0], value=line[2:])
        if reader.type == "m":
            if len(media) == MAX_MEDIA:
                raise reader.refuse(f"at most {MAX_MEDIA} media lines are read")
            media.append(_Media(reader))
        elif media:
            media[-1].read(reader)
        else:
            session.read(reader)
    return session.finish(tuple(one.finish() for one in media))


def _clip(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    number: int
    type: str
    value: str

    @property
    def whole(self) -> str:
        return f"{self.type}={self.value}"

    def refuse(self, rule: str) -> InvalidSdp:
        return InvalidSdp(f"sdp line {self.number}", _clip(self.whole), rule)

    def attribute(self) -> Attribute:
        name, colon, value = self.value.partition(":")
        return Attribute(name=name.strip(), value=value.strip() if colon else None)

    def connection(self) -> Connection:
        parts = self.value.split()
        if len(parts) != 3:
            raise self.refuse("must be a network, an address type and an address: IN IP4 192.0.2.1")
        return Connection(network=parts[0], address_type=parts[1].upper(), address=parts[2])

    def origin(self) -> Origin:
        # Some users write a space into their name: the last five fields are sure.
        parts = self.value.rsplit(maxsplit=5)
        if len(parts) < 6:
            raise self.refuse("must have six fields: user, id, version, network, address type, address")
        user, session_id, version, network, address_type, address = parts
        return Origin(
            user=user,
            session_id=session_id,
            version=version,
            network=network,
            address_type=address_type.upper(),
            address=address,
        )


@dataclass(slots=True)
class _Session:
    version: str = "0"
    origin: Origin | None = None
    connection: Connection | None = None
    single: dict[str, str] = field(default_factory=dict)
    emails: list[str] = field(default_factory=list)
    phones: list[str] = field(default_factory=list)
    bandwidths: list[str] = field(default_factory=list)
    times: list[str] = field(default_factory=list)
    attributes: list[Attribute] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    def read(self, line: _Line) -> None:
        match line.type:
            case "v":
                if line.value.strip() != "0":
                    raise line.refuse("the only version of SDP is 0")
            case "o":
                self.origin = self.origin or line.origin()
            case "c":
                self.connection = self.connection or line.connection()
            case "s" | "i" | "u" | "k":
                self.single.setdefault(line.type, line.value)
            case "e":
                self.emails.append(line.value)
            case "p":
                self.phones.append(line.value)
            case "b":
                self.bandwidths.append(line.value)
            case "t" | "r" | "z":
                self.times.append(line.whole)
            case "a":
                self.attributes.append(line.attribute())
            case _:
                self.others.append(line.whole)

    def finish(self, media: tuple[Media, ...]) -> SessionDescription:
        return SessionDescription(
            version=self.version,
            origin=self.origin,
            name=self.single.get("s"),
            info=self.single.get("i"),
            uri=self.single.get("u"),
            emails=tuple(self.emails),
            phones=tuple(self.phones),
            connection=self.connection,
            bandwidths=tuple(self.bandwidths),
            times=tuple(self.times),
            key=self.single.get("k"),
            attributes=tuple(self.attributes),
            others=tuple(self.others),
            media=media,
        )


class _Media:
    def __init__(self, line: _Line) -> None:
        parts = line.value.split()
        if len(parts) < 3:
            raise line.refuse("must have a kind, a port, a protocol and formats: audio 4000 RTP/AVP 0")
        ports = _PORT.fullmatch(parts[1])
        if ports is None or int(ports["port"]) > 65535:
            raise line.refuse("the port must be 0 to 65535")
        self.kind = parts[0].lower()
        self.port = int(ports["port"])
        self.port_count = int(ports["count"]) if ports["count"] else None
        self.protocol = parts[2]
        self.formats = tuple(parts[3:])
        self.single: dict[str, str] = {}
        self.connections: list[Connection] = []
        self.bandwidths: list[str] = []
        self.attributes: list[Attribute] = []
        self.others: list[str] = []

    def read(self, line: _Line) -> None:
        match line.type:
            case "i" | "k":
                self.single.setdefault(line.type, line.value)
            case "c":
                self.connections.append(line.connection())
            case "b":
                self.bandwidths.append(line.value)
            case "a":
                self.attributes.append(line.attribute())
            case _:
                self.others.append(line.whole)

    def finish(self) -> Media:
        return Media(
            kind=self.kind,
            port=self.port,
            port_count=self.port_count,
            protocol=self.protocol,
            formats=self.formats,
            info=self.single.get("i"),
            connections=tuple(self.connections),
            bandwidths=tuple(self.bandwidths),
            key=self.single.get("k"),
            attributes=tuple(self.attributes),
            others=tuple(self.others),
        )
