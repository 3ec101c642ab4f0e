"""What becomes of a sender that was cut off where its stream, its listener or the program has come to an end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bridgetap.ids import StreamSid
from bridgetap.receiver import KeptInMemory, Media, Receiver, Resume, Stream
from bridgetap.receiver.authority import Authority, make_authority

from .cuts import Far, answer, dial, say, serving
from .frames import MZ, connected, start, stop

SID = StreamSid(MZ)


@asynccontextmanager
async def let_go(event: asyncio.Event) -> AsyncIterator[None]:
    """Whoever waits for it waits no longer than this, also where the test fails."""
    try:
        yield
    finally:
        event.set()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("tls"))


@pytest.mark.parametrize("vanishes", [True, False], ids=["without good bye", "when told"])
async def test_leaving_waits_for_no_sender(authority: Authority, vanishes: bool) -> None:
    far, kept = Far(), KeptInMemory()
    async with asyncio.timeout(30), serving(far, authority, kept, within_s=3600):
        async with serving(far, authority, kept, within_s=3600) as receiver:
            socket = await dial(receiver, authority)
            await say(socket, range(2, 12), connected(), start("inbound"))
            await far.has(10)
            if vanishes:
                socket.transport.abort()
                await far.streams[0].wait_closed()
        assert far.streams[0].stop is None
        assert kept.last(SID) == 11  # the next program may go on


async def test_a_sender_that_comes_back_to_a_stream_that_is_over_is_told(authority: Authority) -> None:
    """Its `stop` was heard, and the listener still works on what it has."""
    heard, finish = asyncio.Event(), asyncio.Event()
    listened = 0

    async def listen(stream: Stream) -> None:
        nonlocal listened
        listened += 1
        async for _ in stream:
            pass
        heard.set()
        await finish.wait()

    resume = Resume(kept=KeptInMemory())
    async with (
        Receiver.serve(listen, ssl=authority.server_context(), auth_token=None, resume=resume) as receiver,
        asyncio.timeout(10),
        let_go(finish),
    ):
        socket = await dial(receiver, authority)
        await say(socket, range(2, 12), connected(), start("inbound"))
        await socket.send(stop(12))
        await heard.wait()
        socket.transport.abort()
        again = await dial(receiver, authority, sent=12)
        await again.wait_closed()
        finish.set()
    assert (again.close_code, listened) == (1000, 1)


async def test_a_sender_that_comes_back_too_late_is_listened_to_anew(authority: Authority) -> None:
    """Its loop has ended, and the listener still works on what it has."""
    ended, finish = asyncio.Event(), asyncio.Event()
    chunks: list[list[int]] = []

    async def listen(stream: Stream) -> None:
        chunks.append([message.chunk async for message in stream if isinstance(message, Media)])
        ended.set()
        await finish.wait()

    resume = Resume(kept=KeptInMemory(), within_s=0)
    async with (
        Receiver.serve(listen, ssl=authority.server_context(), auth_token=None, resume=resume) as receiver,
        asyncio.timeout(10),
        let_go(finish),
    ):
        socket = await dial(receiver, authority)
        await say(socket, range(2, 12), connected(), start("inbound"))
        socket.transport.abort()
        await ended.wait()
        ended.clear()
        again = await dial(receiver, authority, sent=40)
        assert answer(again) == "11"
        await say(again, range(12, 22), connected(), start("inbound"))
        await again.send(stop(22))
        await ended.wait()
        finish.set()
        await again.wait_closed()
    assert chunks == [list(range(1, 11)), list(range(11, 21))]


async def test_a_listener_that_has_enough_leaves_no_sender_hanging(authority: Authority) -> None:
    enough = asyncio.Event()

    async def listen(stream: Stream) -> None:
        async for _ in stream:
            break
        await enough.wait()

    resume = Resume(kept=KeptInMemory())
    async with (
        Receiver.serve(listen, ssl=authority.server_context(), auth_token=None, resume=resume) as receiver,
        asyncio.timeout(10),
        let_go(enough),
    ):
        socket = await dial(receiver, authority)
        await say(socket, range(2, 12), connected(), start("inbound"))
        again = await dial(receiver, authority, sent=12)
        await socket.wait_closed()  # it has been handed over
        enough.set()
        await again.wait_closed()
    assert again.close_code == 1000
