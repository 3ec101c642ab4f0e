"""Custom parameters in metadata and headers (checklist 37, 38)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridgetap.errors import InvalidStream
from bridgetap.siprec import carry
from bridgetap.siprec.parameters import CORE_HEADERS, header_value


@pytest.mark.parametrize(
    ("key", "header"),
    [
        ("Custom1", "X-Custom1"),
        ("X-Ticket", "X-Ticket"),
        ("x-ticket", "x-ticket"),
        ("Call-Info", "Call-Info"),
        ("user-to-user", "user-to-user"),
        ("Identity", "X-Identity"),
    ],
)
def test_a_key_becomes_a_header(key: str, header: str) -> None:
    assert carry(((key, "v"),), as_="headers").headers == ((header, "v"),)


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("", 32111),
        ("two words", 32111),
        ("a:b", 32111),
        ("a\r\nb", 32111),
        ("ключ", 32111),
        ("X-Twilio-CallSid", 32113),
        ("x-twilioanything", 32113),
        *((name, 32113) for name in ("Via", "from", "Contact", "t", "Content-Length", "Require", "Session-Expires")),
    ],
)
def test_a_key_that_cannot_be_a_header_is_refused_with_its_place(key: str, code: int) -> None:
    """38."""
    with pytest.raises(InvalidStream) as refused:
        carry((("good", "v"), (key, "v")), as_="both")
    assert (refused.value.code, refused.value.place) == (code, "parameters[1].name")


def test_metadata_alone_takes_any_name() -> None:
    carried = carry((("two words", "v"), ("Via", "w")), as_="metadata")
    assert carried.metadata == (("two words", "v"), ("Via", "w"))
    assert carried.headers == ()


@pytest.mark.parametrize(
    ("value", "header"),
    [
        ("<sip:x@y>;purpose=Goog", "<sip:x@y>;purpose=Goog"),
        ("100 %", "100 %"),
        ("100%25", "100%2525"),
        ("a\r\nVia: evil", "a%0D%0AVia: evil"),
        ("Zürich", "Z%C3%BCrich"),
        (" blanks ", "blanks"),
    ],
)
def test_a_value_stays_on_its_line(value: str, header: str) -> None:
    assert header_value(value) == header


@given(st.text(max_size=200))
def test_no_value_can_begin_another_line(value: str) -> None:
    """38."""
    line = header_value(value)
    assert all(0x20 <= ord(character) < 0x7F for character in line)


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=5))
def test_any_parameters_are_carried_or_refused(parameters: list[tuple[str, str]]) -> None:
    try:
        carried = carry(tuple(parameters), as_="both")
    except InvalidStream:
        return
    assert dict(carried.metadata) == dict(parameters)
    assert not {name.lower() for name, _ in carried.headers} & CORE_HEADERS


def test_what_xml_cannot_carry_is_refused() -> None:
    with pytest.raises(InvalidStream, match=r"U\+0007"):
        carry((("bell", "\a"),), as_="metadata")
    assert carry((("bell", "\a"),), as_="headers").headers == (("X-bell", "%07"),)


def test_too_much_for_headers_is_refused_and_metadata_takes_it() -> None:
    """38."""
    parameters = tuple((f"k{n}", "v" * 400) for n in range(12))
    with pytest.raises(InvalidStream, match="4096 bytes"):
        carry(parameters, as_="both")
    assert len(carry(parameters, as_="metadata").metadata) == 12
