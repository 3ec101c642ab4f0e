"""SIP URIs and name-addr values: read, written, and refused with the rule that was broken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridgetap.calls.addresses import NameAddr, SipUri, header
from bridgetap.errors import InvalidInput

URIS = [
    ("sip:alice@example.com", SipUri(user="alice", host="example.com")),
    ("SIP:+15551230000@[2001:db8::1]:5070", SipUri(user="+15551230000", host="[2001:db8::1]", port=5070)),
    (
        "sips:bob@h;transport=tcp;lr",
        SipUri(scheme="sips", user="bob", host="h", parameters={"transport": "tcp", "lr": ""}),
    ),
    ("sip:example.com", SipUri(host="example.com")),
    ("sip:a%20b@h", SipUri(user="a b", host="h")),
    ("sip:alice:secret@h", SipUri(user="alice", host="h")),
    ("sip:alice@h?Subject=x&To=sip%3Aeve%40h", SipUri(user="alice", host="h")),
    ("sip:what?@h", SipUri(user="what?", host="h")),
    ("tel:+1-555;phone-context=x", SipUri(scheme="tel", user="+1-555", host="", parameters={"phone-context": "x"})),
]
MALFORMED = [
    "",
    "alice@h",
    "http://h",
    "sip:",
    "sip:@h",
    "sip:a@",
    "sip:a@h:0",
    "sip:a@h:99999",
    "sip:a@h:x",
    "sip:a b@h",
    "sip:a@h\r\nVia: x",
    "sip:a<b>@h",
    "sip:ä@h",
    "tel:",
]


@pytest.mark.parametrize(("text", "uri"), URIS)
def test_a_uri_is_read(text: str, uri: SipUri) -> None:
    assert SipUri.parse(text) == uri
    assert SipUri.parse(str(uri)) == uri


@pytest.mark.parametrize("text", MALFORMED)
def test_what_is_no_uri_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        SipUri.parse(text, place="To")
    assert refused.value.place == "To"
    assert refused.value.code == 32110


@given(st.text(max_size=40))
def test_any_user_can_be_written_and_read_back(user: str) -> None:
    try:
        user.encode()
    except UnicodeEncodeError:
        return
    uri = SipUri(user=user, host="h.example")
    assert SipUri.parse(str(uri)) == uri


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (SipUri.parse, NameAddr.parse):
        try:
            parse(text)
        except InvalidInput:
            continue


@pytest.mark.parametrize(
    ("text", "display", "user", "parameters"),
    [
        ('"Alice \\"A\\" <x>" <sip:alice@h>;tag=1', 'Alice "A" <x>', "alice", {"tag": "1"}),
        ("Alice <sip:alice@h;transport=udp>;expires=60", "Alice", "alice", {"expires": "60"}),
        ("sip:alice@h;tag=1", "", "alice", {"tag": "1"}),
        ("<sip:alice@h>", "", "alice", {}),
        ('<sip:a@h>;+sip.instance="<urn:uuid:1>"', "", "a", {"+sip.instance": "<urn:uuid:1>"}),
    ],
)
def test_a_name_addr_is_read(text: str, display: str, user: str, parameters: dict[str, str]) -> None:
    address = NameAddr.parse(text)
    assert (address.display, address.uri.user, address.parameters) == (display, user, parameters)


def test_a_display_name_cannot_break_out_of_its_quotes() -> None:
    written = str(NameAddr(uri=SipUri(user="a", host="h"), display='x" <sip:eve@h>;y="'))
    assert NameAddr.parse(written).uri.user == "a"


def test_nothing_a_flow_renders_can_add_a_header() -> None:
    hostile = "x\r\nRoute: <sip:eve@h>\x00"
    written = str(NameAddr(uri=SipUri(user=hostile, host="h"), display=hostile))
    assert written.isprintable()
    assert NameAddr.parse(written).uri.user == hostile, "percent-encoded"


@pytest.mark.parametrize("text", ['"open <sip:a@h>', "<sip:a@h", ""])
def test_a_broken_name_addr_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        NameAddr.parse(text)


def test_a_header_is_found_whatever_its_case() -> None:
    assert header([("Via", "x"), ("EXPIRES", "60"), ("expires", "70")], "Expires") == "60"
    assert header([], "Expires") is None
