"""A session description as values: every field kept, in order (RFC 8866). `parse` and `str` undo each other."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Literal, Self, TypeAlias

AddressType: TypeAlias = Literal["IP4", "IP6"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """`a=name` (value None) or `a=name:value`."""

    name: str
    value: str | None = None

    def __str__(self) -> str:
        return self.name if self.value is None else f"{self.name}:{self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """`o=`: who made this description; `version` tells one change from the next. Numbers stay text:
    they may have more digits than anyone counts."""

    user: str = "-"
    session_id: str
    version: str
    network: str = "IN"
    address_type: str
    address: str

    def __str__(self) -> str:
        return f"{self.user} {self.session_id} {self.version} {self.network} {self.address_type} {self.address}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """`c=`: where to send. `address` is as written: an IP address, a host name, a multicast group with its TTL."""

    network: str = "IN"
    address_type: str
    address: str

    @classmethod
    def of(cls, address: IPv4Address | IPv6Address) -> Self:
        return cls(address_type=f"IP{address.version}", address=str(address))

    def __str__(self) -> str:
        return f"{self.network} {self.address_type} {self.address}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """One `m=` line and all that stands below it."""

    kind: str
    port: int
    port_count: int | None = None
    protocol: str
    formats: tuple[str, ...]
    info: str | None = None
    connections: tuple[Connection, ...] = ()
    bandwidths: tuple[str, ...] = ()
    key: str | None = None
    attributes: tuple[Attribute, ...] = ()
    others: tuple[str, ...] = ()  # lines of a type that RFC 8866 does not know, whole

    def attribute(self, name: str) -> Attribute | None:
        """The first attribute of that name."""
        return next((a for a in self.attributes if a.name == name), None)

    def values(self, name: str) -> list[str]:
        """The values of every attribute of that name, in order."""
        return [a.value for a in self.attributes if a.name == name and a.value is not None]

    def lines(self) -> list[str]:
        ports = str(self.port) if self.port_count is None else f"{self.port}/{self.port_count}"
        return [
            f"m={' '.join((self.kind, ports, self.protocol, *self.formats))}",
            *([f"i={self.info}"] if self.info is not None else []),
            *(f"c={connection}" for connection in self.connections),
            *(f"b={bandwidth}" for bandwidth in self.bandwidths),
            *([f"k={self.key}"] if self.key is not None else []),
            *(f"a={attribute}" for attribute in self.attributes),
            *self.others,
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDescription:
    """The whole body. What a sloppy peer left out (`o=`, `s=`, `t=`) is None or empty here."""

    version: str = "0"
    origin: Origin | None = None
    name: str | None = "-"
    info: str | None = None
    uri: str | None = None
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    connection: Connection | None = None
    bandwidths: tuple[str, ...] = ()
    times: tuple[str, ...] = ("t=0 0",)  # t=, r= and z= lines, whole: their order means something
    key: str | None = None
    attributes: tuple[Attribute, ...] = ()
    others: tuple[str, ...] = ()
    media: tuple[Media, ...] = ()

    def attribute(self, name: str) -> Attribute | None:
        """The first attribute of that name at session level."""
        return next((a for a in self.attributes if a.name == name), None)

    def lines(self) -> list[str]:
        return [
            f"v={self.version}",
            *([f"o={self.origin}"] if self.origin is not None else []),
            *([f"s={self.name}"] if self.name is not None else []),
            *([f"i={self.info}"] if self.info is not None else []),
            *([f"u={self.uri}"] if self.uri is not None else []),
            *(f"e={email}" for email in self.emails),
            *(f"p={phone}" for phone in self.phones),
            *([f"c={self.connection}"] if self.connection is not None else []),
            *(f"b={bandwidth}" for bandwidth in self.bandwidths),
            *self.times,
            *([f"k={self.key}"] if self.key is not None else []),
            *(f"a={attribute}" for attribute in self.attributes),
            *self.others,
            *(line for media in self.media for line in media.lines()),
        ]

    def __str__(self) -> str:
        return "".join(f"{line}\r\n" for line in self.lines())

    def __bytes__(self) -> bytes:
        return str(self).encode("utf-8", "surrogateescape")
