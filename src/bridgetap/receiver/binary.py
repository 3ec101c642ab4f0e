"""Audio in binary frames, behind a header: what a stream with `framing` = `binary` sends (docs/streams.md).

All numbers are little-endian:

    0   1  version, 1
    1   1  0 inbound, 1 outbound, 2 stereo, 3 mixed
    2   2  length of the header, 32; a later version may have a longer one
    4   4  chunk
    8   8  sequence number
    16  8  timestamp, ms from the stream's start
    24  8  wall clock, ms since 1970; 0: none
"""

import struct

from bridgetap.errors import InvalidInput
from bridgetap.ids import StreamSid

from .messages import Media, Track

_HEADER = struct.Struct("<BBHIQQQ")
_CONTENTS: tuple[Track, ...] = ("inbound", "outbound", "stereo", "mixed")


def parse_binary(data: bytes, stream_sid: StreamSid) -> Media:
    """One binary frame of that stream."""
    if len(data) < _HEADER.size:
        raise InvalidInput("frame", f"{len(data)} bytes", f"must have a header of {_HEADER.size} bytes")
    version, content, length, chunk, sequence, timestamp_ms, wall_clock_ms = _HEADER.unpack_from(data)
    if version != 1:
        raise InvalidInput("frame.version", version, "must be 1")
    if content >= len(_CONTENTS):
        raise InvalidInput("frame.track", content, "must be 0 to 3")
    if not _HEADER.size <= length <= len(data):
        raise InvalidInput("frame.header", length, f"must be {_HEADER.size} to the frame's {len(data)} bytes")
    if chunk == 0 or sequence == 0:
        raise InvalidInput("frame.chunk" if chunk == 0 else "frame.sequence", 0, "must be at least 1")
    return Media(
        sequence_number=sequence,
        stream_sid=stream_sid,
        track=_CONTENTS[content],
        chunk=chunk,
        timestamp_ms=timestamp_ms,
        payload=data[length:],
        wall_clock_ms=wall_clock_ms or None,
    )
