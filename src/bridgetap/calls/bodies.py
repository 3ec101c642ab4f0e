"""The session description in a message body, also where it is one part of several (RFC 5621)."""

import re
from email import policy
from email.parser import BytesParser

from bridgetap.engine import Headers

from .addresses import header

SDP = "application/sdp"
_TYPE = re.compile(r"\s*([^;\s]+)")


def session_description(content_type: str, body: bytes) -> bytes:
    """The SDP, byte for byte; empty where there is none. No type with a body means SDP: some omit it."""
    match = _TYPE.match(content_type)
    kind = match[1].lower() if match else SDP
    if kind == SDP:
        return body
    if kind.startswith("multipart/"):
        return _part(content_type, body)
    return b""


def content_type(headers: Headers) -> str:
    return header(headers, "Content-Type") or header(headers, "c") or ""


def _part(content_type: str, body: bytes) -> bytes:
    prefix = b"Content-Type: " + content_type.encode("latin-1", "replace") + b"\r\n\r\n"
    message = BytesParser(policy=policy.HTTP).parsebytes(prefix + body)
    for part in message.walk():
        if part.get_content_type() == SDP:
            payload = part.get_payload(decode=True)
            return payload if isinstance(payload, bytes) else b""
    return b""
