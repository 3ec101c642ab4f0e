"""Keys of SRTP in a session description: `a=crypto` (RFC 4568), one suite, one key."""

import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterable
from dataclasses import dataclass, field

from .description import Attribute

SECURE = frozenset({"RTP/SAVP", "RTP/SAVPF"})
SUITE = "AES_CM_128_HMAC_SHA1_80"  # §6.2.1, the one that everybody must have
KEY_LENGTH = 30  # bytes: a key of 16, a salt of 14 (§6.1)

_CRYPTO = re.compile(
    r"(?P<tag>0|[1-9][0-9]{0,8})\s+(?P<suite>\S+)\s+inline:(?P<key>[A-Za-z0-9+/]{40})(?P<rest>[^\s;]*)(?P<parameters>.*)"
)
_LIFETIME = re.compile(r"\|(2\^)?[0-9]{1,20}")
# What a receiver may leave aside (§6.3.1, §6.3.7); every other session parameter changes the transform.
_HARMLESS = re.compile(r"KDR=0|WSH=[0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Crypto:
    """One key of a line, and the tag by which an answer names the offer it takes."""

    tag: int
    key: bytes = field(repr=False)

    @property
    def attribute(self) -> Attribute:
        return Attribute(name="crypto", value=f"{self.tag} {SUITE} inline:{b64encode(self.key).decode()}")


def read_crypto(values: Iterable[str]) -> Crypto | None:
    """The first `a=crypto` that we can do: no master key identifier, nothing that changes the transform."""
    for value in values:
        match = _CRYPTO.fullmatch(value.strip())
        if match is None or match["suite"] != SUITE:
            continue
        if match["rest"] and not _LIFETIME.fullmatch(match["rest"]):
            continue
        if not all(_HARMLESS.fullmatch(parameter) for parameter in match["parameters"].split()):
            continue
        try:
            key = b64decode(match["key"], validate=True)
        except NotBase64:
            continue
        return Crypto(tag=int(match["tag"]), key=key)
    return None
