"""What a server may say on a bidirectional stream (`<Connect><Stream>`): media, mark, clear (spec/twilio §2.5).

The other side buffers about ten minutes, plays in order and in real time, and sends a mark back when
everything before it has been played: nobody paces here.
"""

import json
from base64 import b64encode
from collections.abc import Iterator

from bridgetap.ids import StreamSid

# A message may be of any length; these are easy on whoever reads them, and on a `clear` behind them.
MOST_BYTES = 8000  # one second of µ-law


def media(stream_sid: StreamSid, payload: bytes) -> Iterator[str]:
    """µ-law at 8 kHz, without any header, in one or several messages."""
    for at in range(0, len(payload), MOST_BYTES):
        part = b64encode(payload[at : at + MOST_BYTES]).decode()
        yield _write({"event": "media", "streamSid": stream_sid, "media": {"payload": part}})


def mark(stream_sid: StreamSid, name: str) -> str:
    """Comes back as a `Mark` when everything sent before it has been played, or was cleared."""
    return _write({"event": "mark", "streamSid": stream_sid, "mark": {"name": name}})


def clear(stream_sid: StreamSid) -> str:
    """Forget what has not been played yet; its marks come back at once."""
    return _write({"event": "clear", "streamSid": stream_sid})


def _write(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
