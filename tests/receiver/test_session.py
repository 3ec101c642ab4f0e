"""A stream's protocol without a socket: what may follow what, and what is counted."""

import json
import struct

import pytest

from bridgetap.errors import InvalidInput
from bridgetap.receiver import Faults, Session, Stop

from .frames import MZ, connected, media, start, stop


def opened(*tracks: str, exact: bool = False) -> Session:
    session = Session(exact=exact)
    session.receive(connected(), 0.0)
    session.receive(start(*tracks), 0.0)
    return session


def test_a_whole_stream() -> None:
    session = opened("inbound", "outbound", exact=True)
    for chunk in range(1, 51):
        session.receive(media(2 * chunk, "inbound", chunk, byte=0x80), chunk * 0.02)
        session.receive(media(2 * chunk + 1, "outbound", chunk), chunk * 0.02 + (0.12 if chunk == 20 else 0))
    assert isinstance(session.receive(stop(102), 1.1), Stop)
    inbound, outbound = session.figures().values()
    assert session.faults == Faults()
    assert (inbound.frames, inbound.late, inbound.timestamp_ms) == (50, 0, 1000)
    assert inbound.level_dbfs == pytest.approx(0, abs=0.2)
    assert (outbound.frames, outbound.late, outbound.level_dbfs) == (50, 1, -96.0)
    assert outbound.lateness_ms_p99 == pytest.approx(120, abs=0.1)


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([start("inbound")], "start.*may not come while new"),
        ([connected(), connected()], "connected.*may not come while connected"),
        ([connected(), media(1, "inbound", 1)], "media.*may not come while connected"),
        ([connected(), start("inbound"), start("inbound")], "start.*may not come while open"),
        ([connected(), start("inbound"), stop(2), media(3, "inbound", 1)], "media.*may not come while stopped"),
        ([connected(), start("inbound"), media(2, "outbound", 1)], r"media\.track.*must be one of inbound, as started"),
        ([connected(), start("inbound"), media(2, "inbound", 1, sid="MZ" + "0" * 32)], "must be that of the start"),
    ],
)
def test_what_may_not_follow(frames: list[str], words: str) -> None:
    session = Session()
    for frame in frames[:-1]:
        session.receive(frame, 0.0)
    with pytest.raises(InvalidInput, match=words):
        session.receive(frames[-1], 0.0)


def test_a_chunk_is_160_bytes_where_it_has_to_be_exact() -> None:
    opened("inbound").receive(media(2, "inbound", 1, size=80), 0.0)
    with pytest.raises(InvalidInput, match=r"media\.payload: '80 bytes': must be 160 bytes"):
        opened("inbound", exact=True).receive(media(2, "inbound", 1, size=80), 0.0)


def test_numbers_and_chunks_are_counted_apart() -> None:
    session = opened("inbound", "outbound", exact=True)
    for number, track, chunk in [(2, "inbound", 1), (3, "outbound", 1), (4, "inbound", 3), (7, "outbound", 2)]:
        session.receive(media(number, track, chunk), 0.0)
    assert session.faults == Faults(missing=2)
    assert session.figures()["inbound"].faults == Faults(missing=1)
    assert session.figures()["outbound"].faults == Faults()


def shaped(**extensions: object) -> str:
    value = json.loads(start("inbound", "outbound"))
    value["start"]["mediaFormat"] = {"encoding": "audio/x-l16", "sampleRate": 16000, "channels": 2}
    usual = {"channels": "stereo", "framing": "binary", "frameMs": 40, "wallClock": False, "events": ["hold"]}
    value["start"]["extensions"] = {**usual, **extensions}
    return json.dumps(value)


def binary(number: int, chunk: int, size: int = 2560) -> bytes:
    return struct.pack("<BBHIQQQ", 1, 2, 32, chunk, number, 40 * chunk, 0) + bytes(size)


def test_a_stream_in_binary_stereo() -> None:
    session = Session(exact=True)
    session.receive(connected(), 0.0)
    session.receive(shaped(), 0.0)
    session.receive(binary(2, 1), 0.0)
    held = {"timestamp": "40", "track": "outbound", "held": True}
    hold = {"event": "hold", "sequenceNumber": "3", "streamSid": MZ, "hold": held}
    session.receive(json.dumps(hold), 0.0)
    session.receive(binary(4, 2), 0.0)
    with pytest.raises(InvalidInput, match="'160 bytes': must be 2560 bytes, as started"):
        session.receive(binary(5, 3, size=160), 0.0)
    assert {track: figures.frames for track, figures in session.figures().items()} == {"stereo": 2}
    assert not session.faults


def test_the_last_long_frame_may_be_short() -> None:
    session = Session(exact=True)
    session.receive(connected(), 0.0)
    session.receive(shaped(), 0.0)
    session.receive(binary(2, 1), 0.0)
    session.receive(binary(3, 2, size=1280), 0.0)
    session.receive(stop(4), 0.0)
    assert session.figures()["stereo"].frames == 2


def test_binary_frames_come_only_where_the_start_said_so() -> None:
    session = Session()
    session.receive(connected(), 0.0)
    session.receive(shaped(framing="json"), 0.0)
    with pytest.raises(InvalidInput, match="must be a text frame"):
        session.receive(binary(2, 1), 0.0)


def test_an_announced_track_that_never_came_has_figures_too() -> None:
    assert opened("outbound").figures()["outbound"].frames == 0


@pytest.mark.parametrize(("frame_ms", "loud", "silent"), [(40, 5, 4), (200, 1, 1), (500, 1, 1)])
def test_a_level_is_that_of_the_last_200_ms_however_long_the_frames(frame_ms: int, loud: int, silent: int) -> None:
    session = Session()
    session.receive(connected(), 0.0)
    session.receive(shaped(frameMs=frame_ms), 0.0)
    size = 64 * frame_ms
    frames = [b"\x00\x40" * (size // 2)] * loud + [bytes(size)] * silent
    for chunk, payload in enumerate(frames, 1):
        head = struct.pack("<BBHIQQQ", 1, 2, 32, chunk, chunk + 1, frame_ms * chunk, 0)
        session.receive(head + payload, 0.0)
    level = session.figures()["stereo"].level_dbfs
    assert (level == -96.0) is (frame_ms >= 200)
