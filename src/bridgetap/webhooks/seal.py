"""Addresses and parameters as they lie in the store: sealed with the account's token, for they may hold secrets."""

import hashlib
import json
import os
from base64 import b64decode, b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bridgetap.errors import BridgetapError

NONCE_BYTES = 12  # NIST SP 800-38D §5.2.1.1


class Unreadable(BridgetapError):
    """Sealed with another token, or damaged."""


class Seal:
    """AES-256-GCM under a key made from the account's token."""

    def __init__(self, token: str) -> None:
        self._cipher = AESGCM(hashlib.sha256(b"bridgetap webhooks " + token.encode()).digest())

    def close(self, value: object) -> str:
        """Any JSON value as a text that says nothing."""
        nonce = os.urandom(NONCE_BYTES)
        return b64encode(nonce + self._cipher.encrypt(nonce, json.dumps(value).encode(), None)).decode()

    def open(self, text: str) -> object:
        """The value again; `Unreadable` where it was sealed with another token."""
        try:
            raw = b64decode(text, validate=True)
            value: object = json.loads(self._cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], None))
        except (InvalidTag, ValueError):
            raise Unreadable("sealed with another account token, or damaged") from None
        return value
