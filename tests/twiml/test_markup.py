"""XML into nodes: what people send, what they should not, and where things stand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridgetap.errors import InvalidTwiml
from bridgetap.twiml.markup import Node, parse_markup

BILLION = "<!DOCTYPE Response [<!ENTITY a0 'aaaaaaaaaa'>" + "".join(
    f"<!ENTITY a{i} '{f'&a{i - 1};' * 10}'>" for i in range(1, 12)
)


def say(body: bytes | str, *, charset: str = "") -> str:
    root = parse_markup(body.encode() if isinstance(body, str) else body, charset=charset)
    return next(iter(root.children)).inner


def places(node: Node) -> list[str]:
    return [node.place, *(place for child in node.children for place in places(child))]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<Response><Say>Hello</Say></Response>", "Hello"),
        ("\n\n  <Response>\n  <Say>\n  Hello\n  </Say>\n</Response>\n\n", "Hello"),
        ("<?xml version='1.0' encoding='UTF-8'?>\n<!-- by hand --><Response><Say>Hello</Say></Response>", "Hello"),
        ("<Response><Say><![CDATA[Tom & Jerry < 5]]></Say></Response>", "Tom & Jerry < 5"),
        ("<Response><Say>Tom &amp; Jerry &lt; 5 &#33;</Say></Response>", "Tom & Jerry < 5 !"),
        ("<Response><Say>one <!-- two -->three<?php no ?></Say></Response>", "one three"),
        ("<Response xmlns='urn:x'><Say>Hello</Say></Response>", "Hello"),
        ("<t:Response xmlns:t='urn:x'><t:Say>Hello</t:Say></t:Response>", "Hello"),
        ("<Response><Say>Wait<break time='2s'/> now</Say></Response>", 'Wait<break time="2s"/> now'),
        (
            "<Response><Say>R&amp;D <lang xml:lang='de-DE'>ja &lt; nein</lang></Say></Response>",
            'R&amp;D <lang xml:lang="de-DE">ja &lt; nein</lang>',
        ),
    ],
)
def test_what_is_said(body: str, text: str) -> None:
    assert say(body) == text


@pytest.mark.parametrize(
    ("body", "charset", "text"),
    [
        ("<Response><Say>café</Say></Response>".encode(), "", "café"),
        ("<Response><Say>café</Say></Response>".encode(), "utf-8", "café"),
        ("<Response><Say>café</Say></Response>".encode("latin1"), "iso-8859-1", "café"),
        ("<?xml version='1.0' encoding='latin1'?><Response><Say>café</Say></Response>".encode("latin1"), "", "café"),
        # RFC 7303 §3: the charset that came with it outweighs the declared one, a byte order mark both.
        ("<?xml version='1.0' encoding='latin1'?><Response><Say>café</Say></Response>".encode(), "utf-8", "café"),
        ("\ufeff<Response><Say>café</Say></Response>".encode(), "latin1", "café"),
        ("<Response><Say>café</Say></Response>".encode("utf-16"), "latin1", "café"),
        ("<Response><Say>café</Say></Response>".encode(), "no-such-charset", "café"),
    ],
)
def test_charsets(body: bytes, charset: str, text: str) -> None:
    assert say(body, charset=charset) == text


@pytest.mark.parametrize(
    ("body", "place", "value", "rule"),
    [
        ("<Response><Say>Hello</Response>", "line 1", "<Response>", "mismatch"),
        ("<Response>\n  <Say>a & b</Say>\n</Response>", "line 2", "<Say>a & b</Say>", "xmlParseEntityRef"),
        ("<Response>&nbsp;</Response>", "line 1", "&nbsp;", "nbsp"),
        ("\n<?xml version='1.0'?><Response/>", "line 2", "<?xml", "only at the start"),
        ("<Response/><Response/>", "line 1", "<Response/>", "Extra content"),
        ("Hello", "line 1", "Hello", "Start tag expected"),
        ('{"verb": "say"}', "line 1", '{"verb"', "Start tag expected"),
        ("<Response a='1' a='2'/>", "line 1", "a='2'", "redefined"),
        ("<a>" * 300 + "</a>" * 300, "line 1", "<a>", "depth"),
        ("<!DOCTYPE Response><Response/>", "document", "<!DOCTYPE", "not allowed"),
        ("<!DOCTYPE Response SYSTEM 'http://127.0.0.1:9/x.dtd'><Response/>", "document", "<!DOCTYPE", "not allowed"),
        (
            "<!DOCTYPE Response [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><Response><Say>&x;</Say></Response>",
            "document",
            "<!DOCTYPE",
            "not allowed",
        ),
    ],
)
def test_what_cannot_be_read(body: str, place: str, value: str, rule: str) -> None:
    with pytest.raises(InvalidTwiml) as refused:
        parse_markup(body.encode())
    error = refused.value
    assert error.code == 12100
    assert error.place.startswith(place)
    assert value in str(error.value)
    assert rule in error.rule


@pytest.mark.parametrize("rest", ["]><Response>&a11;</Response>", "]><Response x='&a11;'/>"])
def test_entities_never_grow(rest: str) -> None:
    with pytest.raises(InvalidTwiml) as refused:
        parse_markup((BILLION + rest).encode())
    assert refused.value.code == 12100
    assert len(str(refused.value)) < 1000


def test_places_count_only_what_there_are_several_of() -> None:
    body = b"<Response><Say/><Gather><Say/><Play/><Say/></Gather><Say/></Response>"
    assert places(parse_markup(body)) == [
        "Response",
        "Response/Say[1]",
        "Response/Gather",
        "Response/Gather/Say[1]",
        "Response/Gather/Play",
        "Response/Gather/Say[2]",
        "Response/Say[2]",
    ]


def test_attributes_of_other_namespaces_are_not_ours() -> None:
    body = b"<Response xmlns:x='urn:x' x:schema='y' id='1'/>"
    assert parse_markup(body).attributes == {"id": "1"}


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: f"<Response>{text}</Response>".encode()))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    outcome: Node | InvalidTwiml
    try:
        outcome = parse_markup(body)
    except InvalidTwiml as error:
        outcome = error
    assert outcome.place
    assert isinstance(outcome, Node) or outcome.code == 12100
