"""From document to document: what fails, what replaces what, and when it is over."""

import pytest

from bridgetap.flow.effects import Dial, EffectId, Hangup, Say
from bridgetap.flow.events import (
    CallerHungUp,
    DialEnded,
    DialResult,
    ExecutionStopped,
    HttpEnded,
    PlayEnded,
    StreamStopped,
)
from bridgetap.twiml import DocumentAt, DocumentText, TwimlEvent, TwimlExecution
from bridgetap.twiml.effects import Abandon, FetchDocument
from bridgetap.twiml.events import CallUpdated, DocumentFetched, GatherEnded
from bridgetap.twiml.interpreter import MAX_DOCUMENTS

from .call import URL, Call, only

BACKUP = "https://backup.test/voice"
OK = b"<Response><Say>Hi</Say></Response>"


def fetched(fetch: FetchDocument, **answer: object) -> DocumentFetched:
    fields: dict[str, object] = {"status": 200, "content_type": "text/xml", "body": OK}
    return DocumentFetched(effect=fetch.id, **(fields | answer))  # type: ignore[arg-type]


def test_the_first_document_is_fetched() -> None:
    call = Call()
    assert call.start(DocumentAt(url=URL, method="GET")) == [FetchDocument(id=EffectId(1), url=URL, method="GET")]
    assert call.execution.current is None
    assert not call.execution.ended


def test_a_given_document_is_run_at_once() -> None:
    assert Call().start(DocumentText(text=OK.decode())) == [Say(id=EffectId(1), text="Hi")]


def test_redirect_is_relative_to_where_the_document_came_from() -> None:
    call = Call()
    first = only(call.start(DocumentAt(url=URL)), FetchDocument)
    body = b"<Response><Redirect method='GET'>next</Redirect><Say>never</Say></Response>"
    second = only(call.tell(fetched(first, url="http://moved.test/a/b", body=body)), FetchDocument)
    assert (second.url, second.method, second.parameters) == ("http://moved.test/a/next", "GET", ())
    assert call.execution.current == "Response/Redirect"
    assert call.answer(second, "<Say>Hi</Say>") == [Say(id=EffectId(3), text="Hi")]


def test_every_document_is_written_down() -> None:
    call = Call()
    fetch = only(call.start(DocumentAt(url="https://u:s3cret@app.test/a")), FetchDocument)
    fetch = only(call.answer(fetch, "<Foo/><Redirect>/b</Redirect>"), FetchDocument)
    assert fetch.url == "https://u:s3cret@app.test/b"
    call.answer(fetch, "<Say>Hi</Say>")
    runs = [(run.index, run.url, run.verbs, run.warnings, run.at_ns) for run in call.execution.documents]
    assert runs == [(0, "https://***@app.test/a", 1, 1, 2), (1, "https://***@app.test/b", 1, 0, 3)]
    assert "s3cret" not in repr(call.log)


@pytest.mark.parametrize(
    ("answer", "code", "message"),
    [
        ({"status": 0, "error": "no answer within 15 s", "code": 11203}, 11203, "no answer within 15 s"),
        ({"status": 0, "error": "refused", "code": 0}, 11200, "refused"),
        ({"status": 0, "error": ""}, 11200, "no answer"),
        ({"status": 404}, 11200, "answered 404"),
        ({"status": 500}, 11200, "answered 500"),
        ({"status": 302}, 11200, "answered 302"),
        ({"body": b""}, 11770, "is empty"),
        ({"status": 204, "body": b"", "content_type": ""}, 11770, "is empty"),
        ({"body": b"x" * 65_537}, 11750, "65536"),
        ({"body": b"<Response>"}, 12100, "line 1"),
        ({"body": b"<response/>"}, 12102, "must be <Response>"),
        ({"content_type": "application/json"}, 12300, "Content-Type"),
    ],
)
def test_a_document_that_cannot_be_had_ends_the_call(answer: dict[str, object], code: int, message: str) -> None:
    call = Call()
    fetch = only(call.start(DocumentAt(url="https://u:s3cret@app.test/a")), FetchDocument)
    assert call.tell(fetched(fetch, **answer)) == [Hangup()]
    (line,) = call.log
    assert (line.level, line.code) == ("error", code)
    assert message in line.message
    assert "s3cret" not in line.message
    assert call.execution.end_reason == line.message


def test_the_fallback_is_told_what_failed_and_takes_over() -> None:
    call = Call(fallback=BACKUP)
    fetch = only(call.start(DocumentAt(url=URL)), FetchDocument)
    backup = only(call.tell(fetched(fetch, status=503)), FetchDocument)
    assert backup == FetchDocument(id=EffectId(2), url=BACKUP, parameters=(("ErrorCode", "11200"), ("ErrorUrl", URL)))
    second = only(call.answer(backup, "<Redirect>more</Redirect>"), FetchDocument)
    assert second.url == "https://backup.test/more"
    assert only(call.tell(fetched(second, body=b"oops")), FetchDocument).url == BACKUP


def test_a_fallback_that_fails_ends_the_call() -> None:
    call = Call(fallback=BACKUP)
    fetch = only(call.start(DocumentAt(url=URL)), FetchDocument)
    backup = only(call.tell(fetched(fetch, status=503)), FetchDocument)
    assert call.tell(fetched(backup, body=b"")) == [Hangup()]
    assert [line[1] for line in call.logged] == [11200, 11770]


def test_a_given_document_that_is_bad_goes_to_the_fallback() -> None:
    fetch = only(Call(fallback=BACKUP).start(DocumentText(text="<Respond/>")), FetchDocument)
    assert (fetch.url, dict(fetch.parameters)) == (BACKUP, {"ErrorCode": "12102", "ErrorUrl": ""})
    assert Call().start(DocumentText(text="")) == [Hangup()]


@pytest.mark.parametrize(
    ("inner", "place"),
    [
        ("<Redirect>/next</Redirect>", "Response/Redirect"),
        ("<Redirect/>", "Response/Redirect"),
        ("<Connect action='/a'/>", "Response/Connect"),
        ("<Dial action='/a'/>", "Response/Dial"),
    ],
)
def test_a_given_document_has_no_place_of_its_own(inner: str, place: str) -> None:
    call = Call()
    assert call.start(DocumentText(text=f"<Response>{inner}</Response>")) == [Hangup()]
    assert call.logged[-1] == ("error", 11100, place)


@pytest.mark.parametrize("url", ["", "/voice", "ftp://a.test", "http://"])
def test_a_first_url_that_leads_nowhere(url: str) -> None:
    call = Call()
    assert call.start(DocumentAt(url=url)) == [Hangup()]
    assert [line[1] for line in call.logged] == [11100]


def test_a_fallback_that_leads_nowhere_is_tried_once() -> None:
    call = Call(fallback="ftp://a.test")
    assert call.start(DocumentAt(url="ftp://b.test")) == [Hangup()]
    assert [line[1] for line in call.logged] == [11100, 11100]


@pytest.mark.parametrize("fallback", ["", BACKUP])
def test_documents_that_lead_to_each_other_have_an_end(fallback: str) -> None:
    call = Call(fallback=fallback)
    effects = call.start(DocumentAt(url=URL))
    asked = 0
    while not call.execution.ended:
        asked += 1
        effects = call.answer(only(effects, FetchDocument), "<Redirect/>")
    assert asked == MAX_DOCUMENTS
    assert effects == [Hangup()]
    assert call.logged == [("error", 11215, "Response/Redirect")]
    assert call.execution.end_reason == "too many documents"


def test_a_server_that_is_never_there_is_not_asked_for_ever() -> None:
    """The fallback answers each time with a redirect to where nobody is."""
    call = Call(fallback=BACKUP)
    effects = call.start(DocumentAt(url=URL))
    while not call.execution.ended:
        fetch = only(effects, FetchDocument)
        effects = (
            call.answer(fetch, f"<Redirect>{URL}</Redirect>")
            if fetch.url == BACKUP
            else call.tell(fetched(fetch, status=0, error="refused"))
        )
    assert effects == [Hangup()]
    assert call.logged[-1][1] == 11215


# --- from outside ----------------------------------------------------------------------------


def test_a_call_can_be_given_another_document() -> None:
    call = Call()
    call.begin("<Dial action='/done'>1</Dial>")
    effects = call.tell(CallUpdated(source=DocumentText(text=OK.decode())))
    assert effects == [Abandon(effects=(EffectId(2),)), Say(id=EffectId(3), text="Hi")]
    assert call.tell(DialEnded(effect=EffectId(2), result=DialResult(status="completed"))) == []
    assert call.tell(PlayEnded(effect=EffectId(3))) == [Hangup()]


def test_a_call_can_be_sent_elsewhere_while_it_fetches() -> None:
    call = Call()
    first = only(call.start(DocumentAt(url=URL)), FetchDocument)
    update = CallUpdated(source=DocumentAt(url="https://new.test/", method="GET"), fallback=DocumentAt(url=BACKUP))
    abandoned, second = call.tell(update)
    assert abandoned == Abandon(effects=(first.id,))
    assert second == FetchDocument(id=EffectId(2), url="https://new.test/", method="GET")
    assert call.tell(fetched(first)) == []
    assert isinstance(second, FetchDocument)
    assert only(call.tell(fetched(second, status=500)), FetchDocument).url == BACKUP


def test_somebody_can_end_it() -> None:
    call = Call()
    call.begin("<Say>Hi</Say>")
    assert call.tell(ExecutionStopped(reason="shutdown")) == [Hangup()]
    assert call.execution.end_reason == "shutdown"


@pytest.mark.parametrize(
    "event",
    [
        PlayEnded(effect=EffectId(2)),
        CallerHungUp(),
        ExecutionStopped(),
        CallUpdated(source=DocumentAt(url=URL)),
        DocumentFetched(effect=EffectId(1), status=200, content_type="text/xml", body=OK),
    ],
)
def test_what_crosses_with_the_end_is_nothing(event: TwimlEvent) -> None:
    call = Call()
    call.begin("<Hangup/>")
    assert call.tell(event) == []
    assert call.log == []


@pytest.mark.parametrize("event", [PlayEnded(effect=EffectId(99)), GatherEnded(effect=EffectId(1), digits="1")])
def test_an_answer_nobody_waits_for_is_nothing(event: TwimlEvent) -> None:
    call = Call()
    call.begin("<Say>Hi</Say>")
    assert call.tell(event) == []
    assert call.log == []
    assert call.execution.current == "Response/Say"


@pytest.mark.parametrize(
    "event",
    [
        StreamStopped(effect=EffectId(2)),
        GatherEnded(effect=EffectId(2), digits="1"),
        HttpEnded(effect=EffectId(2), status=200),
    ],
)
def test_an_answer_of_the_wrong_kind_is_told(event: TwimlEvent) -> None:
    call = Call()
    call.begin("<Say>Hi</Say>")
    assert call.tell(event) == []
    assert call.logged == [("warning", 0, "Response/Say")]
    assert type(event).__name__ in call.log[0].message
    assert call.tell(PlayEnded(effect=EffectId(2))) == [Hangup()]


def test_the_wrong_answer_to_a_fetch_is_told() -> None:
    call = Call()
    fetch = only(call.start(DocumentAt(url=URL)), FetchDocument)
    assert call.tell(PlayEnded(effect=fetch.id)) == []
    assert [line[:2] for line in call.logged] == [("warning", 0)]
    assert call.tell(fetched(fetch)) == [Say(id=EffectId(2), text="Hi")]


def test_it_begins_once() -> None:
    call = Call()
    assert call.tell(CallerHungUp()) == []
    call.begin("<Dial>1</Dial>")
    assert call.start(DocumentAt(url=URL)) == []
    assert [line[:2] for line in call.logged] == [("warning", 0), ("warning", 0)]
    assert call.execution.current == "Response/Dial"


def test_ids_are_never_used_twice() -> None:
    call = Call()
    (effect,) = call.begin("<Pause/>" * 50 + "<Dial hangupOnStar='true'>1</Dial>")
    seen = []
    while not call.execution.ended and not hasattr(effect, "dial"):
        seen.append(effect.id)  # type: ignore[union-attr]
        (effect,) = call.tell(PlayEnded(effect=seen[-1]))
    assert seen == list(range(2, 52))
    assert effect.dial == Dial(id=EffectId(52), targets=effect.dial.targets)  # type: ignore[union-attr]


def test_a_fresh_execution_has_nothing() -> None:
    execution = TwimlExecution()
    assert (execution.ended, execution.end_reason, execution.current, execution.documents) == (False, "", None, ())
