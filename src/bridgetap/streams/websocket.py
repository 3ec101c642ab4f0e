"""From a stream's URL to what the core needs to dial it: host, port, path and signed handshake headers.

The URL and the parameters were judged where the request came in (`flow.stream_rules`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bridgetap.engine import ForkTarget
from bridgetap.errors import InvalidStream
from bridgetap.flow.stream_url import URL_MALFORMED, StreamUrl
from bridgetap.ids import AccountSid, CallSid, StreamSid
from bridgetap.signing import HEADER
from bridgetap.webhooks import StatusCallback

from .names import StreamRequest

Sign = Callable[[str], str]  # a wss:// URL → the X-Twilio-Signature over it


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPolicy:
    """The `[streams]` settings that shape a fork."""

    max_tracks_per_call: int = 4
    max_lag_ms: int = 5000
    capture_from: Literal["open", "create"] = "open"
    status: StatusCallback | None = None  # of streams that name none
    strict_messages: bool = False  # a field too many in a far end's message is worth a warning (31951)


def fork_target(
    request: StreamRequest,
    *,
    sid: StreamSid,
    call_sid: CallSid,
    account_sid: AccountSid,
    policy: StreamPolicy,
    sign: Sign,
    bidirectional: bool = False,
) -> ForkTarget:
    """What the core dials."""
    url = required_url(request)
    return ForkTarget(
        stream_sid=sid,
        call_sid=call_sid,
        account_sid=account_sid,
        host=url.host,
        port=url.port,
        path=url.request_path,
        tracks=request.tracks,
        parameters=request.parameters,
        headers=((HEADER, sign(str(url))),),
        max_lag_ms=policy.max_lag_ms,
        capture_from="open" if bidirectional else policy.capture_from,
        bidirectional=bidirectional,
        strict_messages=policy.strict_messages,
        events=request.events,
    )


def required_url(request: StreamRequest) -> StreamUrl:
    if request.url is None:
        raise InvalidStream("url", "", "a WebSocket stream needs a wss:// URL", code=URL_MALFORMED)
    return request.url
