"""A whole document: what is refused, by which code, and what is only told."""

import pytest

from bridgetap.errors import InvalidTwiml
from bridgetap.twiml import Document
from bridgetap.twiml.problems import MOST_WARNINGS
from bridgetap.twiml.verbs import Hangup, Pause, Play, Redirect, Reject, Say, Verb

OK = b"<Response><Hangup/></Response>"


def parse(inner: str) -> Document:
    return Document.parse_text(f"<Response>{inner}</Response>")


def told(document: Document) -> list[tuple[int, str, object]]:
    return [(problem.code, problem.place, problem.value) for problem in document.warnings]


@pytest.mark.parametrize(
    ("body", "content_type", "code", "place", "rule"),
    [
        (b"", "text/xml", 11770, "document", "is empty"),
        (b" \r\n ", "text/xml", 11770, "document", "is empty"),
        (b"", "", 11770, "document", "is empty"),
        (b"", "text/plain", 11770, "document", "is empty"),
        (b"<Response>" + b" " * 65_536 + b"</Response>", "text/xml", 11750, "document", "65536"),
        (b"a" * 65_537, "text/plain", 11750, "document", "65536"),
        (b"<Response><Say>", "text/xml", 12100, "line 1", ""),
        (b"<response/>", "text/xml", 12102, "response", "did you mean 'Response'"),
        (b"<html><body/></html>", "text/html", 12102, "html", "must be <Response>"),
        (b"<Say>Hello</Say>", "text/xml", 12102, "Say", "must be <Response>"),
        (OK, "", 12300, "Content-Type", "text/xml"),
        (OK, "application/json", 12300, "Content-Type", "text/xml"),
        (OK, "image/png", 12300, "Content-Type", "text/xml"),
    ],
)
def test_what_cannot_be_run(body: bytes, content_type: str, code: int, place: str, rule: str) -> None:
    with pytest.raises(InvalidTwiml) as refused:
        Document.parse(body, content_type=content_type)
    assert refused.value.code == code
    assert refused.value.place.startswith(place)
    assert rule in refused.value.rule


def test_exactly_64_kilobytes_are_not_too_many() -> None:
    filler = 65_536 - len("<Response></Response>")
    assert Document.parse(b"<Response>" + b" " * filler + b"</Response>").verbs == ()


@pytest.mark.parametrize(
    "content_type",
    [
        "text/xml",
        "application/xml",
        "text/html",
        "TEXT/XML",
        "text/xml; charset=utf-8",
        "application/xml;charset=UTF-8",
        " text/xml ",
    ],
)
def test_types_that_are_documents(content_type: str) -> None:
    assert Document.parse(OK, content_type=content_type).verbs == (Hangup(),)


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        (b" Hello there \n", "text/plain", "Hello there"),
        ("café".encode("latin1"), "text/plain; charset=iso-8859-1", "café"),
        ("café".encode(), 'text/plain; charset="utf-8"', "café"),
        ("café".encode(), "text/plain; charset=no-such", "café"),
        (b"dozen", "text/plain; charset=base64", "dozen"),
        (b"<Response/>", "text/plain", "<Response/>"),
    ],
)
def test_plain_text_is_spoken(body: bytes, content_type: str, text: str) -> None:
    assert Document.parse(body, content_type=content_type).verbs == (Say(text=text),)


@pytest.mark.parametrize("content_type", ["audio/mpeg", "audio/wav", "audio/x-wav; rate=8000"])
def test_audio_is_played_from_where_it_is(content_type: str) -> None:
    url = "https://a.test/x.mp3"
    assert Document.parse(b"\xff" * 100_000, content_type=content_type, url=url).verbs == (Play(url=url),)


def test_a_text_needs_no_encoding() -> None:
    """`Twiml` of the REST API: whatever it declares, it came as text."""
    document = Document.parse_text('<?xml version="1.0" encoding="UTF-16"?><Response><Say>café ☎</Say></Response>')
    assert document.verbs == (Say(text="café ☎"),)


@pytest.mark.parametrize(
    ("inner", "verbs"),
    [
        ("", ()),
        ("<Hangup/>", (Hangup(),)),
        ("<Redirect>/next</Redirect>", (Redirect(url="/next"),)),
        (
            "<Redirect method='get'>\n  http://a.test/?a=1&amp;b=2\n</Redirect>",
            (Redirect(url="http://a.test/?a=1&b=2", method="GET"),),
        ),
        ("<Redirect/>", (Redirect(),)),
        ("<Reject/>", (Reject(),)),
        ("<Reject reason='busy'/>", (Reject(reason="busy"),)),
        ("<Reject reason=' rejected '/>", (Reject(),)),
        ("<Pause/><Hangup/>", (Pause(), Hangup())),
    ],
)
def test_verbs(inner: str, verbs: tuple[Verb, ...]) -> None:
    document = parse(inner)
    assert document.verbs == verbs
    assert told(document) == []


@pytest.mark.parametrize(
    ("inner", "verbs", "problems"),
    [
        ("<Sya>Hello</Sya><Hangup/>", (Hangup(),), [(12200, "Response/Sya", "<Sya>")]),
        ("<say>Hello</say>", (), [(12200, "Response/say", "<say>")]),
        ("<Number>1</Number>", (), [(12200, "Response/Number", "<Number>")]),
        ("<Record/><Hangup/>", (Hangup(),), [(0, "Response/Record", "<Record>")]),
        ("Hello<Hangup/>", (Hangup(),), [(12200, "Response", "Hello")]),
        ("<Hangup x='1'/>", (Hangup(),), [(12200, "Response/Hangup/@x", "1")]),
        ("<Hangup><Say>Bye</Say></Hangup>", (Hangup(),), [(12200, "Response/Hangup/Say", "<Say>")]),
        ("<Hangup>Bye</Hangup>", (Hangup(),), [(12200, "Response/Hangup", "Bye")]),
        (
            "<Hangup><Parameter name='a' value='b'/></Hangup>",
            (Hangup(),),
            [(0, "Response/Hangup/Parameter", "<Parameter>")],
        ),
        ("<Redirect method='PUT'>/a</Redirect>", (Redirect(url="/a"),), [(12200, "Response/Redirect/@method", "PUT")]),
        ("<Reject reason='no'/>", (Reject(),), [(12200, "Response/Reject/@reason", "no")]),
        ("<Pause/><Pause length='x'/>", (Pause(), Pause()), [(12200, "Response/Pause[2]/@length", "x")]),
    ],
)
def test_what_is_told_and_gone_over(
    inner: str, verbs: tuple[Verb, ...], problems: list[tuple[int, str, object]]
) -> None:
    document = parse(inner)
    assert document.verbs == verbs
    assert told(document) == problems


@pytest.mark.parametrize(
    ("inner", "hint"),
    [("<say>x</say>", "'Say'"), ("<Redirct>/x</Redirct>", "'Redirect'"), ("<Hangup/><Pause Length='1'/>", "'length'")],
)
def test_the_nearest_name_is_told(inner: str, hint: str) -> None:
    (problem,) = parse(inner).warnings
    assert f"did you mean {hint}?" in problem.rule


def test_a_document_has_only_so_many_warnings() -> None:
    document = parse("<a/>" * 5000 + "<Hangup/>")
    assert document.verbs == (Hangup(),)
    assert len(document.warnings) == MOST_WARNINGS + 1
    assert document.warnings[-1].rule == f"and {5000 - MOST_WARNINGS} more problems, which are not told one by one"


@pytest.mark.parametrize(
    "inner",
    [
        f"<{'x' * 40_000}/>",
        f"<Say {'x' * 40_000}='1'>Hi</Say>",
        f"<Pause length='{'9' * 60_000}'/>",
        f"<Play digits='1'>{'x' * 60_000}</Play>",
        f"<Dial><Sip>{'x ' * 30_000}</Sip></Dial>",
    ],
    ids=["name", "attribute", "value", "text", "uri"],
)
def test_a_warning_is_never_as_long_as_its_document(inner: str) -> None:
    warnings = parse(inner).warnings
    assert warnings
    assert max(len(str(problem)) for problem in warnings) < 500


def test_neither_is_an_error() -> None:
    with pytest.raises(InvalidTwiml) as refused:
        Document.parse_text(f"<{'x' * 40_000}/>")
    assert len(str(refused.value)) < 500
