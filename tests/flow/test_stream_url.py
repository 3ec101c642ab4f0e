"""What a stream URL may be, and what a bad one is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridgetap.errors import InvalidStream
from bridgetap.flow.stream_url import StreamUrl

GOOD = [
    # written, host, port, request path, authority
    ("wss://cool.process.io", "cool.process.io", 443, "/", "cool.process.io"),
    ("wss://media.example/in", "media.example", 443, "/in", "media.example"),
    ("wss://media.example:443/in", "media.example", 443, "/in", "media.example"),
    ("wss://media.example:8443/a/b?c=d", "media.example", 8443, "/a/b?c=d", "media.example:8443"),
    ("WSS://Media.Example/In", "media.example", 443, "/In", "media.example"),
    ("wss://127.0.0.1:9", "127.0.0.1", 9, "/", "127.0.0.1:9"),
    ("wss://[::1]:9/x", "::1", 9, "/x", "[::1]:9"),
    ("wss://a_b.example./%20x", "a_b.example.", 443, "/%20x", "a_b.example."),
    ("wss://a?", "a", 443, "/?", "a"),
]

BAD = [
    # written, code, a word of the rule
    ("", 31923, "required"),
    ("cool.process.io", 31923, "absolute"),
    ("//cool.process.io", 31923, "absolute"),
    ("wss:/cool.process.io", 31923, "absolute"),
    ("ws://cool.process.io", 31922, "wss"),
    ("https://cool.process.io", 31922, "wss"),
    ("javascript:alert(1)", 31922, "wss"),
    ("wss://", 31923, "host"),
    ("wss:///path", 31923, "host"),
    ("wss://:443/x", 31923, "host"),
    ("wss://-a.example", 31923, "host"),
    ("wss://a..example", 31923, "host"),
    ("wss://[::1", 31923, "IPv6"),
    ("wss://[fe80::1%25eth0]/", 31923, "host"),
    ("wss://a:0", 31923, "port"),
    ("wss://a:", 31923, "port"),
    ("wss://a:65536", 31923, "ort"),
    ("wss://a:x", 31923, "ort"),
    ("wss://user@a", 31923, "user information"),
    ("wss://a/#part", 31923, "fragment"),
    ("wss://a#", 31923, "fragment"),
    ("wss://a/b c", 31923, "spaces"),
    ("wss://a/\u00e9", 31923, "non-ASCII"),
    ("wss://a/\r\nHost: b", 31923, "control"),
    ("wss://a/%zz", 31923, "3986"),
    ("wss://<<ngork url>>", 31923, "spaces"),
]


@pytest.mark.parametrize(("text", "host", "port", "path", "authority"), GOOD)
def test_a_good_url_is_taken_apart(text: str, host: str, port: int, path: str, authority: str) -> None:
    url = StreamUrl.parse(text)
    assert (url.host, url.port, url.request_path, url.authority) == (host, port, path, authority)
    assert StreamUrl.parse(str(url)) == url


@pytest.mark.parametrize(("text", "code", "word"), BAD)
def test_a_bad_url_names_its_place_and_rule(text: str, code: int, word: str) -> None:
    with pytest.raises(InvalidStream) as caught:
        StreamUrl.parse(text, place="states[1].properties.stream_url")
    assert caught.value.code == code
    assert caught.value.place == "states[1].properties.stream_url"
    assert word in caught.value.rule


@pytest.mark.parametrize(
    "text",
    [
        "wss://user:s3cret@media.example/in",
        "https://user:s3cret@media.example/in",
        "wss://user:s3cret@media.example:99999/in",
        "wss://user:s3cret/s3cret@media.example/in",
        "ws://media.example/in?key=s3cret",
        "wss://media.example/in here?key=s3cret",
        "wss://media.example:0/in?key=s3cret",
        "wss://media.example/in#s3cret",
        "media.example/in?key=s3cret",
        "wss://media.example/%zz?a@b=s3cret",
    ],
)
def test_a_password_or_query_in_the_url_is_not_repeated(text: str) -> None:
    with pytest.raises(InvalidStream) as caught:
        StreamUrl.parse(text)
    assert "s3cret" not in str(caught.value)
    assert "media.example" in str(caught.value)


def test_the_query_can_be_dropped_and_a_missing_path_stays_missing() -> None:
    assert str(StreamUrl.parse("wss://a?token=1").without_query()) == "wss://a"
    assert str(StreamUrl.parse("wss://a/?token=1").without_query()) == "wss://a/"


@given(st.text() | st.text().map("wss://".__add__) | st.from_regex(r"wss://[a-z0-9.:\[\]@?#/%-]*", fullmatch=True))
def test_any_text_is_a_url_or_a_clear_refusal(text: str) -> None:
    try:
        url = StreamUrl.parse(text)
    except InvalidStream:
        return  # any other exception fails the test
    assert StreamUrl.parse(str(url)) == url
    assert url.request_path.isprintable()
    assert " " not in url.request_path + url.authority
