"""Webhook addresses: what is requested, what is shown, and what is refused without repeating a secret."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridgetap.errors import InvalidInput
from bridgetap.webhooks import WebhookUrl


@pytest.mark.parametrize(
    ("text", "called", "shown", "host"),
    [
        ("https://a.example", "https://a.example/", "https://a.example/", "a.example:443"),
        ("HTTPS://A.example/x", "https://A.example/x", "https://A.example/x", "a.example:443"),
        (
            "http://a.example:8080/x?k=v#frag",
            "http://a.example:8080/x?k=v",
            "http://a.example:8080/x",
            "a.example:8080",
        ),
        ("https://me:s%3Acret@a.example/x", "https://a.example/x", "https://a.example/x", "a.example:443"),
        ("http://[::1]:81/", "http://[::1]:81/", "http://[::1]:81/", "::1:81"),
        (
            "https://a.example/ä?b=ö%20",
            "https://a.example/%C3%A4?b=%C3%B6%20",
            "https://a.example/%C3%A4",
            "a.example:443",
        ),
    ],
)
def test_what_is_called_and_what_is_shown(text: str, called: str, shown: str, host: str) -> None:
    url = WebhookUrl.parse(text)
    assert (url.called, url.shown, url.host) == (called, shown, host)
    assert "cret" not in repr(url)


def test_a_user_becomes_credentials_and_stays_in_what_is_sealed() -> None:
    url = WebhookUrl.parse("https://m%40e:s%3Acret@a.example/x?k=v")
    assert (url.user, url.password) == ("m@e", "s:cret")
    assert WebhookUrl.parse(str(url)) == url


def test_a_get_carries_its_parameters_in_the_query() -> None:
    parameters = (("CallSid", "CA1"), ("A", "b c"))
    assert WebhookUrl.parse("http://a/x").with_query(parameters) == "http://a/x?CallSid=CA1&A=b+c"
    assert WebhookUrl.parse("http://a/x?y=1").with_query(parameters) == "http://a/x?y=1&CallSid=CA1&A=b+c"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.example/x",
        "/x",
        "ftp://a.example/",
        "https://",
        "https:///x",
        "https://a.example:0/",
        "https://a.example:/",
        "https://a.example:99999/secret",
        "https://user:secret@[bad/",
        "https://a.example/a b",
        "https://a.example/\n",
        "https://a.example/" + "a" * 5000,
    ],
)
def test_what_is_no_webhook_address(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        WebhookUrl.parse(text, place="StatusCallback")
    assert caught.value.code == 11100
    assert str(caught.value).startswith("StatusCallback: ")
    assert "secret" not in str(caught.value)


@given(st.text(max_size=60).map(lambda tail: f"https://a.example/{tail}"))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        url = WebhookUrl.parse(text)
    except InvalidInput:
        return
    assert url.called.isascii()
    assert WebhookUrl.parse(str(url)) == url
