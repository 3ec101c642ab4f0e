"""What is to be examined, and with what a call's stream would have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal, TypeAlias

from bridgetap.errors import InvalidInput
from bridgetap.flow.stream_options import TWILIO, StreamOptions
from bridgetap.flow.stream_url import StreamUrl

Tracks: TypeAlias = Literal["inbound_track", "outbound_track", "both_tracks"]
TRACKS: dict[str, tuple[str, ...]] = {
    "inbound_track": ("inbound",),
    "outbound_track": ("outbound",),
    "both_tracks": ("inbound", "outbound"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where to connect instead of where the URL says: the name in TLS and Host stays the URL's."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Place":
        """`host:port`, an IPv6 address in brackets."""
        host, colon, port = text.rpartition(":")
        bare = host.removeprefix("[").removesuffix("]")
        if not colon or not bare or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            raise InvalidInput("--connect-to", text, "must be host:port, such as 10.0.0.5:8443")
        return cls(host=bare, port=int(port))


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One examination."""

    url: StreamUrl
    token: str | None = field(default=None, repr=False)
    account_sid: str = "AC" + "0" * 32
    parameters: Mapping[str, str] = field(default_factory=dict)
    tracks: Sequence[str] = ("inbound", "outbound")
    shape: StreamOptions = TWILIO  # of the audio; the rest of the options has fields of its own
    seconds: float = 5.0  # of audio in real time; the burst is as long again
    ca_file: Path | None = None
    system_roots: bool = True
    connect_to: Place | None = None
    connect_timeout_s: float = 5.0
    max_lag_s: float = 5.0
    sign_empty_path: bool = False
    allow_query: bool = False  # of the URL; otherwise it is dropped
    user_agent: str = "Bridgetap"
    allow_networks: Sequence[IPv4Network | IPv6Network] = ()
    deny_networks: Sequence[IPv4Network | IPv6Network] = ()
    headers: Sequence[tuple[str, str]] = field(default=(), repr=False)  # of our own, perhaps a bearer token
    client_certificate: Path | None = None
    client_key: Path | None = None
    pins: Sequence[bytes] = ()  # SHA-256 of the public keys that the server may have

    @property
    def place(self) -> Place:
        return self.connect_to or Place(host=self.url.host, port=self.url.port)
