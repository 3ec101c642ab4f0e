"""The REST API on uvicorn, bound first and told when to stop: signals are the command's business."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn

from bridgetap.errors import ConfigurationError
from bridgetap.settings import HostPort

BACKLOG = 128
GRACE_S = 5


class HttpServer:
    """One listening socket, then one server on it."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._server: _Server | None = None
        self._up = asyncio.Event()

    @classmethod
    def bind(cls, listen: HostPort) -> "HttpServer":
        """Take the address now; `ConfigurationError` where that cannot be."""
        family = socket.AF_INET6 if listen.address.version == 6 else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((str(listen.address), listen.port))
            listener.listen(BACKLOG)
            listener.setblocking(False)
        except OSError as error:
            listener.close()
            raise ConfigurationError("http.listen", f"{listen} cannot be bound: {error.strerror}") from None
        return cls(listener)

    @property
    def address(self) -> str:
        """`host:port` with the real port."""
        host, port = self._listener.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    async def serve(self, app: Any) -> None:
        """Until `stop`."""
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
        )
        self._server = _Server(config, self._up)
        await self._server.serve(sockets=[self._listener])

    async def started(self) -> None:
        """Until requests are answered."""
        await self._up.wait()

    def stop(self) -> None:
        """Answer what is being asked, then end."""
        if self._server is not None:
            self._server.should_exit = True

    def close(self) -> None:
        with suppress(OSError):
            self._listener.close()


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, and with a word when it is up."""

    def __init__(self, config: uvicorn.Config, up: asyncio.Event) -> None:
        super().__init__(config)
        self._up = up

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._up.set()
