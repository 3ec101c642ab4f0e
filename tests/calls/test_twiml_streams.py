"""Streams that TwiML asks for: told of, connected to, waited for."""

from pathlib import Path

import pytest

from bridgetap.calls import CallChange, Voice
from bridgetap.engine import ForkOpened
from bridgetap.engine.virtual_loop import run_virtual
from bridgetap.twiml import DocumentAt

from .stage import VOICE, Stage, fork, say

CONNECT = "<Connect action='/after'><Stream name='bot' url='wss://a.test/'/></Connect><Say>next</Say>"


def test_the_life_of_a_stream_is_told(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stream = "<Stream name='tap' url='wss://a.test/' statusCallback='/tap' statusCallbackMethod='GET'/>"
            stage.serve("voice", f"<Start>{stream}</Start><Say>hello</Say>")
            await stage.call()
            (fork,) = stage.fake.sent("fork")
            stage.fake.push(ForkOpened(leg=stage.leg(1).id, fork=fork["fork"], connect_ms=1.0))
            await stage.settle()
            await stage.heard()
            started, stopped = stage.told.callbacks
            assert (started.to.url.called, started.to.method) == ("https://app.example/tap", "GET")
            assert [dict(one.parameters)["StreamEvent"] for one in (started, stopped)] == [
                "stream-started",
                "stream-stopped",
            ]

    run_virtual(main())


@pytest.mark.parametrize(
    ("reason", "close_code", "error"),
    [("remote-closed", 1000, ""), ("remote-closed", 1011, "31921"), ("failed", 0, "31901")],
)
def test_the_document_goes_on_once_the_server_has_left(
    tmp_path: Path, reason: str, close_code: int, error: str
) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("voice", CONNECT)
            stage.serve("after", "<Say>bye</Say>")
            await stage.call()
            (fork,) = stage.fake.sent("fork")
            assert fork["target"].bidirectional
            await stage.settle(100)
            assert stage.asked() == [("POST", "voice")]
            code = int(error) if error else 0
            stage.leg(1).end_fork(fork["fork"], reason=reason, code=code, close_code=close_code)  # type: ignore[arg-type]
            await stage.settle()
            told = stage.parameters()
            assert (told["StreamName"], told["StreamSid"]) == ("bot", stage.stream_rows()[0].sid)
            assert told.get("StreamError", "")[:5] == error
            assert stage.prompter.made == ["bye"]

    run_virtual(main())


def test_an_update_ends_the_connection(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("voice", CONNECT)
            stage.serve("new", CONNECT)
            await stage.call()
            voice = Voice(source=DocumentAt(url="https://app.example/new"))
            stage.calls.change(stage.call_rows()[0].sid, CallChange(voice=voice))
            await stage.settle()
            assert len(stage.fake.sent("stop_fork")) == 1
            assert len(stage.fake.sent("fork")) == 2, "and another may begin"

    run_virtual(main())


def test_the_caller_leaves_during_the_connection(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("voice", CONNECT)
            await stage.call()
            await stage.hang_up(1)
            await stage.settle(1)
            assert stage.asked() == [("POST", "voice")]
            assert stage.calls.gauges()["calls_live"] == 0
            assert stage.stream_rows()[0].end_reason == "call-ended"

    run_virtual(main())


@pytest.mark.parametrize("runs", ["flow", "document"])
def test_an_update_while_a_stream_is_written_down_leaves_it_alone(tmp_path: Path, runs: str) -> None:
    """Streams go on, also those that are just begun; and nobody waits for the store."""

    async def main() -> None:
        number = VOICE if runs == "document" else None
        async with Stage(tmp_path, fork(then="two"), say("two"), number=number).running() as stage:
            stage.serve("voice", "<Start><Stream name='tap' url='wss://a.test/'/></Start><Say>hello</Say>")
            stage.serve("new", "<Say>new</Say><Dial>+15550001111</Dial>")
            stage.records.commit_s = 5.0
            await stage.call()
            voice = Voice(source=DocumentAt(url="https://app.example/new"))
            stage.calls.change(stage.call_rows()[0].sid, CallChange(voice=voice))
            await stage.settle(1)
            assert stage.prompter.made == ["new"]
            await stage.settle(5)
            await stage.heard()
            assert len(stage.dialled()) == 1, "what the old run was told is not for the new one"
            assert len(stage.leg(1).forks) == 1
            assert [row.end_reason for row in stage.stream_rows()] == [None]
            assert stage.notes() == []

    run_virtual(main())


@pytest.mark.parametrize("runs", ["flow", "document"])
def test_a_caller_who_leaves_while_a_stream_is_written_down_is_no_failure_of_it(tmp_path: Path, runs: str) -> None:
    async def main() -> None:
        number = VOICE if runs == "document" else None
        async with Stage(tmp_path, fork(then="two"), say("two"), number=number).running() as stage:
            stage.serve("voice", "<Start><Stream name='tap' url='wss://a.test/'/></Start><Say>hello</Say>")
            stage.records.commit_s = 5.0
            await stage.call()
            await stage.settle(1)
            await stage.hang_up(1)
            await stage.settle(10)
            assert [(row.end_reason, row.code) for row in stage.stream_rows()] == [("call-ended", None)]
            assert stage.fake.sent("fork") == []
            assert stage.notes() == []
            assert stage.calls.gauges()["calls_live"] == 0

    run_virtual(main())
