"""What the core hands out and takes: ids as types, and the values that go down with a command."""

from dataclasses import dataclass, field
from typing import Literal, NewType, TypeAlias

DialogId = NewType("DialogId", int)
RequestId = NewType("RequestId", int)
FlowId = NewType("FlowId", int)  # a SIP connection (RFC 5626), not a Studio flow
LegId = NewType("LegId", int)
ForkId = NewType("ForkId", int)
PlayId = NewType("PlayId", int)
PromptId = NewType("PromptId", int)
RecordId = NewType("RecordId", int)

Headers: TypeAlias = list[tuple[str, str]]
Direction: TypeAlias = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
Codec: TypeAlias = Literal["PCMU", "PCMA", "G722"]
Track: TypeAlias = Literal["inbound", "outbound"]
Transport: TypeAlias = Literal["udp", "tcp", "tls"]
Overflow: TypeAlias = Literal["skip-to-live", "drop-oldest", "close"]
CaptureFrom: TypeAlias = Literal["open", "create"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SipConfig:
    """How the SIP thread starts; see `_engine.pyi` for every field."""

    listen: list[str]
    tls_certificate: str | None = None
    tls_key: str | None = None
    trusted_ca: str | None = None
    client_ca: str | None = None
    external_address: str | None = None
    local_networks: tuple[str, ...] = ()
    user_agent: str = "Bridgetap"
    realm: str = "bridgetap"
    max_dialogs: int = 10_000
    calls_per_second: int = 500
    session_expires_s: int = 1800
    min_se_s: int = 90
    name_servers: tuple[str, ...] = ()
    trace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaConfig:
    """How the media threads start; see `_engine.pyi` for every field."""

    ports: tuple[int, int] = (16384, 32767)
    threads: int = 0
    trusted_ca: str | None = None
    system_roots: bool = True
    reorder_ms: int = 40
    tolerance_ms: int = 20
    rtp_timeout_ms: int = 0
    user_agent: str = "Bridgetap"
    connect_timeout_ms: int = 5000
    handshakes_per_second: int = 200
    close_drain_ms: int = 5000
    coalesce_ms: int = 0
    allow_networks: tuple[str, ...] = ()
    deny_networks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """A network from which calls come without a challenge, and the trunk that it is."""

    network: str
    trunk: str


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A phone that may register and call, with the hash of its password."""

    username: str
    ha1: str | None = None
    ha1_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """How to answer a 401 or 407. The password stays out of every repr, and so out of logs."""

    username: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials(username={self.username!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsIdentity:
    """Who we are, and whom we trust, toward one peer over TLS: PEM files, read anew for every call."""

    trusted_ca: str | None = None  # the only authorities trusted there; absent: those of the server
    client_certificate: str | None = None
    client_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LegMedia:
    """What SDP agreed for one leg: payload types and where to send."""

    remote: str
    codec: Codec
    payload_type: int
    remote_rtcp: str = ""
    receive: tuple[tuple[int, Codec], ...] = ()
    telephone_event: int | None = None
    receive_telephone_event: int | None = None
    comfort_noise: int | None = None
    direction: Direction = "sendrecv"
    ptime_ms: int = 20
    symmetric: bool = True
    inband_dtmf: bool = False
    cname: str = ""
    srtp_key: bytes | None = field(default=None, repr=False)  # 16 bytes of key, 14 of salt (RFC 4568 §6.1)
    srtp_peer_key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkEndpoint:
    """One server that a fork may be sent to. Its headers may be secrets: no repr shows them."""

    host: str
    port: int
    path: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    trusted_ca: str | None = None  # a PEM file, as the two below
    client_certificate: str | None = None
    client_key: str | None = None
    pins: tuple[bytes, ...] = ()  # SHA-256 of a SubjectPublicKeyInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkTarget:
    """Where and how to send a copy of a leg's audio."""

    stream_sid: str
    call_sid: str
    account_sid: str
    endpoints: tuple[ForkEndpoint, ...]  # tried in order
    tracks: tuple[Track, ...]
    parameters: tuple[tuple[str, str], ...] = ()
    max_lag_ms: int = 5000
    overflow: Overflow = "skip-to-live"
    capture_from: CaptureFrom = "open"
    bidirectional: bool = False
    strict_messages: bool = False
    events: tuple[Literal["dtmf", "hold", "participant"], ...] = ()
    format: Literal["mulaw", "alaw", "l16-8000", "l16-16000", "l16-24000"] = "mulaw"
    channels: Literal["separate", "stereo", "mixed"] = "separate"
    framing: Literal["json", "binary"] = "json"
    frame_ms: int = 20
    wall_clock: bool = False
    resume: bool = False
    resume_overlap_ms: int = 2000
    ring_ms: int = 30_000
