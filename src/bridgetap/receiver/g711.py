"""µ-law and A-law to samples and back (ITU-T G.711), by tables."""

from array import array
from math import log10, sqrt
from sys import byteorder

SILENCE = 0xFF
FLOOR_DBFS = -96.0


def decode_ulaw(payload: bytes) -> bytes:
    """Mono s16le samples, one for each byte."""
    return b"".join([_SAMPLE_BYTES[byte] for byte in payload])


def decode_alaw(payload: bytes) -> bytes:
    """Mono s16le samples, one for each byte."""
    return b"".join([_ALAW_BYTES[byte] for byte in payload])


def encode_ulaw(samples: bytes) -> bytes:
    """Mono s16le samples to µ-law, one byte each; a last odd byte is left out."""
    values = array("h", samples[: len(samples) // 2 * 2])
    if byteorder == "big":
        values.byteswap()
    return bytes([_CODES[value >> 2] if value >= 0 else _CODES[-value >> 2] & 0x7F for value in values])


def level_dbfs(samples: bytes) -> float:
    """The level of s16le samples: 0 is a full-scale square wave, -96 is silence."""
    values = array("h", samples)
    if byteorder == "big":
        values.byteswap()
    if not values:
        return FLOOR_DBFS
    rms = sqrt(sum(value * value for value in values) / len(values))
    return max(FLOOR_DBFS, 20 * log10(rms / 32768)) if rms else FLOOR_DBFS


def _expand(byte: int) -> int:
    """One byte by G.711 table 2b: sign, three bits of segment, four of step, all inverted."""
    byte ^= 0xFF
    magnitude = (((byte & 0x0F) << 3) + 0x84 << (byte >> 4 & 0x07)) - 0x84
    return -magnitude if byte & 0x80 else magnitude


_SAMPLE_BYTES = [_expand(byte).to_bytes(2, "little", signed=True) for byte in range(256)]


def _expand_alaw(byte: int) -> int:
    """One byte by G.711 table 1b: even bits inverted; the first segment is linear."""
    byte ^= 0x55
    segment, step = byte >> 4 & 0x07, byte & 0x0F
    magnitude = (step << 4) + 8 if segment == 0 else (step << 4) + 0x108 << segment - 1
    return magnitude if byte & 0x80 else -magnitude


_ALAW_BYTES = [_expand_alaw(byte).to_bytes(2, "little", signed=True) for byte in range(256)]


def _code(magnitude: int) -> int:
    """The code of a positive sample, by the same table read the other way."""
    biased = min(magnitude, 32635) + 0x84
    segment = biased.bit_length() - 8
    return (segment << 4 | biased >> segment + 3 & 0x0F) ^ 0xFF


_CODES = bytes([_code(magnitude) for magnitude in range(0, 32769, 4)])  # codes change at multiples of 4
