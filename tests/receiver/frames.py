"""Frames of a stream, as its sender writes them."""

import base64
import json
from typing import Any

MZ, CA, AC = "MZ" + "a" * 32, "CA" + "b" * 32, "AC" + "c" * 32


def connected() -> str:
    return '{"event":"connected","protocol":"Call","version":"1.0.0"}'


def start(*tracks: str) -> str:
    body: dict[str, Any] = {"accountSid": AC, "streamSid": MZ, "callSid": CA, "tracks": list(tracks)}
    body["mediaFormat"] = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
    body["customParameters"] = {}
    return json.dumps({"event": "start", "sequenceNumber": "1", "start": body, "streamSid": MZ})


def media(number: int, track: str, chunk: int, *, size: int = 160, sid: str = MZ, byte: int = 0xFF) -> str:
    body = {"track": track, "chunk": str(chunk), "timestamp": str(20 * chunk)}
    body["payload"] = base64.b64encode(bytes([byte]) * size).decode()
    return json.dumps({"event": "media", "sequenceNumber": str(number), "media": body, "streamSid": sid})


def stop(number: int) -> str:
    body = {"accountSid": AC, "callSid": CA}
    return json.dumps({"event": "stop", "sequenceNumber": str(number), "streamSid": MZ, "stop": body})
