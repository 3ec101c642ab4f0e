"""Calls that run TwiML: which documents are asked for, what the caller hears, how it ends."""

from pathlib import Path

import pytest

from bridgetap.calls import CallChange, NewCall, Voice
from bridgetap.engine.virtual_loop import run_virtual
from bridgetap.errors import Conflict, NotFound
from bridgetap.ids import CallSid
from bridgetap.twiml import DocumentAt, DocumentText
from bridgetap.webhooks import WebhookFailed

from .stage import VOICE, Stage, say

FALLBACK = VOICE | {"voice_fallback_url": "https://app.example/backup", "voice_fallback_method": "GET"}


def test_a_document_is_asked_for_and_heard(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("voice", "<Say>hello</Say><Play>/tune.wav</Play>")
            await stage.call(headers=[("X-Tenant", "42")])
            assert stage.asked() == [("POST", "voice")]
            told = stage.parameters()
            assert (told["From"], told["To"], told["CallStatus"]) == ("+15559998888", "+15551230000", "ringing")
            assert (told["Direction"], told["SipHeader_X-Tenant"]) == ("inbound", "42")
            assert (told["CallerName"], told["ApiVersion"]) == ("Bob", "2010-04-01")
            assert stage.prompter.made == ["hello"]
            await stage.heard()
            assert stage.prompter.made == ["hello", "https://app.example/tune.wav"]
            await stage.heard()
            assert stage.fake.sent("hang_up")[0].of == 1
            (row,) = stage.call_rows()
            assert (row.status, row.execution_sid) == ("completed", None)
            (document,) = stage.documents()
            assert (document.call_sid, document.index, document.url) == (row.sid, 0, "https://app.example/voice")
            assert (document.method, document.status, document.verbs, document.code) == ("POST", 200, 2, 0)

    run_virtual(main())


def test_it_is_answered_by_the_first_verb_that_is_heard(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("voice", "<Pause length='3'/><Redirect method='GET'>next?x=1</Redirect>")
            stage.serve("next?x=1", "<Say>hello</Say><Redirect>last</Redirect>")
            stage.serve("last", "")
            await stage.call()
            await stage.settle(2.9)
            assert stage.fake.sent("answer") == [], "a pause lets it ring on"
            await stage.settle(0.2)
            assert stage.asked()[1] == ("GET", "next?x=1")
            assert stage.parameters()["CallStatus"] == "ringing"
            assert len(stage.fake.sent("answer")) == 1
            await stage.heard()
            assert stage.parameters()["CallStatus"] == "in-progress"
            assert [document.url for document in stage.documents()] == [
                "https://app.example/voice",
                "https://app.example/next",  # a query may hold a secret
                "https://app.example/last",
            ]

    run_virtual(main())


@pytest.mark.parametrize(("reason", "status"), [("busy", 486), ("rejected", 603)])
def test_a_caller_is_rejected(tmp_path: Path, reason: str, status: int) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("voice", f"<Reject reason='{reason}'/>")
            await stage.call()
            (refusal,) = stage.fake.sent("reject")
            assert refusal["status"] == status
            assert stage.fake.sent("answer") == []

    run_virtual(main())


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (WebhookFailed("https://app.example/voice", "refused the connection", code=11202), 11202),
        (WebhookFailed("https://app.example/voice", "did not answer within 15 s", code=11203), 11203),
        ("<Say>", 12100),
    ],
)
def test_the_fallback_is_asked(tmp_path: Path, answer: str | WebhookFailed, code: int) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=FALLBACK).running() as stage:
            stage.serve("voice", answer)
            stage.serve("backup", "<Say>sorry</Say>")
            await stage.call()
            assert stage.asked() == [("POST", "voice"), ("GET", "backup")]
            told = stage.parameters()
            assert (told["ErrorCode"], told["ErrorUrl"]) == (str(code), "https://app.example/voice")
            assert stage.prompter.made == ["sorry"]
            assert ("error", code) in stage.notes()
            failed, backup = stage.documents()
            assert (failed.code, failed.verbs) == (code, 0)
            assert (backup.code, backup.verbs) == (0, 1)

    run_virtual(main())


def test_without_a_fallback_an_unanswered_caller_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            await stage.call()
            assert stage.fake.sent("reject")[0]["status"] == 480
            assert stage.notes() == [("error", 11200)]
            (document,) = stage.documents()
            assert (document.status, document.code) == (404, 11200)

    run_virtual(main())


def test_a_caller_who_leaves_while_a_document_is_fetched(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.servers.delay_s = 5
            stage.serve("voice", "<Say>hello</Say>")
            await stage.call()
            await stage.hang_up(1, cause="cancelled")
            await stage.settle(10)
            assert stage.prompter.made == []
            assert stage.call_rows()[0].status == "canceled"
            (document,) = stage.documents()
            assert (document.status, document.detail) == (None, "the call went on without it")

    run_virtual(main())


def test_streams_are_started_and_stopped_and_outlive_their_document(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve(
                "voice",
                "<Start><Stream name='tap' url='wss://a.test/in' track='both_tracks'>"
                "<Parameter name='k' value='v'/></Stream></Start><Redirect>second</Redirect>",
            )
            stage.serve("second", "<Say>forked</Say><Stop><Stream name='tap'/></Stop><Pause length='9'/>")
            await stage.call()
            (fork,) = stage.fake.sent("fork")
            assert (fork["target"].endpoints[0].host, fork["target"].tracks) == ("a.test", ("inbound", "outbound"))
            assert fork["target"].parameters == (("k", "v"),)
            assert stage.fake.sent("stop_fork") == []
            await stage.heard()
            assert len(stage.fake.sent("stop_fork")) == 1
            assert stage.stream_rows()[0].end_reason == "stopped"

    run_virtual(main())


def made(**more: object) -> NewCall:
    return NewCall(to="+15550001111", from_="+15551230000", **more)  # type: ignore[arg-type]


def test_a_call_is_made_with_a_document_and_keys(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("hi", "<Say>hello</Say>")
            voice = Voice(source=DocumentAt(url="https://app.example/hi", method="GET"))
            await stage.calls.create(made(runs=voice, send_digits="ww12#"))
            await stage.settle()
            (dialog,) = stage.dialled()
            assert stage.asked() == []
            await stage.answers(dialog)
            assert stage.fake.sent("send_dtmf")[0]["digits"] == "ww12#"
            assert stage.asked() == [], "the keys come first"
            await stage.heard()
            assert stage.asked() == [("GET", "hi")]
            assert stage.parameters()["Direction"] == "outbound-api"
            assert stage.parameters()["CallStatus"] == "in-progress"
            assert stage.prompter.made == ["hello"]

    run_virtual(main())


def test_a_call_is_given_a_document_as_a_text(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path).running() as stage:
            text = DocumentText(text="<Response><Say>hello</Say><Redirect/></Response>")
            await stage.calls.create(made(runs=Voice(source=text)))
            await stage.settle()
            await stage.answers(stage.dialled()[0])
            assert stage.prompter.made == ["hello"]
            await stage.heard()
            assert stage.notes() == [("error", 11100)], "it has no URL of its own"
            (document,) = stage.documents()
            assert (document.url, document.method, document.status, document.verbs) == ("", "", None, 2)

    run_virtual(main())


UPDATE = CallChange(voice=Voice(source=DocumentAt(url="https://app.example/new")))


def only_call(stage: Stage) -> CallSid:
    return stage.call_rows()[0].sid


def test_an_update_takes_over_from_a_document(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("voice", "<Start><Stream name='tap' url='wss://a.test/'/></Start><Say loop='0'>wait</Say>")
            stage.serve("new", "<Say>new</Say>")
            await stage.call()
            assert stage.prompter.made == ["wait"]
            stage.calls.change(only_call(stage), UPDATE)
            await stage.settle()
            assert stage.prompter.made == ["wait", "new"]
            names = stage.fake.names()
            assert names.index("stop_play") < len(names) - 1 - names[::-1].index("play"), "the old falls silent first"
            assert stage.fake.sent("stop_fork") == [], "streams go on"
            await stage.heard()
            assert stage.call_rows()[0].status == "completed"
            assert [row.end_reason for row in stage.stream_rows()] == ["call-ended"]

    run_virtual(main())


def test_an_update_takes_over_from_a_flow(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, say(then="one")).running() as stage:
            stage.serve("new", "<Say>new</Say>")
            await stage.call()
            stage.calls.change(only_call(stage), UPDATE)
            await stage.settle()
            assert stage.prompter.made == ["hello", "new"]
            assert stage.fake.sent("hang_up") == []
            assert stage.execution().end_reason == "taken over by a document"
            await stage.heard()
            assert stage.fake.sent("hang_up")[0].of == 1

    run_virtual(main())


def test_a_document_that_the_call_did_not_wait_for_is_written_down_as_that(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("voice", "<Say>late</Say><Say>later</Say>")
            stage.servers.delay_s = 10.0
            await stage.call()
            await stage.settle(2 - 0.01)
            text = "<Response><Say>new</Say><Pause length='60'/><Hangup/></Response>"
            stage.calls.change(only_call(stage), CallChange(voice=Voice(source=DocumentText(text=text))))
            await stage.settle()
            abandoned, given = stage.documents()
            assert (abandoned.url, abandoned.verbs, abandoned.took_ms) == ("https://app.example/voice", 0, 2000)
            assert abandoned.detail == "the call went on without it"
            assert (given.url, given.verbs, given.detail) == ("", 3, "")
            await stage.heard()
            await stage.settle(100)
            assert len(stage.documents()) == 2
            assert stage.prompter.made == ["new"]

    run_virtual(main())


def test_an_update_during_a_dial_hangs_the_dialled_party_up(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("voice", "<Dial action='/after'>+15550001111</Dial>")
            stage.serve("new", "<Say>new</Say>")
            await stage.call()
            (callee,) = stage.dialled()
            await stage.answers(callee)
            stage.calls.change(only_call(stage), UPDATE)
            await stage.settle()
            assert stage.fake.sent("hang_up")[0].of == callee
            assert stage.prompter.made == ["new"]
            assert ("POST", "after") not in stage.asked()

    run_virtual(main())


def test_an_update_that_crosses_with_a_hang_up(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("voice", "<Dial>+15550001111</Dial>")
            stage.serve("new", "<Say>new</Say>")
            await stage.call()
            await stage.answers(stage.dialled()[0])
            stage.calls.change(only_call(stage), UPDATE)
            await stage.hang_up(1)
            await stage.settle(1)
            assert stage.calls.gauges()["calls_live"] == 0

    run_virtual(main())


def test_a_call_that_rings_cannot_be_redirected(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            sid = await stage.calls.create(made(runs=UPDATE.voice))
            await stage.settle()
            with pytest.raises(Conflict) as refused:
                stage.calls.change(sid, UPDATE)
            assert refused.value.code == 21220
            with pytest.raises(NotFound):
                stage.calls.change(CallSid("CA" + "0" * 32), UPDATE)

    run_virtual(main())


def test_a_shorter_time_limit(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("voice", "<Say loop='0'>wait</Say>")
            await stage.call()
            await stage.settle(5)
            stage.calls.change(only_call(stage), CallChange(time_limit_s=10))
            await stage.settle(4.9)
            assert stage.fake.sent("hang_up") == []
            await stage.settle(0.2)
            assert stage.fake.sent("hang_up")[0].of == 1

    run_virtual(main())


def test_a_dialled_party_is_hung_up_by_its_own_sid(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("voice", "<Dial>+15550001111</Dial><Say>gone</Say>")
            await stage.call()
            (callee,) = stage.dialled()
            await stage.answers(callee)
            dialled = stage.call_rows()[1].sid
            with pytest.raises(Conflict):
                stage.calls.change(dialled, UPDATE)
            await stage.calls.end(dialled, "completed")
            assert stage.records.rows[dialled].status == "completed"
            await stage.settle()
            assert stage.fake.sent("hang_up")[0].of == callee
            assert stage.prompter.made == ["gone"], "the caller goes on"

    run_virtual(main())


def test_a_ringing_party_is_hung_up_by_its_own_sid(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("voice", "<Dial>+15550001111</Dial><Say>gone</Say>")
            await stage.call()
            dialled = stage.call_rows()[1].sid
            await stage.calls.end(dialled, "canceled")
            assert stage.records.rows[dialled].status == "canceled"
            await stage.settle()
            assert stage.prompter.made == ["gone"]

    run_virtual(main())
