"""Stream status callbacks: exactly the documented fields, one end for every start, also after a crash."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bridgetap.engine import ForkOpened
from bridgetap.engine.virtual_loop import LoopClock, run_virtual
from bridgetap.ids import AccountSid, CallSid, SiprecSid, StreamSid
from bridgetap.store import StreamRecord
from bridgetap.streams import LastWords, StreamPolicy
from bridgetap.webhooks import CallbackRows, Seal, StatusCallback, WebhookUrl

from .desk import ACCOUNT, CALL, Desk

TO = StatusCallback(url=WebhookUrl.parse("https://a.example/cb?k=secret"), method="GET")
FIELDS = ["AccountSid", "CallSid", "StreamSid", "StreamName", "StreamEvent", "Timestamp"]


def told(desk: Desk) -> list[dict[str, str]]:
    return [dict(callback.parameters) for callback in desk.told]


def live(end: Callable[[Desk], None], *, status: StatusCallback | None = TO, opened: bool = True) -> Desk:
    """A stream from its start through `end`."""

    async def main() -> Desk:
        desk = Desk()
        await desk.start(status=status)
        (fork,) = desk.leg.forks
        if opened:
            desk.fake.push(ForkOpened(leg=desk.leg.id, fork=fork, connect_ms=12.5))
            await desk.settle()
        end(desk)
        await desk.settle()
        return desk

    return run_virtual(main())


def stopped(desk: Desk) -> None:
    desk.call.stop("tap", "websocket")


def ends(**values: Any) -> Callable[[Desk], None]:
    def end(desk: Desk) -> None:
        (fork,) = desk.leg.forks
        desk.leg.end_fork(fork, **values)

    return end


def test_a_stream_that_ran_well() -> None:
    desk = live(stopped)
    started, end = told(desk)
    assert list(started) == list(end) == FIELDS
    assert (started["AccountSid"], started["CallSid"], started["StreamName"]) == (ACCOUNT, CALL, "tap")
    assert started["StreamSid"] == end["StreamSid"] == desk.rows()["tap"].sid
    assert (started["StreamEvent"], end["StreamEvent"]) == ("stream-started", "stream-stopped")
    for callback in (started, end):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", callback["Timestamp"])
    assert [(callback.line, callback.place, callback.to) for callback in desk.told] == [
        (started["StreamSid"], 0, TO),
        (started["StreamSid"], 1, TO),
    ]
    assert desk.rows()["tap"].connect_ms == 12.5


@pytest.mark.parametrize(
    ("end", "event", "error"),
    [
        (stopped, "stream-stopped", None),
        (ends(reason="call-ended"), "stream-stopped", None),
        (ends(reason="remote-closed", code=31921, close_code=1000), "stream-stopped", None),
        (
            ends(reason="remote-closed", code=31921, close_code=1011),
            "stream-error",
            "31921: the server closed the socket",
        ),
        (ends(reason="remote-closed", code=31903), "stream-error", "31903: the server dropped the connection"),
        (
            ends(reason="failed", code=31920, detail="404"),
            "stream-error",
            "31920: the server answered the handshake with something other than 101: 404",
        ),
        (ends(reason="failed"), "stream-error", "31900: the stream failed"),
    ],
)
def test_which_ends_are_errors(end: Callable[[Desk], None], event: str, error: str | None) -> None:
    last = told(live(end))[-1]
    assert last["StreamEvent"] == event
    assert last.get("StreamError") == error
    assert list(last) == FIELDS + (["StreamError"] if error else [])


def test_a_stream_that_never_opened_has_only_its_end() -> None:
    assert [callback["StreamEvent"] for callback in told(live(ends(reason="failed", code=31902), opened=False))] == [
        "stream-error"
    ]


def test_who_named_no_callback_is_told_nothing() -> None:
    assert told(live(stopped, status=None)) == []


def test_streams_without_a_callback_of_their_own_may_have_a_common_one() -> None:
    async def main() -> None:
        desk = Desk(StreamPolicy(status=TO))
        await desk.start("a")
        own = StatusCallback(url=WebhookUrl.parse("https://b.example/"))
        await desk.start("b", status=own)
        desk.call.end_of_call()
        desk.leg.close()
        await desk.settle()
        assert [callback.to for callback in desk.told] == [TO, own]

    run_virtual(main())


def test_an_end_is_written_down_to_be_told_before_its_row_is_closed() -> None:
    assert live(stopped).order == ["stream-started", "row", "stream-stopped", "row"]


def test_the_row_keeps_the_address_sealed() -> None:
    assert live(stopped).rows()["tap"].callback == "sealed https://a.example/cb"


ROWS = CallbackRows(
    seal=Seal("12345678"), clock=LoopClock(), entropy=lambda size: bytes(size), account_sid=AccountSid("AC")
)
LEFT = StreamRecord(
    sid=StreamSid("MZ1"),
    account_sid=AccountSid("AC1"),
    call_sid=CallSid("CA1"),
    name="tap",
    transport="websocket",
    url="wss://h/",
    tracks=("inbound",),
    callback=ROWS.close(TO),
    created_ns=1,
    updated_ns=2,
    ended_ns=1_767_323_045_123_456_789,
    end_reason="crashed",
)


def words(stream: StreamRecord, rows: CallbackRows = ROWS, *, line: str = "MZ1") -> dict[str, str] | None:
    async def main() -> dict[str, str] | None:
        row = LastWords(rows)(stream)
        if row is None:
            return None
        callback = rows.callback(row)
        assert (row.id, callback.to) == (f"{line}/1", TO)
        return dict(callback.parameters)

    return run_virtual(main())


def test_what_a_killed_process_left_is_told_as_an_error() -> None:
    assert words(LEFT) == {
        "AccountSid": "AC1",
        "CallSid": "CA1",
        "StreamSid": "MZ1",
        "StreamName": "tap",
        "StreamEvent": "stream-error",
        "Timestamp": "2026-01-02T03:04:05.123456789Z",
        "StreamError": "31900: this server was killed while the stream ran",
    }


def test_a_recording_that_a_killed_process_left_is_told_in_its_own_words() -> None:
    recording = replace(LEFT, sid=SiprecSid("SR1"), transport="siprec", url="", connector="srs", name="rec")
    assert words(recording, line="SR1") == {
        "AccountSid": "AC1",
        "CallSid": "CA1",
        "SiprecSid": "SR1",
        "SiprecName": "rec",
        "SiprecEvent": "siprec-error",
        "Timestamp": "2026-01-02T03:04:05.123456789Z",
        "SiprecError": "31900: this server was killed while the stream ran",
        "SiprecErrorCode": "31900",
    }


def test_nothing_is_told_where_nobody_asked_or_the_address_is_lost() -> None:
    assert words(replace(LEFT, callback="")) is None
    other = CallbackRows(seal=Seal("another!"), clock=LoopClock(), entropy=bytes, account_sid=AccountSid("AC"))
    assert words(LEFT, other) is None
