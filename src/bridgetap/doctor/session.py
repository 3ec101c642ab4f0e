"""One stream to the server, from `connected` to the end of the socket: what it did, with times. Judges nothing."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import cycle, islice
from time import time_ns

from . import shape, voice
from .frames import Binary, Broken, Close, FrameReader, Opcode, Ping, Pong, Text, frame
from .messages import CONNECTED, Messages
from .opening import Opened
from .order import Order
from .wire import MAX_UNSENT, Gone

CHUNK_S = 0.02
PING_EVERY_S = 1.0
PONG_WITHIN_S = 3.0
STOP_WITHIN_S = 2.0  # a server may close by itself after `stop`
CLOSE_WITHIN_S = 2.0  # as long as a stream waits for the answer to its close frame
_PITCHES_HZ = {"inbound": 118.0, "outbound": 205.0}
_PINGS_ANSWERED = 1000  # a server that floods us is answered no further
_MESSAGES_KEPT = 3
_BLIND_BURST_S = 60.0  # about 2 MB for two tracks
_BURST_BYTES = MAX_UNSENT * 3 // 4


class Phase(StrEnum):
    """Where in its life the stream is."""

    START = "start"
    REAL_TIME = "real-time"
    BURST = "burst"
    STOP = "stop"
    CLOSING = "closing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How the server's side ended: a close frame, a break of the protocol, or the connection's end."""

    phase: Phase
    after_s: float  # since the phase began
    how: Close | Broken | str


@dataclass(kw_only=True)
class Seen:
    """What the server did."""

    frame_s: float = CHUNK_S  # what a frame holds
    chunks: int = 0  # frames of every track, sent in real time
    pings: int = 0  # in real time
    answered: int = 0  # of those
    pongs: list[float] = field(default_factory=list)  # seconds that each answer took
    wrong_pongs: int = 0
    pinged_us: int = 0
    texts: int = 0
    binaries: int = 0
    examples: deque[str] = field(default_factory=lambda: deque(maxlen=_MESSAGES_KEPT))
    lag_bytes: int = 0  # the most that was unsent at a time in real time
    chunk_bytes: int = 1  # of one chunk of every track, on the wire
    burst_s: float = 0.0  # of audio in the burst
    burst_limit_s: float = 0.0  # how long it was waited for
    burst_read_s: float | None = None  # how long the server took to read it; None: it did not
    read_by_pong: bool = False  # told by a pong behind it; else by its machine's acknowledgement
    burst_left_half_way: float = 1.0  # the part of the burst that was unsent after half that time
    burst_left: float = 1.0  # and in the end
    ended: Ended | None = None
    stop_sent: bool = False
    closed_by_itself_s: float | None = None  # after `stop`
    answered_close_s: float | None = None
    tcp_closed: bool = False


async def run(order: Order, opened: Opened, *, random: Callable[[int], bytes]) -> Seen:
    """Send a stream as a call would: real time, a burst, `stop`. Bounded in time whatever the server does."""
    stream = _Stream(order, opened, random)
    try:
        async with asyncio.TaskGroup() as tasks:
            reader = tasks.create_task(stream.read())
            await stream.send_all()
            reader.cancel()
    finally:
        await opened.wire.close()
    return stream.seen


class _Stream:
    def __init__(self, order: Order, opened: Opened, random: Callable[[int], bytes]) -> None:
        self.seen = Seen()
        self._order, self._opened, self._random = order, opened, random
        self._wire = opened.wire
        self._messages = Messages(
            account_sid=order.account_sid,
            tracks=order.tracks,
            parameters=order.parameters,
            random=random,
            shape=order.shape,
            began_ms=time_ns() // 1_000_000,
        )
        self.seen.frame_s = order.shape.frame_ms / 1000
        self._now = asyncio.get_running_loop().time
        self._phase, self._phase_began = Phase.START, self._now()
        self._pending: dict[bytes, float] = {}  # pings, in the order they were sent
        self._behind_burst: bytes | None = None  # the ping that tells when the burst was read
        self._news = asyncio.Event()
        self._closed = False

    # --- what is sent ----------------------------------------------------------------------

    async def send_all(self) -> None:
        self._text(CONNECTED)
        self._text(self._messages.start())
        audio = [voice.chunks(seconds=self._order.seconds, pitch_hz=_PITCHES_HZ[track]) for track in self._order.tracks]
        payloads = shape.frames(audio, self._order.shape)
        await self._real_time(payloads)
        await self._wait(lambda: not self._pending, PONG_WITHIN_S)
        if self.seen.ended is None:
            await self._burst(payloads)
        if self.seen.ended is None:
            await self._stop()
        elif not self.seen.tcp_closed:
            await self._wait(lambda: self.seen.tcp_closed, CLOSE_WITHIN_S)

    async def _real_time(self, payloads: Sequence[Sequence[bytes]]) -> None:
        self._enter(Phase.REAL_TIME)
        began, next_ping = self._now(), 0.2
        for number, chunk in enumerate(payloads, 1):
            sent = sum(self._send(message) for message in self._messages.media(chunk))
            self.seen.chunks += 1
            self.seen.chunk_bytes = sent
            self.seen.lag_bytes = max(self.seen.lag_bytes, self._wire.unsent() - sent)
            if number * self.seen.frame_s >= next_ping:
                next_ping += PING_EVERY_S
                self._ping()
                self.seen.pings += 1
            await self._wait(lambda: False, began + number * self.seen.frame_s - self._now())
            if self.seen.ended is not None:
                return

    async def _burst(self, payloads: Sequence[Sequence[bytes]]) -> None:
        """The same audio again, at once; the answer to a ping behind it tells when it has been read.

        Of a server that answers no pings only its machine's acknowledgements are seen, and those come
        until every buffer on the way is full: it gets far more.
        """
        self._enter(Phase.BURST)
        answers = self.seen.read_by_pong = self.seen.answered > 0
        within_s = 2 * len(payloads) * self.seen.frame_s + 2
        if not answers:
            payloads = list(islice(cycle(payloads), round(_BLIND_BURST_S / self.seen.frame_s)))
        payloads = payloads[: _BURST_BYTES // self.seen.chunk_bytes]
        self.seen.burst_s, self.seen.burst_limit_s = len(payloads) * self.seen.frame_s, within_s
        unread = self._wire.unsent() if self.seen.lag_bytes else 0
        size = unread + sum(self._send(message) for chunk in payloads for message in self._messages.media(chunk))
        began = self._now()
        key = self._behind_burst = self._ping()

        def read() -> bool:
            return key not in self._pending if answers else self._wire.unsent() == 0

        if await self._wait(read, within_s / 2):
            self.seen.burst_read_s = self._now() - began
        self.seen.burst_left_half_way = min(1.0, self._wire.unsent() / size)
        if self.seen.burst_read_s is None and await self._wait(read, within_s / 2):
            self.seen.burst_read_s = self._now() - began
        self.seen.burst_left = min(1.0, self._wire.unsent() / size)

    async def _stop(self) -> None:
        self._enter(Phase.STOP)
        self._text(self._messages.stop())
        self.seen.stop_sent = True
        began = self._now()
        if await self._wait(lambda: self.seen.ended is not None, STOP_WITHIN_S):
            self.seen.closed_by_itself_s = self._now() - began
        else:
            self._enter(Phase.CLOSING)
            began = self._now()
            self._close(1000)
            if await self._wait(lambda: self.seen.ended is not None, CLOSE_WITHIN_S):
                self.seen.answered_close_s = self._now() - began
        await self._wait(lambda: self.seen.tcp_closed, CLOSE_WITHIN_S)

    async def _wait(self, condition: Callable[[], bool], within_s: float) -> bool:
        """Until the condition holds, the stream ends or the time is over; whether it holds."""
        deadline = self._now() + within_s
        while not condition() and (left := deadline - self._now()) > 0:
            if self._phase in {Phase.REAL_TIME, Phase.BURST} and self.seen.ended is not None:
                break
            self._news.clear()
            with suppress(TimeoutError):
                # Unsent bytes shrink without news.
                async with asyncio.timeout(min(left, 0.05)):
                    await self._news.wait()
        return condition()

    def _enter(self, phase: Phase) -> None:
        self._phase, self._phase_began = phase, self._now()

    def _text(self, text: str) -> int:
        return self._frame(Opcode.TEXT, text.encode())

    def _send(self, message: str | bytes) -> int:
        return self._text(message) if isinstance(message, str) else self._frame(Opcode.BINARY, message)

    def _ping(self) -> bytes:
        key = self._random(8)
        self._pending[key] = self._now()
        self._frame(Opcode.PING, key)
        return key

    def _close(self, code: int) -> None:
        if not self._closed:
            self._closed = True
            self._frame(Opcode.CLOSE, code.to_bytes(2))

    def _frame(self, opcode: Opcode, payload: bytes) -> int:
        data = frame(opcode, payload, self._random(4))
        self._wire.send(data)
        return len(data)

    # --- what is heard ---------------------------------------------------------------------

    async def read(self) -> None:
        """Until the connection's end."""
        reader = FrameReader()
        data = self._opened.early
        while True:
            for heard in reader.feed(data):
                self._hear(heard)
            self._news.set()
            try:
                data = await self._wire.read()
            except Gone as gone:
                self._end(str(gone))
                self.seen.tcp_closed = True
                self._news.set()
                return

    def _hear(self, heard: Text | Binary | Ping | Pong | Close | Broken) -> None:
        seen = self.seen
        match heard:
            case Text():
                seen.texts += 1
                seen.examples.append(heard.beginning)
            case Binary():
                seen.binaries += 1
            case Ping():
                seen.pinged_us += 1
                if seen.pinged_us <= _PINGS_ANSWERED:
                    self._frame(Opcode.PONG, heard.payload)
            case Pong():
                self._answered(heard.payload)
            case Close():
                self._end(heard)
                self._close(heard.code or 1000)
            case Broken():
                self._end(heard)
                self._close(1002)

    def _answered(self, key: bytes) -> None:
        """A pong; it stands for every ping before it too (RFC 6455 §5.5.3)."""
        sent = self._pending.get(key)
        if sent is None:
            self.seen.wrong_pongs += bool(key)  # an empty one may be a heartbeat
            return
        for earlier in list(self._pending):
            del self._pending[earlier]
            self.seen.answered += earlier != self._behind_burst
            if earlier == key:
                break
        if key != self._behind_burst:
            self.seen.pongs.append(self._now() - sent)

    def _end(self, how: Close | Broken | str) -> None:
        if self.seen.ended is None:
            self.seen.ended = Ended(phase=self._phase, after_s=self._now() - self._phase_began, how=how)
