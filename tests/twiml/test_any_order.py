"""Whatever the document and whatever is told: nothing raises, nothing waits for nobody, ends are final."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bridgetap.errors import InvalidTwiml
from bridgetap.flow.effects import UNNUMBERED, EffectId, Hangup, Log
from bridgetap.flow.events import (
    CallerHungUp,
    DialEnded,
    DialResult,
    Digits,
    ExecutionStopped,
    HttpEnded,
    PlayEnded,
    StreamCreated,
    StreamRefused,
    StreamStopped,
)
from bridgetap.ids import StreamSid
from bridgetap.twiml import Document, DocumentAt, DocumentText, TwimlEffect, TwimlEvent, TwimlExecution
from bridgetap.twiml.effects import Abandon, NotifyAction, Reject
from bridgetap.twiml.events import CallUpdated, ConnectEnded, DocumentFetched, GatherEnded

NAMES = st.sampled_from(
    [
        "Say",
        "Play",
        "Pause",
        "Gather",
        "Dial",
        "Number",
        "Sip",
        "Client",
        "Identity",
        "Redirect",
        "Hangup",
        "Reject",
        "Start",
        "Stop",
        "Connect",
        "Stream",
        "Siprec",
        "Parameter",
        "Record",
        "Conference",
        "Foo",
        "say",
    ]
)
ATTRIBUTES = st.sampled_from(
    [
        "loop",
        "voice",
        "digits",
        "length",
        "action",
        "method",
        "timeout",
        "numDigits",
        "finishOnKey",
        "actionOnEmptyResult",
        "input",
        "url",
        "name",
        "track",
        "value",
        "statusCallback",
        "timeLimit",
        "callerId",
        "record",
        "hangupOnStar",
        "sequential",
        "reason",
        "connectorName",
        "speechTimeout",
        "foo",
    ]
)
VALUES = st.sampled_from(
    [
        "",
        "1",
        "0",
        "-1",
        "x",
        "true",
        "both_tracks",
        "wss://a.test/x",
        "/a",
        "https://a.test/",
        "ftp://a",
        "http://[",
        "a b",
        "auto",
        "busy",
    ]
) | st.text(st.characters(min_codepoint=32, exclude_categories=["C"]), max_size=8)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def _element(name: str, attributes: dict[str, str], content: list[str]) -> str:
    written = "".join(f' {key}="{_escaped(value)}"' for key, value in attributes.items())
    return f"<{name}{written}>{''.join(content)}</{name}>"


ELEMENTS = st.recursive(
    VALUES.map(_escaped),
    lambda inner: st.builds(
        _element, NAMES, st.dictionaries(ATTRIBUTES, VALUES, max_size=3), st.lists(inner, max_size=3)
    ),
    max_leaves=6,
)
DOCUMENTS = st.lists(ELEMENTS, max_size=4).map(lambda parts: f"<Response>{''.join(parts)}</Response>")
BODIES = DOCUMENTS.map(str.encode) | st.binary(max_size=40)
IDS = st.integers(0, 12).map(EffectId)
SID = StreamSid("MZ" + "0" * 32)
SOURCES = st.builds(DocumentAt, url=st.sampled_from(["https://a.test/", "ftp://x", ""])) | st.builds(
    DocumentText, text=DOCUMENTS
)
EVENTS: st.SearchStrategy[TwimlEvent] = st.one_of(
    st.builds(PlayEnded, effect=IDS, error=st.sampled_from(["", "no"])),
    st.builds(GatherEnded, effect=IDS, digits=st.sampled_from(["", "1"]), speech=st.sampled_from(["", "yes"])),
    st.builds(DialEnded, effect=IDS, result=st.builds(DialResult, status=st.sampled_from(["completed", "busy"]))),
    st.builds(StreamCreated, effect=IDS, sid=st.just(SID), name=st.just("n")),
    st.builds(StreamStopped, effect=IDS),
    st.builds(StreamRefused, effect=IDS, code=st.sampled_from([20404, 31900]), message=st.just("no")),
    st.builds(ConnectEnded, effect=IDS, sid=st.just(SID), name=st.just("n")),
    st.builds(HttpEnded, effect=IDS, status=st.just(200)),
    st.builds(
        DocumentFetched,
        effect=IDS,
        status=st.sampled_from([200, 200, 200, 0, 404]),
        content_type=st.sampled_from(["text/xml", "text/plain", "audio/wav", ""]),
        body=BODIES,
    ),
    st.builds(CallUpdated, source=SOURCES),
    st.builds(Digits, digits=st.just("1")),
    st.builds(CallerHungUp, dial=st.none() | st.builds(DialResult, status=st.just("canceled"))),
    st.builds(ExecutionStopped),
)


def identity(effect: TwimlEffect) -> EffectId | None:
    """Of an effect that is answered."""
    if isinstance(effect, (Log, Hangup, Reject, Abandon, NotifyAction)):
        return None
    return effect.id


@settings(max_examples=400, deadline=None)
@given(SOURCES, st.lists(EVENTS, max_size=12))
def test_any_events(source: Any, events: list[TwimlEvent]) -> None:
    execution = TwimlExecution(fallback=DocumentAt(url="https://backup.test/"))
    given: list[EffectId] = []
    hangups = 0
    gone = False
    effects = execution.start(source, now_ns=0)
    for now_ns, event in enumerate([*events, None], 1):
        numbers = [number for effect in effects if (number := identity(effect)) is not None]
        assert UNNUMBERED not in numbers
        given += numbers
        hangups += sum(isinstance(effect, Hangup) for effect in effects)
        assert hangups == 0 or execution.ended
        if event is None:
            break
        was_over = execution.ended
        effects = execution.handle(event, now_ns=now_ns)
        gone = gone or (isinstance(event, CallerHungUp) and not was_over)
        assert not (was_over and effects)
    assert given == list(range(1, len(given) + 1))
    assert hangups <= 1
    assert not (gone and hangups)


@settings(max_examples=200, deadline=None)
@given(DOCUMENTS)
def test_a_document_that_is_answered_comes_to_its_end(text: str) -> None:
    """Every effect answered with what it may be: whatever the document, the call is over in time."""
    execution = TwimlExecution()
    waiting = execution.start(DocumentText(text=text), now_ns=0)
    for _ in range(200):
        if execution.ended:
            break
        effect = next(effect for effect in waiting if identity(effect) is not None)
        waiting = [*waiting[waiting.index(effect) + 1 :], *execution.handle(_good_answer(effect), now_ns=0)]
    assert execution.ended


def _good_answer(effect: TwimlEffect) -> TwimlEvent:
    number = identity(effect)
    assert number is not None
    match type(effect).__name__:
        case "Say" | "Play" | "PlayDigits" | "Pause":
            return PlayEnded(effect=number)
        case "Gather":
            return GatherEnded(effect=number)
        case "Dial" | "DialWithOptions":
            return DialEnded(effect=number, result=DialResult(status="busy"))
        case "StartStream" | "StartStreamWithCallback":
            return StreamCreated(effect=number, sid=SID, name="n")
        case "StopStream":
            return StreamStopped(effect=number)
        case "ConnectStream":
            return ConnectEnded(effect=number, sid=SID, name="n")
        case other:
            assert other == "FetchDocument"
            return DocumentFetched(effect=number, status=200, content_type="text/xml", body=b"<Response/>")


@settings(deadline=None)
@given(
    BODIES, st.sampled_from(["text/xml", "text/xml; charset=utf-16", "text/plain; charset=x", "audio/wav", "", "x/y"])
)
def test_any_body_is_a_document_or_has_a_code(body: bytes, content_type: str) -> None:
    code = 0
    try:
        document = Document.parse(body, content_type=content_type, url="https://a.test/")
    except InvalidTwiml as error:
        code = error.code or 0
    else:
        assert all(problem.place.startswith("Response") and problem.rule for problem in document.warnings)
    assert code in (0, 11770, 12100, 12102, 12300)
