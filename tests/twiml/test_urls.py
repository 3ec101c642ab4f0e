"""Where a URL in a document leads."""

import pytest

from bridgetap.errors import InvalidTwiml
from bridgetap.twiml.urls import resolve, resolve_stream, shown

BASE = "https://user:pass@app.test:8443/voice/start?x=1"


@pytest.mark.parametrize(
    ("url", "absolute"),
    [
        ("", BASE),
        ("/next", "https://user:pass@app.test:8443/next"),
        ("next?y=2", "https://user:pass@app.test:8443/voice/next?y=2"),
        ("../next", "https://user:pass@app.test:8443/next"),
        ("?y=2", "https://user:pass@app.test:8443/voice/start?y=2"),
        ("//other.test/a", "https://other.test/a"),
        ("http://other.test", "http://other.test"),
        ("HTTPS://other.test/#ct=2000", "https://other.test/#ct=2000"),
        ("https://[2001:db8::1]:8443/x", "https://[2001:db8::1]:8443/x"),
        ("https://other.test/bücher", "https://other.test/bücher"),
    ],
)
def test_against_the_documents_own(url: str, absolute: str) -> None:
    assert resolve(BASE, url, place="Response/Redirect") == absolute


@pytest.mark.parametrize(
    ("base", "url", "rule"),
    [
        ("", "", "has no URL of its own"),
        ("", "/next", "a relative URL"),
        (BASE, "ftp://a.test/x", "http or https"),
        (BASE, "file:///etc/passwd", "http or https"),
        (BASE, "javascript:alert(1)", "http or https"),
        (BASE, "sip:alice@a.test", "http or https"),
        (BASE, "http:///x", "http or https"),
        (BASE, "http://a.test/a b", "percent-encoded"),
        (BASE, "http://a.test/\x00", "percent-encoded"),
        (BASE, "http://a.test:port/", "ort"),
        (BASE, "http://[::1/", "IPv6"),
    ],
)
def test_nowhere(base: str, url: str, rule: str) -> None:
    with pytest.raises(InvalidTwiml) as refused:
        resolve(base, url, place="Response/Redirect")
    assert (refused.value.code, refused.value.place) == (11100, "Response/Redirect")
    assert rule in refused.value.rule


@pytest.mark.parametrize(
    ("base", "url", "stream"),
    [
        (BASE, "wss://a.test/x", "wss://a.test/x"),
        (BASE, "/media", "wss://app.test:8443/media"),
        (BASE, "media", "wss://app.test:8443/voice/media"),
        ("http://app.test/voice", "/media", "wss://app.test/media"),
        (BASE, "//other.test/media", "wss://other.test/media"),
        (BASE, "ws://a.test", "ws://a.test"),  # the stream's rules say no
        (BASE, "https://a.test", "https://a.test"),
        (BASE, "", ""),
        ("", "/media", "/media"),
        (BASE, "//[::1", "//[::1"),
    ],
)
def test_streams(base: str, url: str, stream: str) -> None:
    assert resolve_stream(base, url) == stream


@pytest.mark.parametrize(
    ("url", "text"),
    [
        (BASE, "https://***@app.test:8443/voice/start?…"),
        ("https://a:b@c@d.test/", "https://***@d.test/"),
        ("https://a.test/?mail=x@y.test", "https://a.test/?…"),
        ("//u:p@a.test", "//***@a.test"),
        ("x" * 1000, "x" * 200),
    ],
)
def test_what_a_log_may_hold(url: str, text: str) -> None:
    assert shown(url) == text


def test_an_error_never_holds_the_password() -> None:
    with pytest.raises(InvalidTwiml) as refused:
        resolve("", "ftp://user:s3cret@a.test/", place="Response/Redirect")
    assert "s3cret" not in str(refused.value)
