"""A stream as its listener sees it: what started it, its messages as they come, its figures."""

from collections.abc import AsyncIterator, Callable

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from .checks import Faults
from .messages import Message, Start, Stop, Track
from .session import Session, TrackFigures


class Stream:
    """`async for message in stream` gives every message after the start, and ends with the stream.

    Reading slowly slows the sender: at most a handful of messages wait here. A message that breaks
    the protocol raises `InvalidInput` out of the loop; let it out of the listener, and the socket
    is closed with 1002 and the reason.
    """

    def __init__(self, start: Start, session: Session, socket: ServerConnection, now: Callable[[], float]) -> None:
        self.start = start
        self.stop: Stop | None = None
        self._session = session
        self._socket = socket
        self._now = now

    @property
    def remote(self) -> str:
        """The sender's address."""
        host, port, *_ = self._socket.remote_address
        return f"{host}:{port}"

    @property
    def faults(self) -> Faults:
        """Of the sequence numbers."""
        return self._session.faults

    @property
    def tracks(self) -> dict[Track, TrackFigures]:
        """Each announced track's figures up to now."""
        return self._session.figures()

    @property
    def close_code(self) -> int | None:
        """How the socket was closed; None while it is open."""
        return self._socket.close_code

    def __aiter__(self) -> AsyncIterator[Message]:
        return self._messages()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Hang up on the stream; the call it comes from goes on."""
        await self._socket.close(code, reason)

    async def _messages(self) -> AsyncIterator[Message]:
        while self.stop is None:
            try:
                text = await self._socket.recv()
            except ConnectionClosed:
                return
            message = self._session.receive(text, self._now())
            if isinstance(message, Stop):
                self.stop = message
            yield message
