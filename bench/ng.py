"""rtpengine's control protocol: a cookie, a space, a dictionary in bencode, one datagram each way."""

import itertools
import socket
from collections.abc import Mapping, Sequence
from typing import TypeAlias

Value: TypeAlias = "bytes | str | int | Sequence[Value] | Mapping[str, Value]"


def encode(value: Value) -> bytes:
    """As bencode; text is UTF-8."""
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, Mapping):
        return b"d%se" % b"".join(encode(key) + encode(value[key]) for key in sorted(value))
    return b"l%se" % b"".join(encode(one) for one in value)


def decode(data: bytes) -> Value:
    """What `data` says: strings are bytes, the keys of a dictionary text. `ValueError` where it is not bencode."""
    value, end = _value(data, 0)
    if end != len(data):
        raise ValueError(f"bencode goes on after its end, at byte {end}")
    return value


def _value(data: bytes, at: int) -> tuple[Value, int]:
    kind = data[at : at + 1]
    if kind == b"i":
        end = data.index(b"e", at)
        return int(data[at + 1 : end]), end + 1
    if kind in (b"l", b"d"):
        items: list[Value] = []
        at += 1
        while data[at : at + 1] != b"e":
            item, at = _value(data, at)
            items.append(item)
        return (items if kind == b"l" else _dictionary(items)), at + 1
    if not kind.isdigit():
        raise ValueError(f"no bencode at byte {at}: {kind!r}")
    colon = data.index(b":", at)
    end = colon + 1 + int(data[at:colon])
    if end > len(data):
        raise ValueError(f"bencode ends within the string at byte {at}")
    return data[colon + 1 : end], end


def _dictionary(items: list[Value]) -> dict[str, Value]:
    keys = [key.decode() for key in items[::2] if isinstance(key, bytes)]
    return dict(zip(keys, items[1::2], strict=True))


class Control:
    """A connection to a running rtpengine."""

    def __init__(self, port: int, *, timeout_s: float = 5) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(timeout_s)
        self._socket.connect(("127.0.0.1", port))
        self._cookies = itertools.count(1)

    def ask(self, command: str, **arguments: Value) -> dict[str, Value]:
        """One command; `_` in a name is `-`. `OSError` without an answer, `RuntimeError` where it is refused."""
        cookie = f"{next(self._cookies)} ".encode()
        named = {name.replace("_", "-"): value for name, value in arguments.items()}
        self._socket.send(cookie + encode({"command": command, **named}))
        while not (answer := self._socket.recv(65_536)).startswith(cookie):
            pass
        told = decode(answer[len(cookie) :])
        assert isinstance(told, dict)
        if told["result"] not in (b"ok", b"pong"):
            raise RuntimeError(f"rtpengine refuses {command}: {told}")
        return told

    def sdp(self, command: str, **arguments: Value) -> str:
        """The SDP that a command is answered with."""
        told = self.ask(command, **arguments)["sdp"]
        assert isinstance(told, bytes)
        return told.decode()
