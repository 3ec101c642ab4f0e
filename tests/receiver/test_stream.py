"""A stream in the listener's hands: samples, several loops, and what is said back."""

import asyncio
import json
from array import array
from base64 import b64decode
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import ClientConnection, connect

from bridgetap.errors import InvalidInput
from bridgetap.receiver import Audio, Mark, Receiver, Stream, decode_ulaw
from bridgetap.receiver.authority import Authority, make_authority
from bridgetap.receiver.readers import MOST_WAITING

from .frames import MZ, connected, media, start, stop


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("tls"))


@asynccontextmanager
async def calling(listen: Callable[[Stream], Awaitable[None]], authority: Authority) -> AsyncIterator[ClientConnection]:
    async with Receiver.serve(listen, ssl=authority.server_context(), auth_token=None) as receiver:
        url = f"wss://localhost:{receiver.port}/"
        context = authority.client_context()
        async with asyncio.timeout(10), connect(url, ssl=context, host="127.0.0.1", compression=None) as socket:
            await socket.send(connected())
            await socket.send(start("inbound", "outbound"))
            yield socket


async def send_chunks(socket: ClientConnection, chunks: range) -> None:
    for chunk in chunks:
        await socket.send(media(2 * chunk, "inbound", chunk, byte=0x80))
        await socket.send(media(2 * chunk + 1, "outbound", chunk, byte=0x00))


async def test_two_loops_side_by_side_each_get_their_track(authority: Authority) -> None:
    heard: dict[str, bytes] = {}

    async def listen(stream: Stream) -> None:
        async def collect(name: str) -> None:
            heard[name] = b"".join([audio.samples async for audio in tracks[name]])

        tracks = {"inbound": stream.audio("inbound"), "outbound": stream.audio("outbound")}
        async with asyncio.TaskGroup() as tasks:
            for name in tracks:
                tasks.create_task(collect(name))

    async with calling(listen, authority) as socket:
        await send_chunks(socket, range(1, 51))
        await socket.send(stop(102))
        await socket.wait_closed()
    assert array("h", heard["inbound"]).tolist() == [32124] * 50 * 160
    assert array("h", heard["outbound"]).tolist() == [-32124] * 50 * 160


async def test_a_broken_message_is_named_to_the_sender_where_several_loops_read(authority: Authority) -> None:
    async def listen(stream: Stream) -> None:
        async def read(frames: AsyncIterable[Audio]) -> None:
            async for _ in frames:
                pass

        async with asyncio.TaskGroup() as tasks:
            for track in stream.start.tracks:
                tasks.create_task(read(stream.audio(track)))

    async with calling(listen, authority) as socket:
        await socket.send(media(2, "inbound", 1))
        await socket.send("{")
        await socket.wait_closed()
    assert (socket.close_code, "must be JSON" in (socket.close_reason or "")) == (1002, True)


async def test_a_loop_that_is_overtaken_misses_the_oldest_and_hears_silence(authority: Authority) -> None:
    lengths: list[int] = []
    missed: list[int] = []

    async def listen(stream: Stream) -> None:
        late = stream.audio("inbound")
        async for _ in stream:
            pass
        lengths.append(sum([len(audio.samples) async for audio in late]))
        missed.append(stream.missed)

    chunks = MOST_WAITING  # twice as many messages
    async with calling(listen, authority) as socket:
        await send_chunks(socket, range(1, chunks + 1))
        await socket.send(stop(2 * chunks + 2))
        await socket.wait_closed()
    assert missed == [MOST_WAITING + 1]
    assert lengths == [2 * 160 * (chunks // 2)]  # from the first that it still had on


async def test_playing_marking_and_clearing_are_what_the_protocol_says(authority: Authority) -> None:
    came: list[str] = []

    async def listen(stream: Stream) -> None:
        await stream.play(array("h", [1000] * 12_000).tobytes())
        await stream.play_ulaw(b"\x55" * 160)
        await stream.mark("greeting-end")
        await stream.clear()
        async for message in stream:
            if isinstance(message, Mark):
                came.append(message.name)
                await stream.close()

    async with calling(listen, authority) as socket:
        texts = [json.loads(await socket.recv()) for _ in range(5)]
        await socket.send(
            json.dumps({"event": "mark", "sequenceNumber": "2", "streamSid": MZ, "mark": {"name": "greeting-end"}})
        )
        await socket.wait_closed()
        assert socket.close_code == 1000
    assert [text["event"] for text in texts] == ["media", "media", "media", "mark", "clear"]
    assert {text["streamSid"] for text in texts} == {MZ}
    assert [set(text) for text in texts] == [{"event", "streamSid", "media"}] * 3 + [
        {"event", "streamSid", "mark"},
        {"event", "streamSid"},
    ]
    payloads = [b64decode(text["media"]["payload"]) for text in texts[:3]]
    assert list(map(len, payloads)) == [8000, 4000, 160]
    assert set(array("h", decode_ulaw(payloads[0]))) == {988}
    assert texts[3]["mark"] == {"name": "greeting-end"}
    assert came == ["greeting-end"]


async def test_who_has_hung_up_is_told_nothing_and_nothing_breaks(authority: Authority) -> None:
    done = asyncio.Event()

    async def listen(stream: Stream) -> None:
        async for _ in stream:
            pass
        await stream.play(bytes(320))
        await stream.clear()
        done.set()

    async with calling(listen, authority) as socket:
        await socket.close()
        await done.wait()


async def test_another_rate_cannot_be_played(authority: Authority) -> None:
    caught: list[str] = []

    async def listen(stream: Stream) -> None:
        try:
            await stream.play(bytes(320), rate=16_000)
        except InvalidInput as error:
            caught.append(str(error))

    async with calling(listen, authority) as socket:
        await socket.wait_closed()
    assert caught == ["rate: 16000: must be 8000: bidirectional streams play µ-law at 8 kHz"]
