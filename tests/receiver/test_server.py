"""The server on a real TLS socket: who is let in, what the listener gets, how it ends."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import pytest
from twilio.request_validator import RequestValidator
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

import bridgetap
from bridgetap.receiver import Media, Message, Receiver, Stream
from bridgetap.receiver.authority import Authority, make_authority

from .frames import connected, media, start, stop

TOKEN = "12345"
Dial: TypeAlias = Callable[..., Awaitable[ClientConnection]]


def signed(url: str, token: str = TOKEN) -> dict[str, str]:
    """Signed by the SDK, not by us."""
    return {"X-Twilio-Signature": RequestValidator(token).compute_signature(url, {})}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("tls"))


class Far:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[Message] = []
        self.streams: list[Stream] = []
        self.done = asyncio.Event()

    async def __call__(self, stream: Stream) -> None:
        self.streams.append(stream)
        try:
            async for message in stream:
                self.heard.append(message)
        finally:
            self.done.set()


@pytest.fixture
def far() -> Far:
    return Far()


@asynccontextmanager
async def serving(far: Far, authority: Authority, **options: object) -> AsyncIterator[tuple[Receiver, Dial]]:
    async with Receiver.serve(far, ssl=authority.server_context(), **{"auth_token": TOKEN, **options}) as receiver:  # type: ignore[arg-type]

        async def dial(path: str = "/in", **kwargs: object) -> ClientConnection:
            url = f"wss://localhost:{receiver.port}{path}"
            kwargs.setdefault("additional_headers", signed(url))
            kwargs.setdefault("compression", None)
            return await connect(url, ssl=authority.client_context(), host="127.0.0.1", **kwargs)  # type: ignore[arg-type]

        yield receiver, dial


async def test_a_signed_stream_is_heard_whole(far: Far, authority: Authority) -> None:
    async with serving(far, authority, exact=True) as (receiver, dial):
        socket = await dial()
        for frame in (connected(), start("inbound"), media(2, "inbound", 1), media(3, "inbound", 2), stop(4)):
            await socket.send(frame)
        await socket.close()
        await far.done.wait()
        (stream,) = far.streams
        assert [type(message).__name__ for message in far.heard] == ["Media", "Media", "Stop"]
        assert stream.start.tracks == ("inbound",)
        assert stream.tracks["inbound"].frames == 2
        assert (stream.stop is not None, stream.close_code, bool(stream.faults)) == (True, 1000, False)
        assert not receiver.refusals


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({}, "has no X-Twilio-Signature"),
        ({"X-Twilio-Signature": "bm8="}, "does not fit wss://localhost:"),
        (signed("wss://localhost/other"), "does not fit"),
        (signed("wss://localhost/in", token="another"), "does not fit"),
    ],
)
async def test_who_did_not_sign_gets_403(far: Far, authority: Authority, headers: dict[str, str], words: str) -> None:
    async with serving(far, authority) as (receiver, dial):
        with pytest.raises(InvalidStatus) as caught:
            await dial(additional_headers=headers)
        assert caught.value.response.status_code == 403
        (refusal,) = receiver.refusals
        assert words in refusal.reason
        assert not far.streams


async def test_behind_a_proxy_the_outside_url_is_what_was_signed(far: Far, authority: Authority) -> None:
    url = "wss://media.example.com/in"
    async with serving(far, authority, url=url) as (_, dial):
        await (await dial(additional_headers=signed(url))).close()
        with pytest.raises(InvalidStatus):
            await dial()


async def test_without_a_token_everybody_is_let_in(far: Far, authority: Authority) -> None:
    async with serving(far, authority, auth_token=None) as (_, dial):
        await (await dial(additional_headers={})).close()


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        (["no json"], "frame: 'no json': must be JSON"),
        ([connected(), media(1, "inbound", 1)], "event: 'media': may not come while connected"),
        ([connected(), start("inbound"), media(2, "outbound", 1)], "media.track: 'outbound': must be one of inbound"),
        ([connected(), start("inbound"), b"\0\0"], "frame: '2 bytes': must be a text frame"),
    ],
)
async def test_who_breaks_the_protocol_is_told_and_cut_off(
    far: Far, authority: Authority, frames: list[str | bytes], reason: str
) -> None:
    async with serving(far, authority) as (receiver, dial):
        socket = await dial()
        for frame in frames:
            await socket.send(frame)
        with pytest.raises(ConnectionClosed) as caught:
            await socket.recv()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1002
        assert caught.value.rcvd.reason.startswith(reason)
        assert receiver.refusals[0].reason.startswith(reason)


async def test_a_frame_that_is_too_long_is_answered_with_1009(far: Far, authority: Authority) -> None:
    async with serving(far, authority) as (_, dial):
        socket = await dial()
        await socket.send("x" * 70_000)
        with pytest.raises(ConnectionClosed) as caught:
            await socket.recv()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1009


async def test_a_sender_that_vanishes_ends_the_stream_without_a_stop(far: Far, authority: Authority) -> None:
    async with serving(far, authority) as (_, dial):
        socket = await dial()
        await socket.send(connected())
        await socket.send(start("inbound"))
        await socket.send(media(2, "inbound", 1))
        socket.transport.abort()
        await far.done.wait()
        (stream,) = far.streams
        assert stream.stop is None
        assert [type(message) for message in far.heard] == [Media]


async def test_the_listener_may_hang_up(authority: Authority) -> None:
    async def refuses(stream: Stream) -> None:
        await stream.close(4000, "enough")

    async with Receiver.serve(refuses, ssl=authority.server_context(), auth_token=None) as receiver:
        url = f"wss://localhost:{receiver.port}/"
        async with connect(url, ssl=authority.client_context(), host="127.0.0.1") as socket:
            await socket.send(connected())
            await socket.send(start("inbound"))
            with pytest.raises(ConnectionClosed) as caught:
                await socket.recv()
    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (4000, "enough")


async def test_permessage_deflate_is_never_agreed(far: Far, authority: Authority) -> None:
    async with serving(far, authority, auth_token=None) as (_, dial):
        socket = await dial(compression="deflate")
        assert socket.response is not None
        assert "Sec-WebSocket-Extensions" not in socket.response.headers
        await socket.close()


def test_the_kit_does_not_need_the_core() -> None:
    """Whoever installs only this has no Rust."""
    script = "import sys, bridgetap.receiver; print(*(name for name in sys.modules if name.startswith('bridgetap.')))"
    source = str(Path(bridgetap.__path__[0]).parent)
    out = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": source}, capture_output=True, text=True, check=True
    )
    folders = {name.split(".")[1] for name in out.stdout.split()}
    assert folders == {"receiver", "errors", "ids", "signing", "sdk"}
