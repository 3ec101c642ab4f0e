"""From a stream's URLs to what the core needs to dial them: host, port, path and signed handshake headers.

The URL, the parameters and the options were judged where the request came in (`flow.stream_rules`).
"""

from collections.abc import Callable
from dataclasses import replace

from bridgetap.engine import ForkEndpoint, ForkTarget
from bridgetap.errors import InvalidStream
from bridgetap.flow.option_readers import Headers
from bridgetap.flow.stream_options import StreamOptions
from bridgetap.flow.stream_url import URL_MALFORMED, StreamUrl
from bridgetap.ids import AccountSid, CallSid, StreamSid
from bridgetap.signing import HEADER

from .names import StreamRequest
from .policy import StreamPolicy

Sign = Callable[[str], str]  # a wss:// URL → the X-Twilio-Signature over it


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
    options = policy.options(request.options, url)
    if bidirectional:  # what the far end says cannot be taken up where it broke off
        options = replace(options.without_extensions(), resume=False, capture_from="open")
    urls = (url, *(other for other in options.fallback_urls if other != url))
    return ForkTarget(
        stream_sid=sid,
        call_sid=call_sid,
        account_sid=account_sid,
        endpoints=tuple(_endpoint(one, request.options, policy, sign) for one in urls),
        tracks=request.tracks,
        parameters=request.parameters,
        max_lag_ms=options.lag_bound_ms,
        overflow=options.gives_way,
        capture_from=options.capture_from,
        bidirectional=bidirectional,
        strict_messages=policy.strict_messages,
        events=options.events,
        format=options.format,
        channels=options.channels if len(request.tracks) > 1 else "separate",
        framing=options.framing,
        frame_ms=options.frame_ms,
        wall_clock=options.wall_clock,
        resume=options.resume,
        resume_overlap_ms=options.resume_overlap_ms,
        ring_ms=options.ring_ms,
    )


def required_url(request: StreamRequest) -> StreamUrl:
    if request.url is None:
        raise InvalidStream("url", "", "a WebSocket stream needs a wss:// URL", code=URL_MALFORMED)
    return request.url


def _endpoint(url: StreamUrl, asked: StreamOptions, policy: StreamPolicy, sign: Sign) -> ForkEndpoint:
    """One server: its own entry counts, so that no server is told another one's secrets."""
    options, server = policy.options(asked, url), policy.server(url)
    return ForkEndpoint(
        host=url.host,
        port=url.port,
        path=url.request_path,
        headers=((HEADER, sign(str(url))), *handshake_headers(options)),
        trusted_ca=server.trusted_ca if server else None,
        client_certificate=server.client_certificate if server else None,
        client_key=server.client_key if server else None,
        pins=options.certificate_pins,
    )


def handshake_headers(options: StreamOptions) -> Headers:
    """The headers of a stream's own; a bearer token comes before an Authorization among them."""
    if not options.bearer_token:
        return options.headers
    others = tuple(pair for pair in options.headers if pair[0].lower() != "authorization")
    return (*others, ("Authorization", f"Bearer {options.bearer_token}"))
