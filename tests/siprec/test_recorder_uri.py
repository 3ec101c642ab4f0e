"""Addresses of recorders, as Twilio's customers and others write them (checklist 12)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridgetap.errors import InvalidInput
from bridgetap.siprec.recorder_uri import parse_recorder


@pytest.mark.parametrize(
    ("text", "uri", "secure"),
    [
        ("sip:rec@srs.example", "sip:rec@srs.example;transport=tcp", False),
        ("sip:srs.example:5070", "sip:srs.example:5070;transport=tcp", False),
        ("sip:rec@192.0.2.1:5060;transport=udp", "sip:rec@192.0.2.1:5060;transport=udp", False),
        ("sip:rec@[2001:db8::1]:5060", "sip:rec@[2001:db8::1]:5060;transport=tcp", False),
        ("sips:rec@srs.example", "sip:rec@srs.example;transport=tls", False),
        ("sip:rec@srs.example;secure=true", "sip:rec@srs.example;transport=tls", True),
        ("sip:rec@srs.example:5060;secure=true&edge=ashburn", "sip:rec@srs.example:5060;transport=tls", True),
        ("sip:rec@srs.example;transport=tls;secure=true;edge=umatilla", "sip:rec@srs.example;transport=tls", True),
        ("sip:rec@srs.example;secure=false;edge=x", "sip:rec@srs.example;transport=tcp", False),
        ("sip:rec@srs.example;x-site=1;transport=TLS", "sip:rec@srs.example;x-site=1;transport=tls", False),
    ],
)
def test_a_recorder_is_read(text: str, uri: str, secure: bool) -> None:
    read = parse_recorder(text, place="connectors[0].recorders[0]")
    assert (read.uri, read.secure) == (uri, secure)
    assert bool(read.notes) == ("edge" in text)


def test_what_the_uri_leaves_open_is_the_connectors() -> None:
    """12."""
    assert parse_recorder("sip:a@b", place="", transport="udp").transport == "udp"
    assert parse_recorder("sip:a@b", place="", secure=True).transport == "tls"
    assert parse_recorder("sip:a@b;transport=tcp", place="", transport="udp", secure=True).transport == "tcp"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", 32110),
        ("tel:+15551230000", 32110),
        ("https://srs.example", 32110),
        ("sip:", 32110),
        ("sip:rec@srs.example:99999", 32110),
        ("sip:rec@srs.example?X=y", 32110),
        ("sip:rec@srs.example;secure=yes", 32114),
        ("sip:rec@srs.example;transport=sctp", 32114),
        ("sips:rec@srs.example;transport=udp", 32114),
    ],
)
def test_what_is_no_recorder_says_why_with_its_code(text: str, code: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_recorder(text, place="here")
    assert (refused.value.code, refused.value.place) == (code, "here")


@pytest.mark.parametrize(
    "text", ["sip:rec:s3cret@srs.example", "sip:rec:s3cret@srs.example;secure=yes", "sip:rec:s3cret@"]
)
def test_a_password_has_no_place_in_it_and_is_not_repeated(text: str) -> None:
    """It would be shown wherever the recorder is named."""
    with pytest.raises(InvalidInput, match="password") as refused:
        parse_recorder(text, place="here")
    assert "s3cret" not in str(refused.value)
    assert refused.value.code == 32110


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read = parse_recorder(text, place="")
    except InvalidInput:
        return
    assert "\n" not in read.uri
    assert parse_recorder(read.uri, place="").uri == read.uri
