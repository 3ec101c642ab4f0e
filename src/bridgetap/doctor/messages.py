"""A stream's messages as the core writes them, to the order of the keys."""

import json
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence

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
    ) -> None:
        self._account = account_sid
        self._call, self._stream = "CA" + random(16).hex(), "MZ" + random(16).hex()
        self._tracks, self._parameters = list(tracks), dict(parameters)
        self._number = 0
        self._chunk = 0

    def start(self) -> str:
        body = {
            "accountSid": self._account,
            "streamSid": self._stream,
            "callSid": self._call,
            "tracks": self._tracks,
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": self._parameters,
        }
        return _write({"event": "start", "sequenceNumber": self._next(), "start": body, "streamSid": self._stream})

    def media(self, payloads: Sequence[bytes]) -> list[str]:
        """The next 20 ms of every track, in the order of the tracks."""
        self._chunk += 1
        return [
            _write(
                {
                    "event": "media",
                    "sequenceNumber": self._next(),
                    "media": {
                        "track": track,
                        "chunk": str(self._chunk),
                        "timestamp": str(20 * self._chunk),
                        "payload": b64encode(payload).decode(),
                    },
                    "streamSid": self._stream,
                }
            )
            for track, payload in zip(self._tracks, payloads, strict=True)
        ]

    def stop(self) -> str:
        body = {"accountSid": self._account, "callSid": self._call}
        return _write({"event": "stop", "sequenceNumber": self._next(), "streamSid": self._stream, "stop": body})

    def _next(self) -> str:
        self._number += 1
        return str(self._number)


def _write(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
