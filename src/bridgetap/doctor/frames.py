"""WebSocket frames (RFC 6455 §5), without a socket: bytes in, what was heard out.

Breaks of the protocol are a result, not an exception: the doctor looks for them.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

MAX_MESSAGE_BYTES = 1 << 20


class Opcode(IntEnum):
    """What a frame is."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


@dataclass(frozen=True, slots=True)
class Text:
    """A whole text message, its beginning only."""

    beginning: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Binary:
    """A whole binary message."""

    bytes: int


@dataclass(frozen=True, slots=True)
class Ping:
    """To be answered with the same payload."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Pong:
    """An answer to a ping of ours, or to none."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """The server's close frame; without a code it was empty."""

    code: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The server broke the protocol here; nothing after it is read."""

    rule: str


Heard: TypeAlias = Text | Binary | Ping | Pong | Close | Broken


class FrameReader:
    """Takes bytes as they come, cut anywhere."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._over = False
        self._opcode: Opcode | None = None  # of the message whose last frame has not come yet
        self._message = bytearray()
        self._length = 0

    def feed(self, data: bytes) -> list[Heard]:
        """What these bytes complete. After `Close` or `Broken` there is nothing more."""
        self._bytes += data
        heard: list[Heard] = []
        while not self._over:
            try:
                frame = self._next()
            except _BrokenRule as error:
                frame = Broken(str(error))
            if frame is None:
                break
            if frame is not _FRAGMENT:
                heard.append(frame)
            if isinstance(frame, Close | Broken):
                self._over = True
                self._bytes.clear()
        return heard

    def _next(self) -> Heard | None:
        data = self._bytes
        if len(data) < 2:
            return None
        final, opcode = bool(data[0] & 0x80), _opcode(data[0])
        if data[1] & 0x80:
            raise _BrokenRule("its frames are masked, which only a client's may be (RFC 6455 §5.1)")
        start, length = _length(data)
        if length is None:
            return None
        if opcode >= Opcode.CLOSE and (not final or length > 125):
            raise _BrokenRule(f"a {opcode.name.lower()} frame is fragmented or longer than 125 bytes (§5.5)")
        if self._length + length > MAX_MESSAGE_BYTES:
            raise _BrokenRule(f"a message is longer than {MAX_MESSAGE_BYTES} bytes")
        if len(data) < start + length:
            return None
        payload = bytes(data[start : start + length])
        del data[: start + length]
        match opcode:
            case Opcode.CLOSE:
                return _close(payload)
            case Opcode.PING:
                return Ping(payload)
            case Opcode.PONG:
                return Pong(payload)
            case _:
                return self._part(opcode, payload, final=final)

    def _part(self, opcode: Opcode, payload: bytes, *, final: bool) -> Heard:
        if (opcode is Opcode.CONTINUATION) != (self._opcode is not None):
            raise _BrokenRule("a continuation frame without a beginning, or a beginning inside a message (§5.4)")
        self._opcode = self._opcode or opcode
        self._length += len(payload)
        self._message += payload
        if not final:
            return _FRAGMENT
        whole, kind = bytes(self._message), self._opcode
        self._message.clear()
        self._opcode, self._length = None, 0
        if kind is Opcode.BINARY:
            return Binary(len(whole))
        try:
            return Text(whole.decode()[:2000], len(whole))
        except UnicodeDecodeError:
            raise _BrokenRule("a text message is not UTF-8 (§8.1)") from None


def frame(opcode: Opcode, payload: bytes, key: bytes) -> bytes:
    """A client's frame, masked with the four random bytes `key`."""
    head = bytearray([0x80 | opcode])
    if len(payload) < 126:
        head.append(0x80 | len(payload))
    elif len(payload) < 1 << 16:
        head += bytes([0x80 | 126]) + len(payload).to_bytes(2)
    else:
        head += bytes([0x80 | 127]) + len(payload).to_bytes(8)
    mask = key * (len(payload) // 4 + 1)
    masked = int.from_bytes(payload) ^ int.from_bytes(mask[: len(payload)])
    return bytes(head) + key + masked.to_bytes(len(payload))


class _BrokenRule(Exception):
    """Inside this file only."""


_FRAGMENT = Binary(-1)  # a part of a message: nothing to tell yet


def _opcode(first: int) -> Opcode:
    if first & 0x70:
        raise _BrokenRule("a reserved bit is set: it compresses, though no extension was agreed (§5.2)")
    try:
        return Opcode(first & 0x0F)
    except ValueError:
        raise _BrokenRule(f"a frame has the unknown opcode {first & 0x0F} (§5.2)") from None


def _length(data: bytearray) -> tuple[int, int | None]:
    """Where the payload starts and how long it is; None: not known yet."""
    short = data[1] & 0x7F
    if short < 126:
        return 2, short
    size = 2 if short == 126 else 8
    if len(data) < 2 + size:
        return 2 + size, None
    return 2 + size, int.from_bytes(data[2 : 2 + size])


def _close(payload: bytes) -> Close:
    if not payload:
        return Close(None, "")
    if len(payload) == 1:
        raise _BrokenRule("a close frame has one byte; a code takes two (§5.5.1)")
    code = int.from_bytes(payload[:2])
    if code < 1000 or code in {1004, 1005, 1006, 1015} or 1016 <= code < 3000 or code >= 5000:
        raise _BrokenRule(f"a close frame has the code {code}, which may not be sent (§7.4)")
    return Close(code, payload[2:].decode(errors="replace"))
