"""The compiled media core from Python: raw RTP in, raw RTP out, and a TLS stream nobody here parses for us."""

import asyncio
import socket
import struct
import wave
from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest
from websockets.asyncio.server import ServerConnection, serve

from bridgetap import _engine
from bridgetap.engine import (
    EngineError,
    Event,
    ForkEnded,
    ForkEndpoint,
    ForkOpened,
    ForkTarget,
    LegClosed,
    LegMedia,
    MediaConfig,
    PlayEnded,
    RecordEnded,
)
from bridgetap.engine.native import NativeEvents, NativeMedia
from bridgetap.engine.ports import LegHandle
from bridgetap.receiver.authority import Authority, make_authority
from tests.published import parsed

E = TypeVar("E")

PATIENCE_S = 20.0  # nothing here takes this long: what never comes fails instead of hanging
FRAME = 160  # µ-law bytes in 20 ms
SILENCE = b"\xff" * FRAME


class Media:
    """The core with its events, which wait until they are asked for."""

    def __init__(self, authority: Authority) -> None:
        queue = _engine.Events()
        config = MediaConfig(
            threads=2,
            trusted_ca=str(authority.ca_file),
            system_roots=False,
            close_drain_ms=2000,
            ports=(30_000, 39_999),
        )
        self.core = NativeMedia(config, queue)
        self.events = NativeEvents(queue)
        self.seen: list[Event] = []
        self.news = asyncio.Event()

    def drain(self) -> None:
        self.seen += self.events.take()
        self.news.set()

    async def wait_for(self, kind: type[E], judge: Callable[[E], bool] = lambda _: True) -> E:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for event in self.seen:
                    if isinstance(event, kind) and judge(event):
                        self.seen.remove(event)
                        return event
                self.news.clear()
                await self.news.wait()


class Phone:
    """The far end of one leg: says and hears PCMU over its own UDP socket."""

    def __init__(self, leg: LegHandle) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.to = ("127.0.0.1", leg.rtp_port)
        self.sequence = 7
        host, port = self.socket.getsockname()
        leg.configure(LegMedia(remote=f"{host}:{port}", codec="PCMU", payload_type=0, receive=((0, "PCMU"),)))

    def say(self, value: int) -> None:
        header = struct.pack("!BBHII", 0x80, 0, self.sequence, self.sequence * FRAME, 4711)
        self.socket.sendto(header + bytes([value]) * FRAME, self.to)
        self.sequence += 1

    async def hear(self) -> tuple[int, int, bytes]:
        """Sequence number, SSRC and payload of the next packet."""
        async with asyncio.timeout(PATIENCE_S):
            packet = await asyncio.get_running_loop().sock_recv(self.socket, 2048)
        _, _, sequence, _, ssrc = struct.unpack("!BBHII", packet[:12])
        return sequence, ssrc, packet[12:]

    async def hear_out(self) -> None:
        """All that is still under way."""
        with suppress(TimeoutError):
            while True:
                async with asyncio.timeout(0.1):
                    await asyncio.get_running_loop().sock_recv(self.socket, 2048)

    def close(self) -> None:
        self.socket.close()


class Server:
    """A TLS WebSocket server that keeps all it is sent."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.headers: dict[str, str] = {}
        self.closed: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    async def take(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.headers = dict(connection.request.headers.raw_items())
        async for message in connection:
            assert isinstance(message, str)
            self.messages.append(parsed(message))
        self.closed.set_result(connection.close_code)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return make_authority(tmp_path)


@pytest.fixture
async def media(authority: Authority) -> AsyncIterator[Media]:
    media = Media(authority)
    media.events.watch(media.drain)
    yield media
    media.events.unwatch()
    await asyncio.to_thread(media.core.close)


@asynccontextmanager
async def a_call(media: Media) -> AsyncIterator[tuple[LegHandle, Phone]]:
    leg = media.core.open_leg(address="127.0.0.1", label="CA1")
    phone = Phone(leg)
    try:
        yield leg, phone
    finally:
        phone.close()


async def until_bridged(a: Phone, b: Phone) -> None:
    """Talk until both hear: what is said while a leg moves to the other's thread is heard by nobody."""
    heard = [asyncio.create_task(phone.hear()) for phone in (a, b)]
    while not all(task.done() for task in heard):
        a.say(1)
        b.say(1)
        await asyncio.sleep(0.02)
    await asyncio.gather(*heard)
    for phone in (a, b):
        await phone.hear_out()


async def talk(a: Phone, b: Phone, count: int) -> None:
    """Both talk for `count` packets, and both hear every one of them."""

    async def listen(phone: Phone) -> None:
        packets = [await phone.hear() for _ in range(count)]
        first = packets[0][0]
        assert [sequence for sequence, _, _ in packets] == [(first + n) % 65536 for n in range(count)]

    async with asyncio.TaskGroup() as group:
        group.create_task(listen(a))
        group.create_task(listen(b))
        for _ in range(count):
            a.say(0x15)
            b.say(0x95)
            await asyncio.sleep(0.02)


async def test_a_prompt_is_heard_and_ends_once(media: Media) -> None:
    async with a_call(media) as (leg, phone):
        prompt = media.core.load_prompt(b"\0" * 3200, rate=8000)
        play = leg.play([prompt])
        packets = [await phone.hear() for _ in range(10)]
        assert {payload for _, _, payload in packets} == {SILENCE}
        assert {ssrc for _, ssrc, _ in packets} == {leg.ssrc}
        assert (await media.wait_for(PlayEnded)) == PlayEnded(leg=leg.id, play=play, completed=True)


async def test_a_bridged_call_is_forked_and_recorded_and_every_start_has_its_end(
    media: Media, authority: Authority, tmp_path: Path
) -> None:
    server = Server()
    async with (
        serve(server.take, "127.0.0.1", 0, ssl=authority.server_context()) as listening,
        a_call(media) as (left, a),
        a_call(media) as (right, b),
    ):
        left.bridge(right)
        await until_bridged(a, b)
        path = str(tmp_path / "call.wav")
        record = left.record(path, tracks=["inbound", "outbound"])
        fork = left.fork(target(next(iter(listening.sockets)).getsockname()[1]))
        opened = await media.wait_for(ForkOpened)
        assert (opened.leg, opened.fork) == (left.id, fork)
        await talk(a, b, 50)
        left.stop_fork(fork)
        ended = await media.wait_for(ForkEnded)
        left.stop_record(record)
        recorded = await media.wait_for(RecordEnded)
        left.close()
        right.close()
        closed = {(await media.wait_for(LegClosed)).leg for _ in range(2)}

    assert closed == {left.id, right.id}
    assert (ended.reason, ended.code, ended.ms_dropped) == ("stopped", 0, 0)
    assert await asyncio.wait_for(server.closed, PATIENCE_S) == 1000
    assert_whole(server, frames=ended.frames_sent)

    assert (recorded.record, recorded.path, recorded.error) == (record, path, "")
    with wave.open(path) as wav:
        assert (wav.getnchannels(), wav.getframerate(), wav.getsampwidth()) == (2, 8000, 2)
        assert wav.getnframes() == recorded.duration_ms * 8
        assert recorded.duration_ms >= 900


def assert_whole(server: Server, *, frames: int) -> None:
    """Order, counters and sound of a stream of both tracks."""
    assert server.headers["User-Agent"] == "Bridgetap"
    assert server.headers["X-Twilio-Signature"] == "c2ln"
    assert "Sec-WebSocket-Extensions" not in server.headers
    events = [message["event"] for message in server.messages]
    assert events == ["connected", "start", *["media"] * frames, "stop"]
    assert [m["sequenceNumber"] for m in server.messages[1:]] == [str(n + 1) for n in range(len(events) - 1)]
    heard: dict[object, list[bytes]] = {"inbound": [], "outbound": []}
    for message in server.messages[2:-1]:
        frame = message["media"]
        assert isinstance(frame, dict)
        heard[frame["track"]].append(b64decode(frame["payload"]))
        assert frame["chunk"] == str(len(heard[frame["track"]]))
    # A speaks 0x15 and is heard as inbound; B speaks 0x95 and is what A is sent: outbound.
    assert bytes([0x15]) * FRAME in heard["inbound"]
    assert bytes([0x95]) * FRAME in heard["outbound"]
    assert not any(bytes([0x95]) in chunk for chunk in heard["inbound"])
    assert not any(bytes([0x15]) in chunk for chunk in heard["outbound"])


async def test_a_stream_that_cannot_be_opened_says_why(media: Media) -> None:
    async with a_call(media) as (leg, _):
        with socket.create_server(("127.0.0.1", 0)) as nobody:
            port = nobody.getsockname()[1]
        fork = leg.fork(target(port))
        ended = await media.wait_for(ForkEnded)
        assert (ended.fork, ended.reason, ended.code) == (fork, "failed", 31902)
        assert f"127.0.0.1:{port}" in ended.detail


async def test_what_the_core_refuses_it_names(media: Media) -> None:
    async with a_call(media) as (leg, _):
        with pytest.raises(EngineError, match="prompt 4242: not loaded"):
            leg.play([4242])  # type: ignore[list-item]
        with pytest.raises(EngineError, match="must be an IPv4 or IPv6 address"):
            media.core.open_leg(address="here")
        with pytest.raises(EngineError, match="must be of 0-9"):
            leg.send_dtmf("12x")


def target(port: int) -> ForkTarget:
    return ForkTarget(
        stream_sid="MZ" + "0" * 32,
        call_sid="CA" + "0" * 32,
        account_sid="AC" + "0" * 32,
        endpoints=(ForkEndpoint(host="127.0.0.1", port=port, path="/in", headers=(("X-Twilio-Signature", "c2ln"),)),),
        tracks=("inbound", "outbound"),
        parameters=(("tenant", "42"),),
    )
