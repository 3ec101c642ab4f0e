"""What the configuration says of streams, and to which server it says it."""

import pytest

from bridgetap.engine import ForkTarget
from bridgetap.errors import InvalidStream
from bridgetap.flow.stream_options import TWILIO, StreamOptions
from bridgetap.flow.stream_url import StreamUrl
from bridgetap.ids import AccountSid, CallSid, StreamSid
from bridgetap.streams import StreamPolicy, StreamRequest, StreamServer, UrlPattern
from bridgetap.streams.websocket import fork_target


def url(text: str) -> StreamUrl:
    return StreamUrl.parse(text)


def server(pattern: str, **options: object) -> StreamServer:
    return StreamServer(pattern=UrlPattern.parse(pattern), options=StreamOptions.of(**options))


def target(policy: StreamPolicy, options: StreamOptions = TWILIO, to: str = "wss://a.test/in") -> ForkTarget:
    return fork_target(
        StreamRequest(transport="websocket", url=url(to), options=options),
        sid=StreamSid("MZ1"),
        call_sid=CallSid("CA1"),
        account_sid=AccountSid("AC1"),
        policy=policy,
        sign=lambda text: f"signature of {text}",
    )


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("wss://a.test/in", ["wss://a.test/in", "wss://A.test:443/in"], ["wss://a.test/in/2", "wss://a.test:8443/in"]),
        ("wss://a.test/in/*", ["wss://a.test/in/", "wss://a.test/in/2"], ["wss://a.test/in", "wss://b.test/in/2"]),
        ("wss://a.test/*", ["wss://a.test", "wss://a.test/x?q=1"], ["wss://a.test.evil.test/x"]),
        ("wss://a.test", ["wss://a.test", "wss://a.test/"], ["wss://a.test/x"]),
    ],
)
def test_which_urls_a_pattern_means(pattern: str, yes: list[str], no: list[str]) -> None:
    parsed = UrlPattern.parse(pattern)
    assert all(parsed.matches(url(text)) for text in yes)
    assert not any(parsed.matches(url(text)) for text in no)


@pytest.mark.parametrize("text", ["wss://a.test*", "ws://a.test/*", "wss://a.test/x?y=*", "a.test"])
def test_a_pattern_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(InvalidStream):
        UrlPattern.parse(text)


def test_without_any_setting_the_wire_is_twilios() -> None:
    made = target(StreamPolicy())
    (endpoint,) = made.endpoints
    assert endpoint.headers == (("X-Twilio-Signature", "signature of wss://a.test/in"),)
    assert (made.resume, made.max_lag_ms, made.overflow, made.capture_from) == (False, 5000, "skip-to-live", "open")


def test_the_request_counts_over_the_server_and_the_server_over_all() -> None:
    policy = StreamPolicy(
        defaults=StreamOptions.of(resume=True, ring_ms=9000, max_lag_ms=800),
        servers=(server("wss://a.test/*", ring_ms=7000, overflow="close"), server("wss://a.test/in", ring_ms=1)),
    )
    made = target(policy, StreamOptions.of(overflow="skip-to-live"))
    assert (made.resume, made.ring_ms, made.max_lag_ms, made.overflow) == (True, 7000, 800, "skip-to-live")


def test_each_server_gets_its_own_secrets_and_no_other() -> None:
    policy = StreamPolicy(
        servers=(
            server("wss://a.test/*", bearer_token="for-a", fallback_urls=(url("wss://b.test/in"),)),
            StreamServer(pattern=UrlPattern.parse("wss://b.test/*"), trusted_ca="/b.pem"),
        )
    )
    first, second = target(policy, StreamOptions.of(headers=(("X-Tenant", "42"),))).endpoints
    assert first.headers[1:] == (("X-Tenant", "42"), ("Authorization", "Bearer for-a"))
    assert second.headers == (("X-Twilio-Signature", "signature of wss://b.test/in"), ("X-Tenant", "42"))
    assert (first.trusted_ca, second.trusted_ca) == (None, "/b.pem")
    assert "for-a" not in repr(target(policy))
