"""`[sip]`, `[media]`, `[http]`: where the server listens and how it speaks."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from .base import Section, broken
from .values import Cidr, CommaList, FilePath, HostPort, HttpListen, HttpUrl, IpAddress, Listen, ListenAddress

Codec: TypeAlias = Literal["PCMU", "PCMA", "G722"]
CODECS: tuple[Codec, ...] = ("PCMU", "PCMA", "G722")

Codecs = Annotated[tuple[Codec, ...], CommaList, Field(min_length=1)]


class SipSettings(Section):
    """SIP signalling."""

    listen: Annotated[tuple[Listen, ...], CommaList, Field(min_length=1)] = Field(
        default=(ListenAddress.parse("udp://127.0.0.1:5060"), ListenAddress.parse("tcp://127.0.0.1:5060")),
        description="Addresses to listen on: `udp://`, `tcp://` or `tls://`, IP address, port (0 takes a free one).",
    )
    tls_certificate: FilePath | None = Field(
        default=None, description="PEM file with the certificate chain for `tls://`."
    )
    tls_key: FilePath | None = Field(default=None, description="PEM file with the private key of `tls_certificate`.")
    trusted_ca: FilePath | None = Field(
        default=None, description="PEM file with authorities trusted beside the system's when calling out over TLS."
    )
    external_address: IpAddress | None = Field(
        default=None, description="The address that peers outside `local_networks` see, when a NAT stands in between."
    )
    local_networks: Annotated[tuple[Cidr, ...], CommaList] = Field(
        default=(), description="Networks reached without the NAT of `external_address`."
    )
    user_agent: str = Field(
        default="Bridgetap", min_length=1, description="`User-Agent` and `Server` of every message."
    )
    realm: str = Field(default="bridgetap", min_length=1, description="Realm of the digest challenge.")
    calls_per_second: int = Field(
        default=500, ge=1, description="New INVITEs a second; above it, 503 with Retry-After."
    )
    session_expires_s: int = Field(default=1800, ge=90, description="Session timer offered to peers (RFC 4028).")
    min_se_s: int = Field(default=90, ge=90, description="Shortest session timer accepted (RFC 4028).")
    name_servers: Annotated[tuple[IpAddress, ...], CommaList] = Field(
        default=(), description="DNS servers to ask instead of the system's."
    )

    @model_validator(mode="after")
    def _tls_is_whole(self) -> "SipSettings":
        if any(address.transport == "tls" for address in self.listen) and self.tls_certificate is None:
            raise broken("tls_certificate", "required, because `listen` holds a tls:// address")
        if self.tls_certificate is not None and self.tls_key is None:
            raise broken("tls_key", "required beside tls_certificate")
        if self.tls_key is not None and self.tls_certificate is None:
            raise broken("tls_certificate", "required beside tls_key")
        if self.min_se_s > self.session_expires_s:
            raise broken("min_se_s", "must not be above session_expires_s")
        return self


class MediaSettings(Section):
    """RTP."""

    ports: Annotated[tuple[int, int], CommaList] = Field(
        default=(16384, 32767), description="First and last UDP port for RTP and RTCP; a leg takes two."
    )
    address: IpAddress | None = Field(
        default=None, description="Address to bind RTP on. Absent: the one on which the call's SIP came in."
    )
    threads: int = Field(
        default=0, ge=0, le=256, description="Media threads; 0 is the number of cores − 1, at least 1."
    )
    codecs: Codecs = Field(default=CODECS, description="Codecs offered and accepted, most wanted first.")
    reorder_ms: int = Field(
        default=40, ge=0, le=500, description="How long a missing packet is waited for before silence takes its place."
    )
    rtp_timeout_ms: int = Field(
        default=60_000, ge=0, description="End a leg from which nothing was heard for so long, holds aside; 0 is never."
    )

    @model_validator(mode="after")
    def _ports_are_a_range(self) -> "MediaSettings":
        first, last = self.ports
        if not 1024 <= first < last <= 65535:
            raise broken("ports", "must be two ports, 1024 ≤ first < last ≤ 65535")
        return self

    @property
    def legs(self) -> int:
        """How many legs the port range can carry."""
        first, last = self.ports
        return (last + 1) // 2 - (first + 1) // 2


class HttpSettings(Section):
    """The REST API."""

    listen: HttpListen = Field(
        default=HostPort.parse("127.0.0.1:8080"),
        description="Address of the REST API, health and metrics.",
    )
    public_url: HttpUrl | None = Field(
        default=None, description="How others reach `listen`; absent: `http://` and the address bound."
    )
    metrics_public: bool = Field(default=False, description="Whether `/metrics` is served without credentials.")
