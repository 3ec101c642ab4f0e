"""The seed flow on a real call with a real far end: heard on both tracks, and harmless whatever the far end does."""

import asyncio
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bridgetap.receiver import Faults, Media, Receiver, Start, Stream, decode_ulaw, level_dbfs
from bridgetap.receiver.authority import Authority, make_authority
from bridgetap.store import StreamRecord

from .live import TOKEN, Live, LiveCall, live, until
from .stage import connect, fork, stop_fork

pytest.importorskip("bridgetap._engine", reason="the compiled core was not built")


class Listener:
    """What the far end heard."""

    def __init__(self) -> None:
        self.start: Start | None = None
        self.levels: defaultdict[str, list[float]] = defaultdict(list)
        self.faults: Faults | None = None
        self.stopped = False

    async def __call__(self, stream: Stream) -> None:
        self.start = stream.start
        async for message in stream:
            if isinstance(message, Media):
                self.levels[message.track].append(level_dbfs(decode_ulaw(message.payload)))
        self.faults = sum((figures.faults for figures in stream.tracks.values()), stream.faults)
        self.stopped = stream.stop is not None

    def loud(self, track: str) -> int:
        """How many frames of a track were clearly no silence."""
        return sum(level > -40 for level in self.levels[track])


def seed(port: int, uris: list[str], **more: Any) -> list[dict[str, Any]]:
    """Fork both tracks, connect the call, stop the fork."""
    return [
        fork(then="two", stream_url=f"wss://127.0.0.1:{port}/media", **more),
        connect("two", noun="sip", sip_endpoint=uris[0], then="stop"),
        stop_fork(),
    ]


async def finish(stage: Live, caller: LiveCall, callee: LiveCall) -> StreamRecord:
    """The callee hangs up first, so that the flow stops its stream; the stream's row."""
    callee.hang_up()
    await caller.ended()
    await stage.over()
    assert [step.name for step in await stage.steps()] == ["incomingCall", "next", "callCompleted", "next"]
    (row,) = await stage.streams()
    return row


async def hear_each_other(caller: LiveCall, callee: LiveCall) -> None:
    """What a stream's trouble must not change."""
    caller.play(500)
    callee.play(900)
    await asyncio.gather(caller.hears_a_tone(), callee.hears_a_tone())
    assert [call.stats().lost for call in (caller, callee)] == [0, 0]


async def test_both_parties_are_heard_each_on_its_own_track(tmp_path: Path) -> None:
    authority, listener = make_authority(tmp_path), Listener()
    parameters = [{"key": "caller", "value": "{{trigger.call.From}}"}]
    async with (
        Receiver.serve(listener, ssl=authority.server_context(), auth_token=TOKEN, exact=True) as receiver,
        live(tmp_path, lambda uris: seed(receiver.port, uris, stream_parameters=parameters)) as stage,
    ):
        caller, callee = await stage.talk()
        await until(lambda: listener.start is not None, "the stream is open")
        caller.play(500)
        await until(lambda: listener.loud("inbound") > 25, "the caller is heard on inbound")
        assert listener.loud("outbound") == 0, "and only there"
        caller.rtp.stop_play()
        callee.play(900)
        await until(lambda: listener.loud("outbound") > 25, "the callee is heard on outbound")
        row = await finish(stage, caller, callee)
        assert (row.end_reason, row.name, row.code, row.ms_dropped) == ("stopped", "tap", None, 0)
        await until(lambda: listener.stopped, "stop has come")
        assert listener.faults == Faults(), "nothing missing, nothing twice"
        assert row.frames_sent == sum(len(levels) for levels in listener.levels.values())
        assert listener.start is not None
        assert listener.start.tracks == ("inbound", "outbound")
        assert listener.start.custom_parameters == {"caller": "+15559998888"}
        assert list(receiver.refusals) == [], "the handshake was signed"


async def test_the_caller_hangs_up_and_the_stream_says_stop(tmp_path: Path) -> None:
    authority, listener = make_authority(tmp_path), Listener()
    async with (
        Receiver.serve(listener, ssl=authority.server_context(), auth_token=TOKEN, exact=True) as receiver,
        live(tmp_path, lambda uris: seed(receiver.port, uris)) as stage,
    ):
        caller, callee = await stage.talk()
        await until(lambda: len(listener.levels["inbound"]) > 10, "the stream runs")
        caller.hang_up()
        await callee.ended()
        (row,) = await stage.streams()
        assert row.end_reason == "call-ended"
        await until(lambda: listener.stopped, "stop has come")


async def test_a_far_end_held_before_tls_holds_up_nothing(tmp_path: Path) -> None:
    """By the order of events: Next has fired, the callee rings and talks, and the stream still connects."""
    async with holding() as port, live(tmp_path, lambda uris: seed(port, uris)) as stage:
        caller, callee = await stage.talk()
        (call, _) = await stage.rows()
        (row,) = await stage.server.store.streams.of_call(call.sid)
        assert (row.opened_ns, row.ended_ns) == (None, None), "still connecting"
        await hear_each_other(caller, callee)
        row = await finish(stage, caller, callee)
        assert (row.opened_ns, row.end_reason, row.frames_sent) == (None, "stopped", 0)


@pytest.mark.parametrize(
    ("far_end", "code"),
    [("nobody", 31902), ("another authority", 31910), ("no websocket", 31920), ("wrong token", 31920)],
)
async def test_a_far_end_that_cannot_be_had_is_named_and_the_call_goes_on(
    tmp_path: Path, far_end: str, code: int
) -> None:
    authority = make_authority(tmp_path)
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(FAR_ENDS[far_end](authority, tmp_path))
        stage = await stack.enter_async_context(live(tmp_path, lambda uris: seed(port, uris)))
        caller, callee = await stage.talk()
        await until(lambda: stage.server.calls.gauges()["streams_live"] == 0, "the stream has failed")
        await hear_each_other(caller, callee)
        row = await finish(stage, caller, callee)
        assert (row.end_reason, row.code) == ("failed", code)
        notes = await stage.server.store.notifications.of_call((await stage.rows())[0].sid)
        assert (notes[0].level, notes[0].code) == ("error", code)


async def test_a_far_end_that_leaves_in_the_middle(tmp_path: Path) -> None:
    authority = make_authority(tmp_path)

    async def leave(stream: Stream) -> None:
        async for message in stream:
            if isinstance(message, Media) and message.chunk == 5:
                return

    async with (
        Receiver.serve(leave, ssl=authority.server_context(), auth_token=TOKEN) as receiver,
        live(tmp_path, lambda uris: seed(receiver.port, uris)) as stage,
    ):
        caller, callee = await stage.talk()
        await until(lambda: stage.server.calls.gauges()["streams_live"] == 0, "the stream is over")
        await hear_each_other(caller, callee)
        row = await finish(stage, caller, callee)
        assert row.end_reason == "remote-closed"
        assert row.frames_sent > 0


# -- far ends --


@asynccontextmanager
async def holding() -> AsyncIterator[int]:
    """Accepts, and never says a word."""
    done = asyncio.Event()

    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await done.wait()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        yield port_of(server)
    finally:
        done.set()
        server.close()


@asynccontextmanager
async def nobody(_: Authority, __: Path) -> AsyncIterator[int]:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield int(probe.getsockname()[1])


@asynccontextmanager
async def another_authority(_: Authority, folder: Path) -> AsyncIterator[int]:
    (folder / "other").mkdir()
    other = make_authority(folder / "other")
    async with Receiver.serve(Listener(), ssl=other.server_context(), auth_token=TOKEN) as receiver:
        yield receiver.port


@asynccontextmanager
async def wrong_token(authority: Authority, _: Path) -> AsyncIterator[int]:
    async with Receiver.serve(Listener(), ssl=authority.server_context(), auth_token="another") as receiver:
        yield receiver.port


@asynccontextmanager
async def no_websocket(authority: Authority, _: Path) -> AsyncIterator[int]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=authority.server_context())
    try:
        yield port_of(server)
    finally:
        server.close()


FAR_ENDS: dict[str, Callable[[Authority, Path], AbstractAsyncContextManager[int]]] = {
    "nobody": nobody,
    "another authority": another_authority,
    "no websocket": no_websocket,
    "wrong token": wrong_token,
}


def port_of(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])
