"""Status callbacks: who is told what of a call, in which order."""

from pathlib import Path

import pytest

from bridgetap.calls import CallChange, LastWords, NewCall, Voice
from bridgetap.clock import VirtualClock
from bridgetap.engine.virtual_loop import run_virtual
from bridgetap.errors import InvalidInput
from bridgetap.ids import CallSid
from bridgetap.store import CallRecord, open_store
from bridgetap.twiml import DocumentText
from bridgetap.twiml.effects import CallCallback
from bridgetap.webhooks import Callback, CallbackRows, Seal, StatusCallback, WebhookUrl

from .stage import ACCOUNT, VOICE, Stage

ALL = ("initiated", "ringing", "answered", "completed")
STATUS = {"status_callback": "https://app.example/status"}


def told(stage: Stage, *names: str) -> list[tuple[str, ...]]:
    return [tuple(dict(callback.parameters).get(name, "") for name in names) for callback in stage.told.callbacks]


def test_a_number_tells_of_the_end(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE | STATUS).running() as stage:
            stage.serve("voice", "<Say>hello</Say>")
            await stage.call()
            await stage.settle(61)
            await stage.heard()
            (callback,) = stage.told.callbacks
            assert (callback.to.url.called, callback.to.method) == ("https://app.example/status", "POST")
            assert (callback.line, callback.place) == (stage.call_rows()[0].sid, 3)
            found = dict(callback.parameters)
            assert (found["CallStatus"], found["SequenceNumber"]) == ("completed", "0")
            assert (found["CallDuration"], found["Duration"]) == ("61", "2")
            assert (found["CallbackSource"], found["SipResponseCode"]) == ("call-progress-events", "200")
            assert found["Timestamp"] == "Thu, 01 Jan 2026 00:01:01 +0000"
            assert (found["From"], found["To"], found["Direction"]) == ("+15559998888", "+15551230000", "inbound")

    run_virtual(main())


def test_a_number_tells_all_that_it_is_asked_for(tmp_path: Path) -> None:
    async def main() -> None:
        number = VOICE | STATUS | {"status_callback_event": list(ALL), "status_callback_method": "GET"}
        async with Stage(tmp_path, number=number).running() as stage:
            stage.serve("voice", "<Say>hello</Say>")
            await stage.call()
            await stage.heard()
            assert told(stage, "CallStatus", "SequenceNumber") == [
                ("initiated", "0"),
                ("ringing", "1"),
                ("in-progress", "2"),
                ("completed", "3"),
            ]

    run_virtual(main())


def test_a_call_out_that_is_busy(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path).running() as stage:
            status = CallCallback(url="https://app.example/out", events=ALL)
            voice = Voice(source=DocumentText(text="<Response/>"))
            await stage.calls.create(NewCall(to="+15550001111", from_="+1", runs=voice, status=status))
            await stage.settle()
            (dialog,) = stage.dialled()
            await stage.ringing(dialog)
            await stage.hang_up(dialog, cause="rejected", status=486)
            assert told(stage, "CallStatus", "SipResponseCode", "CallDuration") == [
                ("initiated", "", ""),
                ("ringing", "", ""),
                ("busy", "486", "0"),
            ]

    run_virtual(main())


def test_a_dialled_party_has_its_own(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            callback = "statusCallback='/party' statusCallbackEvent='initiated answered completed'"
            stage.serve("voice", f"<Dial><Number {callback}>+15550001111</Number></Dial>")
            await stage.call()
            (callee,) = stage.dialled()
            await stage.ringing(callee)
            await stage.answers(callee)
            await stage.hang_up(callee)
            caller, party = stage.call_rows()
            assert told(stage, "CallStatus", "CallSid", "ParentCallSid", "Direction") == [
                (status, party.sid, caller.sid, "outbound-dial") for status in ("initiated", "in-progress", "completed")
            ]

    run_virtual(main())


@pytest.mark.parametrize("to", ["<urn:service:sos>", "<sip:>", "no address", '"open <sip:a@b.example>'])
def test_a_call_whose_to_cannot_be_read_is_told_of_and_leaves_nothing_behind(tmp_path: Path, to: str) -> None:
    """Which number is called stands in the Request-URI; To may say what it likes."""

    async def main() -> None:
        number = VOICE | STATUS | {"status_callback_event": list(ALL)}
        trunks = ({"name": "carrier", "max_calls": 1},)
        async with Stage(tmp_path, number=number, trunks=trunks).running() as stage:
            stage.serve("voice", "<Say>hello</Say>")
            await stage.call(to=to)
            await stage.heard()
            assert stage.fake.sent("reject") == []
            assert told(stage, "CallStatus", "SipDomain") == [
                ("initiated", ""),
                ("ringing", ""),
                ("in-progress", ""),
                ("completed", ""),
            ]
            assert [row.status for row in stage.call_rows()] == ["completed"]
            await stage.call(2)
            assert stage.fake.sent("answer")[-1].of == 2, "its place on the trunk is free again"

    run_virtual(main())


def test_a_report_that_cannot_be_made_hurts_no_call(tmp_path: Path) -> None:
    async def main() -> None:
        number = VOICE | STATUS | {"status_callback_event": list(ALL)}
        trunks = ({"name": "carrier", "max_calls": 1},)
        async with Stage(tmp_path, number=number, trunks=trunks).running() as stage:

            def put(callback: Callback) -> None:
                raise InvalidInput("url", "", "cannot be sealed")

            stage.told.put = put  # type: ignore[method-assign]
            stage.serve("voice", "<Say>hello</Say>")
            await stage.call()
            await stage.heard()
            assert [row.status for row in stage.call_rows()] == ["completed"]
            await stage.call(2)
            assert stage.fake.sent("answer")[-1].of == 2

    run_virtual(main())


def test_it_may_be_given_while_the_call_lasts(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("voice", "<Say>hello</Say>")
            await stage.call()
            change = CallChange(status=CallCallback(url="https://app.example/late"))
            stage.calls.change(stage.call_rows()[0].sid, change)
            await stage.heard()
            assert told(stage, "CallStatus") == [("completed",)]

    run_virtual(main())


async def test_the_end_of_a_call_that_a_killed_server_left_open_is_told_once(tmp_path: Path) -> None:
    clock = VirtualClock()
    rows = CallbackRows(seal=Seal("token"), clock=clock, entropy=bytes, account_sid=ACCOUNT)
    to = StatusCallback(url=WebhookUrl.parse("https://app.example/status?k=secret"))
    call = CallRecord(
        sid=CallSid("CA" + "1" * 32),
        account_sid=ACCOUNT,
        direction="inbound",
        from_="+1",
        to="+2",
        status="in-progress",
        created_ns=clock.now_ns(),
        updated_ns=clock.now_ns(),
        answered_ns=clock.now_ns(),
        callback=rows.close(to),
    )
    url = f"sqlite+aiosqlite:///{tmp_path / 'calls.db'}"
    async with open_store(url, node="n1", clock=clock) as store:
        await store.commit_now(call)
    clock.advance(5)
    for _ in range(2):
        async with open_store(url, node="n1", clock=clock, last_words=LastWords(rows)) as store:
            (left,) = await store.callbacks_left(limit=10)
            told = rows.callback(left)
            assert (told.to, told.line) == (to, call.sid)
            found = dict(told.parameters)
            assert (found["CallStatus"], found["CallSid"], found["CallDuration"]) == ("completed", call.sid, "0")


def test_an_address_lies_sealed_in_the_row(tmp_path: Path) -> None:
    async def main() -> None:
        number = VOICE | STATUS
        async with Stage(tmp_path, number=number).running() as stage:
            stage.serve("voice", "<Say>hello</Say>")
            await stage.call()
            assert stage.call_rows()[0].callback == "sealed https://app.example/status"

    run_virtual(main())
