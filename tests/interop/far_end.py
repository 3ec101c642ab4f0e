"""The far end of a stream: Python `websockets` behind nginx, keeping what it is sent as it was sent."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.published import parsed

from . import nginx

_LINEAR: list[int] = []
for _code in range(256):
    _byte = ~_code & 0xFF
    _magnitude = (((_byte & 0x0F) << 3) + 0x84 << ((_byte & 0x70) >> 4)) - 0x84
    _LINEAR.append(-_magnitude if _byte & 0x80 else _magnitude)


def linear(ulaw: bytes) -> list[int]:
    """µ-law as samples."""
    return [_LINEAR[byte] for byte in ulaw]


@dataclass
class Heard:
    """One connection: its handshake and every message."""

    path: str
    headers: dict[str, str]
    messages: list[dict[str, Any]] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    close_code: int | None = None

    def events(self) -> list[str]:
        return [message["event"] for message in self.messages]

    def media(self, track: str) -> list[dict[str, Any]]:
        return [m for m in self.messages if m["event"] == "media" and m["media"]["track"] == track]

    def samples(self, track: str) -> list[int]:
        """The track's audio, linear, in the order of arrival."""
        return [sample for m in self.media(track) for sample in linear(base64.b64decode(m["media"]["payload"]))]


@dataclass
class FarEnd:
    """A running far end."""

    port: int
    heard: list[Heard] = field(default_factory=list)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        return f"wss://localhost:{self.port}/media"

    async def ended(self, count: int = 1, *, within_s: float = 30) -> list[Heard]:
        """Wait until so many connections have come and ended."""
        async with asyncio.timeout(within_s):
            async with self.arrived:
                await self.arrived.wait_for(lambda: len(self.heard) >= count)
            for one in self.heard[:count]:
                await one.ended.wait()
        return self.heard[:count]


@asynccontextmanager
async def behind_nginx(folder: Path, certificate: Path, key: Path) -> AsyncIterator[FarEnd]:
    """A plain WebSocket server, nginx with TLS in front of it."""
    far_end = FarEnd(port=0)

    async def listen(connection: ServerConnection) -> None:
        assert connection.request is not None
        heard = Heard(connection.request.path, {k.lower(): v for k, v in connection.request.headers.raw_items()})
        async with far_end.arrived:
            far_end.heard.append(heard)
            far_end.arrived.notify_all()
        try:
            async for text in connection:
                heard.messages.append(parsed(text))
        except ConnectionClosed:
            pass
        finally:
            heard.ended.set()

    async with serve(listen, "127.0.0.1", 0, compression=None) as server:
        backend = server.sockets[0].getsockname()[1]
        with nginx.tls_front(folder, certificate=certificate, key=key, backend_port=backend) as (port, _):
            far_end.port = port
            yield far_end
