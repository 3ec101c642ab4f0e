"""Ids of recording metadata: a random UUID's 16 bytes in base64, 24 characters (RFC 7865 §6.10).

One id never names two things, and a thing keeps its id for as long as it is recorded, over every
document and every recorder that is turned to.
"""

import base64
import binascii
from typing import NewType

RecordingId = NewType("RecordingId", str)

UUID_BYTES = 16


def make_id(entropy: bytes) -> RecordingId:
    """A version 4 UUID (RFC 4122 §4.4) of 16 random bytes. Randomness comes in."""
    if len(entropy) != UUID_BYTES:
        raise ValueError(f"an id takes {UUID_BYTES} bytes, got {len(entropy)}")
    octets = bytearray(entropy)
    octets[6] = octets[6] & 0x0F | 0x40
    octets[8] = octets[8] & 0x3F | 0x80
    return RecordingId(base64.b64encode(octets).decode("ascii"))


def is_id(text: str) -> bool:
    """Whether `text` is 16 bytes in base64."""
    try:
        return len(base64.b64decode(text, validate=True)) == UUID_BYTES
    except (binascii.Error, ValueError):
        return False
