"""A stream's messages as the core writes them, to the order of the keys."""

import json
import struct
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence

from bridgetap.flow.stream_options import TWILIO, StreamOptions

from .shape import contents, extensions, media_format

_HEADER = struct.Struct("<BBHIQQQ")  # of a binary frame: docs/streams.md
_CONTENTS = ("inbound", "outbound", "stereo", "mixed")
CONNECTED = '{"event":"connected","protocol":"Call","version":"1.0.0"}'


class Messages:
    """The messages of one made-up call, numbered as they are made."""

    def __init__(
        self,
        *,
        account_sid: str,
        tracks: Sequence[str],
        parameters: Mapping[str, str],
        random: Callable[[int], bytes],
        shape: StreamOptions = TWILIO,
        began_ms: int = 0,
    ) -> None:
        """`began_ms`: when the stream begins, since 1970, for a `shape` with a wall clock."""
        self._account = account_sid
        self._call, self._stream = "CA" + random(16).hex(), "MZ" + random(16).hex()
        self._tracks, self._parameters = list(tracks), dict(parameters)
        self._shape, self._began_ms = shape, began_ms
        self._contents = contents(tracks, shape)
        self._number = 0
        self._chunk = 0

    def start(self) -> str:
        body: dict[str, object] = {
            "accountSid": self._account,
            "streamSid": self._stream,
            "callSid": self._call,
            "tracks": self._tracks,
            "mediaFormat": media_format(self._shape),
            "customParameters": self._parameters,
        }
        if (changed := extensions(self._shape)) is not None:
            body["extensions"] = changed
        return _write({"event": "start", "sequenceNumber": self._next(), "start": body, "streamSid": self._stream})

    def media(self, payloads: Sequence[bytes]) -> list[str | bytes]:
        """The next frame of every track, in the order of the tracks; bytes go as binary frames."""
        self._chunk += 1
        return [self._media(*each) for each in zip(self._contents, payloads, strict=True)]

    def _media(self, content: str, payload: bytes) -> str | bytes:
        timestamp_ms = self._shape.frame_ms * self._chunk
        wall_ms = self._began_ms + timestamp_ms if self._shape.wall_clock else 0
        if self._shape.framing == "binary":
            kind, number = _CONTENTS.index(content), int(self._next())
            return _HEADER.pack(1, kind, _HEADER.size, self._chunk, number, timestamp_ms, wall_ms) + payload
        media = {"track": content, "chunk": str(self._chunk), "timestamp": str(timestamp_ms)}
        if wall_ms:
            media["wallClock"] = str(wall_ms)
        media["payload"] = b64encode(payload).decode()
        return _write({"event": "media", "sequenceNumber": self._next(), "media": media, "streamSid": self._stream})

    def stop(self) -> str:
        body = {"accountSid": self._account, "callSid": self._call}
        return _write({"event": "stop", "sequenceNumber": self._next(), "streamSid": self._stream, "stop": body})

    def _next(self) -> str:
        self._number += 1
        return str(self._number)


def _write(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
