"""Servers that do what real ones do on a bad day: refuse, hang, reset, speak the wrong thing, stop reading."""

import asyncio
import base64
import hashlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from .programs import free_port

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def hold(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Accept and say nothing, for ever."""
    await asyncio.sleep(3600)


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accept and send RST."""
    await reader.read(1)  # behind TCP, so that it is always TLS that is cut off
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def plain_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Not TLS at all."""
    await reader.read(100)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()
    writer.close()


async def not_found(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A web server that knows no such path."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()
    writer.close()


async def endless_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """101 whose headers never end."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\n")
    with suppress(OSError):
        for number in range(20_000):
            writer.write(b"X-Padding-%d: %s\r\n" % (number, b"x" * 100))
            await writer.drain()
        await asyncio.sleep(3600)


async def upgrade(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A right answer to the handshake."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    key = next(
        line.split(":", 1)[1].strip() for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key")
    )
    digest = hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        + base64.b64encode(digest)
        + b"\r\n\r\n"
    )
    await writer.drain()


async def upgrade_then_stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Open the stream and never read again."""
    await upgrade(reader, writer)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.sleep(3600)


async def upgrade_then_reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Open the stream, hear a little, send RST."""
    await upgrade(reader, writer)
    await reader.read(2000)
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def upgrade_then_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Open the stream, hear a little, close with 1011."""
    await upgrade(reader, writer)
    await reader.read(2000)
    writer.write(b"\x88\x02" + (1011).to_bytes(2))
    await writer.drain()
    await asyncio.sleep(1)
    writer.close()


async def upgrade_then_garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Open the stream, then bytes that are no WebSocket frame."""
    await upgrade(reader, writer)
    writer.write(b"\xff\xff\xff\xff" * 100)
    await writer.drain()
    await asyncio.sleep(3600)


async def half_a_handshake(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the client's TLS greeting with the first bytes of a record, and no more."""
    await reader.read(100)
    writer.write(b"\x16\x03\x03\x40\x00\x02")
    await writer.drain()
    await asyncio.sleep(3600)


async def elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send them to another URL, as a web server in front might."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 302 Found\r\nLocation: https://localhost/\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()
    writer.close()


async def wrong_accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """101 with the answer to another key."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
    )
    await writer.drain()
    await asyncio.sleep(3600)


def after_upgrade(*frames: bytes, again_s: float | None = None, reads: bool = True) -> Handler:
    """Open the stream, then send that, once or for ever; read what comes, or do not."""

    async def misbehave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        if not reads:
            writer.transport.pause_reading()  # type: ignore[attr-defined]
        async with asyncio.TaskGroup() as both:
            if reads:
                both.create_task(_swallow(reader))
            for frame in frames:
                writer.write(frame)
                await writer.drain()
            while again_s is not None and not writer.is_closing():
                await asyncio.sleep(again_s)
                for frame in frames:
                    writer.write(frame)
                await writer.drain()

    return misbehave


async def upgrade_then_sip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Open the stream and read one byte a second."""
    await upgrade(reader, writer)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    while True:
        await asyncio.sleep(1)
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        await reader.read(1)
        writer.transport.pause_reading()  # type: ignore[attr-defined]


async def upgrade_then_vanish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Open the stream, begin a frame, and close the connection in the middle of it."""
    await upgrade(reader, writer)
    await reader.read(2000)
    writer.write(b"\x81\x7e\x10\x00half of")
    await writer.drain()
    writer.close()


async def _swallow(reader: asyncio.StreamReader) -> None:
    while await reader.read(65536):
        pass
    await asyncio.sleep(3600)


PING_FLOOD = b"\x89\x7d" + b"p" * 125
HUGE_FRAME = b"\x82\x7f" + (1 << 60).to_bytes(8) + b"x" * 4096
MASKED = b"\x81\x85" + b"mask" + bytes(a ^ b for a, b in zip(b"hello", b"maskm", strict=True))
RESERVED_OPCODE = b"\x83\x00"
RESERVED_BITS = b"\xc1\x05hello"  # as if compression had been agreed
LONE_CONTINUATION = b"\x80\x05hello"
LONG_PING = b"\x89\x7e\x01\x00" + b"p" * 256
ENDLESS_FRAGMENTS = b"\x00\x7e\x40\x00" + b"x" * 0x4000
BAD_CLOSE = b"\x88\x01\x03"  # half a code
CHATTER = b"\x81\x05hello"


@asynccontextmanager
async def listening(handler: Handler, tls: tuple[Path, Path] | None) -> AsyncIterator[int]:
    """Run `handler` for every connection to a free port of loopback; `tls` is certificate and key."""
    context = None
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
                await handler(reader, writer)
        finally:
            writer.transport.abort()

    # A small buffer, so that a peer that does not read is felt within a second and not after minutes.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    listener.bind(("127.0.0.1", 0))
    server = await asyncio.start_server(serve, sock=listener, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # aborted transports close in the next round


@asynccontextmanager
async def nobody() -> AsyncIterator[int]:
    """A port on which nothing listens."""
    yield free_port()
