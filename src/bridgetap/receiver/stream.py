"""A stream as its listener sees it: its start, its messages as they come, its figures, and what may be said back."""

import asyncio
from collections.abc import AsyncIterator, Callable

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from bridgetap.errors import InvalidInput

from . import sending
from .audio import AudioFrames
from .checks import Faults
from .g711 import encode_ulaw
from .kept import Kept
from .messages import Connected, Message, Start, Stop, Track
from .readers import Readers
from .session import Session, TrackFigures

_GOOD_BYE = {1000, 1001}  # a sender that closes so does not come back
_MULAW_RATE = 8000


class Stream:
    """`async for message in stream` gives every message after the start, and ends with the stream.

    `stream.audio()` gives samples instead. Several loops may run side by side, each gets everything.
    Reading slowly slows the sender: at most a handful of messages wait here. A message that breaks
    the protocol raises `InvalidInput` out of the loop; let it out of the listener, and the socket
    is closed with 1002 and the reason.
    """

    def __init__(
        self,
        start: Start,
        session: Session,
        socket: ServerConnection,
        now: Callable[[], float],
        *,
        kept: Kept | None = None,
        resume_within_s: float = 0.0,
        continues_after: int | None = None,
    ) -> None:
        self.start = start
        self.stop: Stop | None = None
        self.reconnects = 0
        self.continues_after = continues_after
        self._session = session
        self._socket = socket
        self._now = now
        self._kept = kept
        self._resume_within_s = resume_within_s
        self._next_socket: asyncio.Queue[ServerConnection | None] = asyncio.Queue()  # None: there will be none
        self._closed = False
        self._waits = True
        self._readers = Readers(self._fetch, self._note_handled)

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
    def replayed(self) -> int:
        """Messages that came again after a reconnect, and were passed over."""
        return self._session.replayed

    @property
    def missed(self) -> int:
        """Messages that a loop of ours did not get, because another one was too far ahead of it."""
        return self._readers.missed

    @property
    def tracks(self) -> dict[Track, TrackFigures]:
        """Each announced track's figures up to now."""
        return self._session.figures()

    @property
    def over(self) -> bool:
        """Whether it ended for good: by `stop`, or because we hung up."""
        return self.stop is not None or self._closed

    @property
    def close_code(self) -> int | None:
        """How the socket was closed; None while it is open."""
        return self._socket.close_code

    def __aiter__(self) -> AsyncIterator[Message]:
        return self._readers.join()

    def audio(self, track: Track | None = None) -> AudioFrames:
        """One track, or all of them in turns, as samples without gaps; from now on."""
        return AudioFrames(self._readers.join(), self.start.media_format, track)

    # --- what may be said on a bidirectional stream ------------------------------------------

    async def play(self, samples: bytes, *, rate: int = _MULAW_RATE) -> None:
        """Have s16le samples at 8 kHz played, behind all that was sent before. As fast as you like."""
        if rate != _MULAW_RATE:
            raise InvalidInput("rate", rate, "must be 8000: bidirectional streams play µ-law at 8 kHz")
        await self.play_ulaw(encode_ulaw(samples))

    async def play_ulaw(self, payload: bytes) -> None:
        """The same, coded already."""
        for text in sending.media(self.start.stream_sid, payload):
            await self._send(text)

    async def mark(self, name: str) -> None:
        """A `Mark` of that name comes back when everything sent before it has been played, or cleared."""
        await self._send(sending.mark(self.start.stream_sid, name))

    async def clear(self) -> None:
        """Stop playing: what has not been played is forgotten, its marks come back at once."""
        await self._send(sending.clear(self.start.stream_sid))

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Hang up on the stream; the call it comes from goes on."""
        self._closed = True
        await self._socket.close(code, reason)
        while not self._next_socket.empty():  # its sender came back, and nobody has read on
            if (unread := self._next_socket.get_nowait()) is not None:
                await unread.close(code, reason)

    async def wait_closed(self) -> None:
        """Until the sender has closed the socket."""
        await self._socket.wait_closed()

    # --- for the server ----------------------------------------------------------------------

    @property
    def takes_another(self) -> bool:
        """Whether a sender that comes back may go on here."""
        return not self.over and not self._readers.over

    def wait_no_more(self) -> None:
        """Whoever is cut off from now on is not waited for: we leave."""
        self._waits = False
        self._next_socket.put_nowait(None)

    async def go_on_with(self, socket: ServerConnection) -> None:
        """The sender came back; returns when that socket is done with."""
        self._next_socket.put_nowait(socket)
        self._socket.transport.abort()  # the old one, should it still hang
        await socket.wait_closed()

    async def _send(self, text: str) -> None:
        try:
            await self._socket.send(text)
        except ConnectionClosed:
            return  # the loop that reads tells of the end

    async def _fetch(self) -> Message | None:
        while self.stop is None:
            try:
                text = await self._socket.recv()
            except ConnectionClosed:
                if not await self._come_back():
                    return None
                continue
            message = self._session.receive(text, self._now())
            if message is None or isinstance(message, Connected | Start):
                continue
            if isinstance(message, Stop):
                self.stop = message
            return message
        return None

    async def _come_back(self) -> bool:
        """Whether the sender goes on over another socket."""
        if self._closed or not self._waits or (self._socket.close_code in _GOOD_BYE and self._next_socket.empty()):
            return False
        try:
            async with asyncio.timeout(self._resume_within_s):
                socket = await self._next_socket.get()
        except TimeoutError:
            return False
        if socket is None:
            return False
        self._socket = socket
        self.reconnects += 1
        self._session.resume()
        return True

    def _note_handled(self, sequence_number: int) -> None:
        if self._kept is not None:
            self._kept.keep(self.start.stream_sid, sequence_number)
