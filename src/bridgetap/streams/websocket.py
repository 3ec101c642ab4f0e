"""From a stream's URL to what the core needs to dial it: host, port, path and signed handshake headers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bridgetap.engine import ForkTarget
from bridgetap.errors import InvalidStream
from bridgetap.flow.stream_url import URL_MALFORMED, StreamUrl
from bridgetap.ids import AccountSid, CallSid, StreamSid

from .names import StreamRequest

PARAMETER_LIMIT = 500  # name and value together stay below it (spec/twilio §3.4)
PARAMETERS_MAX = 99  # REST has Parameter1 … Parameter99 (§5.2)
QUERY_UNSUPPORTED = 31920  # what Twilio documents a query string to cause (§2.2)

Sign = Callable[[str], str]  # a URL → the X-Twilio-Signature over it


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPolicy:
    """The `[streams]` settings that shape a fork."""

    max_tracks_per_call: int = 4
    allow_query: bool = False
    sign_empty_path: bool = False  # sign `wss://host` as written, not `wss://host/` as requested
    max_lag_ms: int = 5000
    capture_from: Literal["open", "create"] = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """A target for the core, and what a person should be told about it."""

    target: ForkTarget
    url: StreamUrl
    warnings: tuple[tuple[int, str], ...] = ()


def handshake(
    request: StreamRequest,
    *,
    sid: StreamSid,
    call_sid: CallSid,
    account_sid: AccountSid,
    policy: StreamPolicy,
    sign: Sign,
) -> Handshake:
    """Raise `InvalidStream` where the request cannot be dialled."""
    if request.url is None:
        raise InvalidStream("url", "", "a WebSocket stream needs a wss:// URL", code=URL_MALFORMED)
    check_parameters(request.parameters)
    url, warnings = request.url, []
    if url.query is not None and not policy.allow_query:
        url = url.without_query()
        message = "the query string is dropped: send parameters, or set streams.allow_query"
        warnings.append((QUERY_UNSUPPORTED, message))
    target = ForkTarget(
        stream_sid=sid,
        call_sid=call_sid,
        account_sid=account_sid,
        host=url.host,
        port=url.port,
        path=url.request_path,
        tracks=request.tracks,
        parameters=request.parameters,
        headers=(("X-Twilio-Signature", sign(signed_url(url, policy))),),
        max_lag_ms=policy.max_lag_ms,
        capture_from=policy.capture_from,
    )
    return Handshake(target=target, url=url, warnings=tuple(warnings))


def signed_url(url: StreamUrl, policy: StreamPolicy) -> str:
    """What the signature is made over: no default port, the path as configured (spec/twilio §6.1)."""
    if not url.path and not policy.sign_empty_path:
        url = StreamUrl(host=url.host, port=url.port, path="/", query=url.query)
    return str(url)


def check_parameters(parameters: tuple[tuple[str, str], ...]) -> None:
    """The rules of `<Parameter>`, for every door (spec/twilio §3.4)."""
    if len(parameters) > PARAMETERS_MAX:
        raise InvalidStream("parameters", len(parameters), f"at most {PARAMETERS_MAX}")
    for index, (name, value) in enumerate(parameters):
        place = f"parameters[{index}]"
        if not name:
            raise InvalidStream(f"{place}.name", name, "must not be empty")
        if not value:
            raise InvalidStream(f"{place}.value", value, "must not be empty")
        if len(name) + len(value) >= PARAMETER_LIMIT:
            rule = f"name and value together must stay below {PARAMETER_LIMIT} characters"
            raise InvalidStream(place, name, rule)
