"""µ-law to samples (ITU-T G.711), by a table of all 256 bytes."""

from array import array
from math import log10, sqrt
from sys import byteorder

SILENCE = 0xFF
FLOOR_DBFS = -96.0


def decode_ulaw(payload: bytes) -> bytes:
    """Mono s16le samples, one for each byte."""
    return b"".join([_SAMPLE_BYTES[byte] for byte in payload])


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
