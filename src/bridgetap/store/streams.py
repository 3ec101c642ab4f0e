"""Streams: one row each, committed before the handshake, closed with reason and totals."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from bridgetap.ids import AccountSid, CallSid, SiprecSid, StreamSid

StreamTransport: TypeAlias = Literal["websocket", "siprec"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRecord:
    """A fork as it stands. Parameter values stay out: they may be secrets."""

    sid: StreamSid | SiprecSid
    account_sid: AccountSid
    call_sid: CallSid
    name: str
    transport: StreamTransport
    url: str  # without a query
    connector: str = ""
    tracks: tuple[str, ...]
    parameter_names: tuple[str, ...] = ()
    created_ns: int
    updated_ns: int
    opened_ns: int | None = None  # the far end answered 101
    ended_ns: int | None = None
    end_reason: str | None = None  # "stopped", "call-ended", "remote-closed", "failed", "crashed"
    code: int | None = None
    detail: str = ""
    close_code: int | None = None
    frames_sent: int = 0
    ms_sent: int = 0
    ms_dropped: int = 0
    ms_repaired: int = 0
    lag_max_ms: int = 0
    latency_p50_us: int = 0
    latency_p99_us: int = 0

    @property
    def is_open(self) -> bool:
        return self.ended_ns is None
