"""What the core reports, as frozen dataclasses: one class for each of `_engine.pyi`, same names.

The compiled classes cannot be made in Python and exist only where the core was built; these can,
so a test says what happened in the words the server reads. `from_native` is the one crossing, and
a test holds the fields of both sides together.
"""

from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias

from .handles import DialogId, FlowId, ForkId, Headers, LegId, PlayId, RecordId, RequestId, Transport


def from_native(event: Any) -> "Event":
    """The compiled event as one of ours, field by field."""
    kind = CLASSES[type(event).__name__]
    values = {name: getattr(event, name) for name in FIELDS[kind]}
    if kind is LegClosed:
        values["stats"] = stats_from_native(values["stats"])
    result: Event = kind(**values)
    return result


def stats_from_native(stats: Any) -> "LegStats":
    """A leg's figures as ours."""
    return LegStats(**{name: getattr(stats, name) for name in FIELDS[LegStats]})


# --- SIP -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingCall:
    """A new INVITE that admission let through; `trunk` or `user` says who it is."""

    dialog: DialogId
    trunk: str | None
    user: str | None
    request_uri: str
    from_: str
    to: str
    contact: str
    call_id: str
    headers: Headers
    content_type: str
    body: bytes
    transport: Transport
    source: str
    local: str
    flow: FlowId


@dataclass(frozen=True, slots=True, kw_only=True)
class CallProgress:
    """A provisional response to our INVITE; `early` tells several early dialogs apart."""

    dialog: DialogId
    status: int
    reason: str
    headers: Headers
    content_type: str
    body: bytes
    reliable: bool
    early: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAnswered:
    """A 2xx to our INVITE; with `needs_ack` its body is an offer."""

    dialog: DialogId
    headers: Headers
    content_type: str
    body: bytes
    needs_ack: bool
    contact: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAcked:
    """Our 2xx was acknowledged; `body` is the answer to a delayed offer, else empty."""

    dialog: DialogId
    body: bytes


Cause: TypeAlias = Literal["bye", "cancelled", "rejected", "hung-up", "timeout", "transport"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded:
    """The one end of every dialog."""

    dialog: DialogId
    cause: Cause
    status: int
    reason: str
    headers: Headers
    trouble: str = ""  # why nothing could be sent, for the operator
    tls_failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReofferReceived:
    """A re-INVITE or UPDATE of theirs; an empty `body` asks for our offer."""

    dialog: DialogId
    request: RequestId
    method: Literal["INVITE", "UPDATE"]
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ReofferAnswered:
    """The final answer to our re-INVITE or UPDATE."""

    dialog: DialogId
    status: int
    reason: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ReofferOvertaken:
    """Our re-INVITE or UPDATE waited, and a description of ours went out in an answer meanwhile: it is dropped."""

    dialog: DialogId


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterReceived:
    """An authenticated REGISTER."""

    request: RequestId
    user: str
    to: str
    contacts: list[str]
    expires: int | None
    call_id: str
    cseq: int
    headers: Headers
    transport: Transport
    source: str
    flow: FlowId


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestReceived:
    """Any other request inside a dialog: INFO, REFER, NOTIFY, MESSAGE."""

    dialog: DialogId
    request: RequestId
    method: str
    headers: Headers
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """The final response to `Sip.request`."""

    request: RequestId
    status: int
    reason: str
    headers: Headers
    body: bytes
    flow: FlowId
    local: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowClosed:
    """A connection is gone: what registered over it cannot be called any more (RFC 5626)."""

    flow: FlowId


@dataclass(frozen=True, slots=True, kw_only=True)
class SipNotice:
    """Something an operator should see, at most once per source and second."""

    kind: Literal["malformed", "auth-failed", "refused", "overload", "tls"]
    source: str
    detail: str
    count: int


# --- media ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LegStats:
    """A leg's figures, as the media thread last published them."""

    leg: LegId
    packets_received: int = 0
    packets_sent: int = 0
    bytes_received: int = 0
    lost: int = 0
    late: int = 0
    duplicated: int = 0
    reordered: int = 0
    slips: int = 0
    filled_ms: int = 0
    jitter_ms: float = 0.0
    refused_source: int = 0
    malformed: int = 0
    remote: str = ""
    level_in: float = -127.0  # dBFS; this is silence
    level_out: float = -127.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DtmfPressed:
    """One key, once."""

    leg: LegId
    digit: str
    duration_ms: int
    inband: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayEnded:
    """One `play` or `send_dtmf` is over; `completed` is false where it was stopped."""

    leg: LegId
    play: PlayId
    completed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpTimedOut:
    """No packet for the configured time while one was expected."""

    leg: LegId
    silent_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LegClosed:
    """The last word of a leg."""

    leg: LegId
    stats: LegStats


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkOpened:
    """The far server answered 101; `connected` and `start` are on their way."""

    leg: LegId
    fork: ForkId
    connect_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkReconnecting:
    """There is no connection, or no more; another one is made. `code` and `detail` say why."""

    leg: LegId
    fork: ForkId
    endpoint: int
    wait_ms: int
    code: int
    detail: str
    close_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkResumed:
    """A new connection took the place of one that broke."""

    leg: LegId
    fork: ForkId
    endpoint: int
    down_ms: int
    knows: bool
    frames_replayed: int
    gap_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkLagging:
    """The far end is behind, or audio was dropped (31930)."""

    leg: LegId
    fork: ForkId
    lag_ms: int
    percent: int
    dropped_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkWarned:
    """The far end of a bidirectional fork did what it should not; each code comes once a fork."""

    leg: LegId
    fork: ForkId
    code: int  # 31931, 31950 or 31951
    detail: str


ForkEnd: TypeAlias = Literal["stopped", "call-ended", "remote-closed", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkEnded:
    """The one end of every fork, with its totals."""

    leg: LegId
    fork: ForkId
    reason: ForkEnd
    code: int
    detail: str
    close_code: int
    frames_sent: int
    ms_sent: int
    ms_dropped: int
    ms_repaired: int
    lag_max_ms: int
    reconnects: int
    ms_replayed: int
    ms_missing: int
    latency_p50_us: int
    latency_p99_us: int
    ms_played: int = 0  # of a bidirectional fork


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordEnded:
    """A recording's file is closed; `error` is empty where all went well."""

    leg: LegId
    record: RecordId
    path: str
    duration_ms: int
    ms_dropped: int
    error: str


DialogEvent: TypeAlias = (
    CallProgress
    | CallAnswered
    | CallAcked
    | CallEnded
    | ReofferReceived
    | ReofferAnswered
    | ReofferOvertaken
    | RequestReceived
)
LegEvent: TypeAlias = DtmfPressed | PlayEnded | RtpTimedOut | LegClosed | RecordEnded
ForkEvent: TypeAlias = ForkOpened | ForkReconnecting | ForkResumed | ForkLagging | ForkWarned | ForkEnded
ServerEvent: TypeAlias = IncomingCall | RegisterReceived | FlowClosed | SipNotice
Event: TypeAlias = DialogEvent | LegEvent | ForkEvent | ServerEvent | Response

CLASSES: dict[str, Any] = {
    kind.__name__: kind
    for kind in (
        IncomingCall,
        CallProgress,
        CallAnswered,
        CallAcked,
        CallEnded,
        ReofferReceived,
        ReofferAnswered,
        ReofferOvertaken,
        RegisterReceived,
        RequestReceived,
        Response,
        FlowClosed,
        SipNotice,
        DtmfPressed,
        PlayEnded,
        RtpTimedOut,
        LegClosed,
        ForkOpened,
        ForkReconnecting,
        ForkResumed,
        ForkLagging,
        ForkWarned,
        ForkEnded,
        RecordEnded,
    )
}
FIELDS: dict[Any, tuple[str, ...]] = {
    kind: tuple(field.name for field in fields(kind)) for kind in (*CLASSES.values(), LegStats)
}
