"""The server's side of a WebSocket, by hand: a server that behaves can be bent in one place only."""

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def headers(head: bytes) -> dict[str, str]:
    """Of a request, names in lower case."""
    lines = head.decode("latin-1").split("\r\n")[1:]
    return {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines if line)}


def accept(key: str) -> str:
    digest = hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    return base64.b64encode(digest).decode()


def frame(opcode: int, payload: bytes = b"", *, first: int = 0x80) -> bytes:
    """A server's frame, unmasked."""
    if len(payload) < 126:
        return bytes([first | opcode, len(payload)]) + payload
    return bytes([first | opcode, 126]) + len(payload).to_bytes(2) + payload


def close(code: int, reason: str = "") -> bytes:
    return frame(CLOSE, code.to_bytes(2) + reason.encode())


def answering(head: bytes | Callable[[dict[str, str]], bytes]) -> Handler:
    """Answer the upgrade with these bytes, then hang up."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = headers(await reader.readuntil(b"\r\n\r\n"))
        writer.write(head if isinstance(head, bytes) else head(asked))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    return handle


def status(line: str, *more: str) -> Handler:
    return answering("\r\n".join([f"HTTP/1.1 {line}", *more, "Content-Length: 0", "", ""]).encode())


@dataclass(kw_only=True)
class Socket:
    """A WebSocket server that does all it should, but for what a test changes."""

    extra: str = ""  # headers of the 101
    accepts: Callable[[dict[str, str]], bool] = lambda _: True  # by the request's headers
    refusal: bytes = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    closes: Callable[[dict[str, str]], bool] = lambda _: False  # with 1008, right behind the 101
    greeting: bytes = b""  # right behind the 101
    on_text: Callable[["Connection", int, bytes], Awaitable[None]] | None = None  # its number, its payload
    answers_pings: bool = True
    pong: Callable[[bytes], bytes] = lambda payload: payload
    answers_close: bool = True
    closes_on_stop: bool = True
    requests: list[str] = field(default_factory=list)
    handshakes: list[dict[str, str]] = field(default_factory=list)
    heard: list[list[bytes]] = field(default_factory=list)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.requests.append(head.decode("latin-1").partition("\r\n")[0])
        asked = headers(head)
        self.handshakes.append(asked)
        if not self.accepts(asked):
            writer.write(self.refusal)
            await writer.drain()
            return
        writer.write(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept(asked['sec-websocket-key'])}\r\n{self.extra}\r\n".encode()
        )
        writer.write(self.greeting)
        if self.closes(asked):
            writer.write(close(1008, "who are you?"))
            await writer.drain()
            return
        await Connection(self, reader, writer).run()


class Connection:
    """One open WebSocket."""

    def __init__(self, server: Socket, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server, self._reader, self.writer = server, reader, writer
        self._heard: list[bytes] = []

    async def run(self) -> None:
        self._server.heard.append(self._heard)
        while True:
            opcode, payload = await self._frame()
            match opcode:
                case 9 if self._server.answers_pings:
                    self.writer.write(frame(PONG, self._server.pong(payload)))
                case 8:
                    if self._server.answers_close:
                        self.writer.write(frame(CLOSE, payload))
                        return
                case 1:
                    self._heard.append(payload)
                    if self._server.on_text is not None:
                        await self._server.on_text(self, len(self._heard), payload)
                    if self._server.closes_on_stop and payload.startswith(b'{"event":"stop"'):
                        self.writer.write(close(1000))
                        return

    async def _frame(self) -> tuple[int, bytes]:
        first, second = await self._reader.readexactly(2)
        length = second & 0x7F
        if length == 126:
            length = int.from_bytes(await self._reader.readexactly(2))
        key = await self._reader.readexactly(4)
        payload = await self._reader.readexactly(length)
        return first & 0x0F, bytes(byte ^ key[n % 4] for n, byte in enumerate(payload))
