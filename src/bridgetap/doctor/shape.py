"""What a stream's options make of its audio: the coding, what a frame holds, how long it is. Pure.

Without options all of it is Twilio's: 20 ms of one track, µ-law at 8 kHz.
"""

from array import array
from collections.abc import Sequence
from sys import byteorder

from bridgetap.flow.stream_options import ON_THE_WIRE, TWILIO, StreamOptions
from bridgetap.receiver import decode_alaw, decode_ulaw, encode_ulaw

from .voice import CHUNK_MS, RATE

_FORMATS = {
    "mulaw": ("audio/x-mulaw", 8000),
    "alaw": ("audio/x-alaw", 8000),
    "l16-8000": ("audio/x-l16", 8000),
    "l16-16000": ("audio/x-l16", 16_000),
    "l16-24000": ("audio/x-l16", 24_000),
}


def contents(tracks: Sequence[str], shape: StreamOptions) -> Sequence[str]:
    """What frames carry, by the names that they have: each track, or both as one."""
    return tracks if shape.channels == "separate" else (shape.channels,)


def media_format(shape: StreamOptions) -> dict[str, object]:
    """`start.mediaFormat`"""
    encoding, rate = _FORMATS[shape.format]
    return {"encoding": encoding, "sampleRate": rate, "channels": 2 if shape.channels == "stereo" else 1}


def extensions(shape: StreamOptions) -> dict[str, object] | None:
    """`start.extensions`; None where nothing differs from Twilio's."""
    if all(getattr(shape, name) == getattr(TWILIO, name) for name in ON_THE_WIRE):
        return None
    return {
        "channels": shape.channels,
        "framing": shape.framing,
        "frameMs": shape.frame_ms,
        "wallClock": shape.wall_clock,
        "events": list(shape.events),
    }


def frames(audio: Sequence[Sequence[bytes]], shape: StreamOptions) -> list[list[bytes]]:
    """Chunks of 20 ms in µ-law, a list a track, as payloads: of each frame one for each of its `contents`."""
    together = shape.frame_ms // CHUNK_MS
    whole = len(audio[0]) // together * together
    joined = [[b"".join(chunks[at : at + together]) for at in range(0, whole, together)] for chunks in audio]
    return [_payloads(parts, shape) for parts in zip(*joined, strict=True)]


def _payloads(parts: Sequence[bytes], shape: StreamOptions) -> list[bytes]:
    """One frame, of the same time of every track."""
    times = _FORMATS[shape.format][1] // RATE
    tracks = [_stretched(_values(decode_ulaw(part)), times) for part in parts]
    if shape.channels == "stereo":
        both = array("h", bytes(4 * len(tracks[0])))
        both[0::2], both[1::2] = tracks
        tracks = [both]
    elif shape.channels == "mixed":
        tracks = [array("h", (max(-32768, min(32767, sum(each))) for each in zip(*tracks, strict=True)))]
    return [_coded(_bytes(track), shape.format) for track in tracks]


def _stretched(values: "array[int]", times: int) -> "array[int]":
    """At so many times the rate, in straight lines."""
    if times == 1:
        return values
    found = array("h", bytes(2 * times * len(values)))
    before = array("h", [values[0], *values[:-1]])
    for step in range(times):
        part = step + 1
        found[step::times] = array(
            "h", (one + (other - one) * part // times for one, other in zip(before, values, strict=True))
        )
    return found


def _coded(samples: bytes, form: str) -> bytes:
    if form == "mulaw":
        return encode_ulaw(samples)
    return encode_ulaw(samples).translate(_ALAW) if form == "alaw" else samples


def _values(samples: bytes) -> "array[int]":
    """s16le samples as numbers; `_bytes` is the way back."""
    values = array("h", samples)
    if byteorder == "big":
        values.byteswap()
    return values


def _bytes(values: "array[int]") -> bytes:
    values = values[:]
    if byteorder == "big":
        values.byteswap()
    return values.tobytes()


def _nearest_alaw() -> bytes:
    """The A-law code nearest to each µ-law code."""
    codes = _values(decode_alaw(bytes(range(256))))
    return bytes(
        min(range(256), key=lambda code: abs(codes[code] - value)) for value in _values(decode_ulaw(bytes(range(256))))
    )


_ALAW = _nearest_alaw()
