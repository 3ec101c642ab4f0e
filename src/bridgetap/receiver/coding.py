"""From payloads to samples, by what `start.mediaFormat` says. Pure."""

from array import array
from collections.abc import Callable, Mapping
from sys import byteorder

from bridgetap.errors import InvalidInput

from .g711 import decode_alaw, decode_ulaw
from .messages import MediaFormat

MULAW = MediaFormat(encoding="audio/x-mulaw", sample_rate=8000, channels=1)


def decoder(media_format: MediaFormat) -> Callable[[bytes], bytes]:
    """A payload of that format to s16le samples, interleaved where it has two channels.

    Raises `InvalidInput` for a coding we do not know.
    """
    try:
        return _DECODERS[media_format.encoding]
    except KeyError:
        rule = f"must be one of {', '.join(_DECODERS)}"
        raise InvalidInput("start.mediaFormat.encoding", media_format.encoding, rule) from None


def frame_bytes(media_format: MediaFormat, frame_ms: int) -> int:
    """The length of a frame's payload."""
    width = 2 if media_format.encoding == "audio/x-l16" else 1
    return media_format.sample_rate * frame_ms // 1000 * width * media_format.channels


def split(samples: bytes) -> tuple[bytes, bytes]:
    """Both channels of interleaved s16le samples: left, right."""
    both = array("h", samples[: len(samples) // 4 * 4])
    return both[0::2].tobytes(), both[1::2].tobytes()


def values(samples: bytes) -> "array[int]":
    """s16le samples as numbers."""
    numbers = array("h", samples)
    if byteorder == "big":
        numbers.byteswap()
    return numbers


def resample_double(samples: bytes, last: int = 0) -> bytes:
    """s16le samples at twice their rate, each new one half-way between two; `last` is the one before the first."""
    numbers = values(samples)
    doubled = array("h", bytes(4 * len(numbers)))
    doubled[1::2] = numbers
    doubled[0::2] = array("h", (one + other >> 1 for one, other in zip((last, *numbers), numbers, strict=False)))
    if byteorder == "big":
        doubled.byteswap()
    return doubled.tobytes()


def _whole_samples(payload: bytes) -> bytes:
    return payload[: len(payload) // 2 * 2]


_DECODERS: Mapping[str, Callable[[bytes], bytes]] = {
    "audio/x-mulaw": decode_ulaw,
    "audio/x-alaw": decode_alaw,
    "audio/x-l16": _whole_samples,
}
