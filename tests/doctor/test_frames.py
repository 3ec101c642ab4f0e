"""Frames from a server, cut anywhere; and ours, read by a library that nobody here wrote."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame
from websockets.streams import StreamReader

from bridgetap.doctor.frames import Binary, Broken, Close, FrameReader, Heard, Opcode, Ping, Pong, Text, frame

from . import ws

CASES: list[tuple[bytes, list[Heard]]] = [
    (ws.frame(ws.TEXT, b"hello"), [Text("hello", 5)]),
    (ws.frame(ws.TEXT, "ä".encode() * 1500), [Text("ä" * 1500, 3000)]),
    (ws.frame(ws.BINARY, bytes(300)), [Binary(300)]),
    (ws.frame(ws.PING, b"1") + ws.frame(ws.PONG), [Ping(b"1"), Pong(b"")]),
    (ws.frame(ws.TEXT, b"ab", first=0) + ws.frame(ws.PING) + ws.frame(0, b"c"), [Ping(b""), Text("abc", 3)]),
    (ws.close(1000, "bye") + b"more", [Close(1000, "bye")]),
    (ws.frame(ws.CLOSE), [Close(None, "")]),
    (ws.close(4999), [Close(4999, "")]),
]
BROKEN = {
    "masked": bytes([0x81, 0x81, 1, 2, 3, 4, 0]),
    "reserved bit": bytes([0xC1, 0]),
    "unknown opcode": bytes([0x83, 0]),
    "long ping": ws.frame(ws.PING, bytes(126)),
    "fragmented close": bytes([0x08, 0]),
    "continuation of nothing": ws.frame(0, b"x"),
    "beginning inside a message": ws.frame(ws.TEXT, b"a", first=0) + ws.frame(ws.TEXT, b"b"),
    "too long": bytes([0x82, 127]) + (1 << 40).to_bytes(8),
    "not UTF-8": ws.frame(ws.TEXT, b"\xff"),
    "one byte of close": ws.frame(ws.CLOSE, b"\x03"),
    "a code not to be sent": ws.close(1005),
}


@pytest.mark.parametrize(("wire", "heard"), CASES)
def test_what_is_heard(wire: bytes, heard: list[Heard]) -> None:
    assert FrameReader().feed(wire) == heard
    reader = FrameReader()
    assert [one for byte in wire for one in reader.feed(bytes([byte]))] == heard


@pytest.mark.parametrize("wire", BROKEN.values(), ids=BROKEN.keys())
def test_what_breaks_the_protocol(wire: bytes) -> None:
    reader = FrameReader()
    assert isinstance(reader.feed(wire)[-1], Broken)
    assert reader.feed(ws.frame(ws.TEXT, b"more")) == []


@given(st.binary(max_size=400), st.integers(1, 9))
def test_no_bytes_raise_and_cuts_do_not_matter(wire: bytes, step: int) -> None:
    whole, cut = FrameReader(), FrameReader()
    heard = whole.feed(wire)
    assert [one for at in range(0, len(wire), step) for one in cut.feed(wire[at : at + step])] == heard


@given(st.binary(max_size=70_000), st.binary(min_size=4, max_size=4))
def test_our_frames_are_read_by_others(payload: bytes, key: bytes) -> None:
    reader = StreamReader()
    reader.feed_data(frame(Opcode.BINARY, payload, key))
    parsing = Frame.parse(reader.read_exact, mask=True)
    with pytest.raises(StopIteration) as done:
        next(parsing)
    assert done.value.value.data == payload
