"""Text → value for every stream option; a `ValueError` says the rule. Values of `SECRET` ones are never told,
of `MAY_HOLD_SECRETS` ones never as written."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from bridgetap.errors import InvalidStream

from .stream_url import StreamUrl

Headers: TypeAlias = tuple[tuple[str, str], ...]
Reader: TypeAlias = Callable[[str], Any]

MAX_FALLBACKS = 4
MAX_HEADERS = 20
MAX_HEADER_BYTES = 4096

_FLAGS = {"true": True, "false": False}
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")  # RFC 9110 §5.6.2
_VISIBLE = re.compile(r"[\x20-\x7e]*")
_BEARER = re.compile(r"[A-Za-z0-9\-._~+/]+=*")  # RFC 6750 §2.1
_PIN = re.compile(r"(?:sha256/{1,2})?([A-Za-z0-9+/]{43}=)")
_OURS = re.compile(r"(?i)sec-websocket-.*|bridgetap-.*|host|connection|upgrade|user-agent|x-twilio-signature")
_FRAMING = re.compile(r"(?i)content-length|transfer-encoding|te|trailer|expect")


class _Refused(ValueError):
    """A rule with Twilio's code."""

    def __init__(self, rule: str, code: int | None) -> None:
        super().__init__(rule)
        self.code = code


def flag(text: str) -> bool:
    try:
        return _FLAGS[text.lower()]
    except KeyError:
        raise ValueError("must be true or false") from None


def whole(low: int, high: int) -> Callable[[str], int]:
    """A whole number within limits."""

    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or len(text) > 9 or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(text)

    return read


def one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return text

    return read


def steps(low: int, high: int, step: int) -> Callable[[str], int]:
    """A whole number within limits that can be reached in steps."""

    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) not in range(low, high + 1, step):
            raise ValueError(f"must be {low} to {high} in steps of {step}")
        return int(text)

    return read


def some_of(*words: str) -> Callable[[str], tuple[str, ...]]:
    """Some of these words, white space between them."""

    def read(text: str) -> tuple[str, ...]:
        found = dict.fromkeys(text.split())
        if not found.keys() <= set(words):
            raise ValueError(f"must be some of {', '.join(words)}, blanks between them")
        return tuple(found)

    return read


def read_urls(text: str) -> tuple[StreamUrl, ...]:
    """wss:// URLs, white space between them."""
    try:
        urls = tuple(StreamUrl.parse(part) for part in text.split())
    except InvalidStream as error:
        raise _Refused(f"{error.value!r}: {error.rule}", error.code) from None
    if len(urls) > MAX_FALLBACKS:
        raise ValueError(f"must be at most {MAX_FALLBACKS} URLs")
    return urls


def read_headers(text: str) -> Headers:
    """A JSON object: `{"X-Tenant": "42"}`."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise ValueError("must be a JSON object of texts")
    headers: Headers = ()
    for name, value in found.items():
        headers = with_header(headers, name, value)
    return headers


def with_header(headers: Headers, name: str, value: str) -> Headers:
    """One more of them."""
    if len(headers) == MAX_HEADERS:
        raise ValueError(f"must be at most {MAX_HEADERS} headers")
    header = _read_header(name, value)
    if any(name.lower() == known.lower() for known, _ in headers):
        raise ValueError(f"the header {name} stands twice: names know no case (RFC 9110)")
    return (*headers, header)


def _read_header(name: str, value: str) -> tuple[str, str]:
    if not _TOKEN.fullmatch(name):
        raise ValueError("a header's name must be a token (RFC 9110)")
    if _OURS.fullmatch(name) or _FRAMING.fullmatch(name):
        raise ValueError(f"the header {name} belongs to the handshake itself")
    if not _VISIBLE.fullmatch(value) or len(value) > MAX_HEADER_BYTES:
        raise ValueError(f"the value of header {name} must be printable ASCII, at most {MAX_HEADER_BYTES} bytes")
    return name, value.strip()


def read_token(text: str) -> str:
    if not _BEARER.fullmatch(text) or len(text) > MAX_HEADER_BYTES:
        raise ValueError("must be a bearer token (RFC 6750): letters, digits and -._~+/")
    return text


def read_pins(text: str) -> tuple[bytes, ...]:
    """`sha256/…` in base64, white space between them."""
    return tuple(_pin(part) for part in text.split())


def _pin(text: str) -> bytes:
    match = _PIN.fullmatch(text)
    try:
        if match is not None:
            return base64.b64decode(match[1], validate=True)
    except binascii.Error:
        pass
    raise ValueError("a pin must be sha256/ and the base64 of a SHA-256 digest")


READERS: Mapping[str, Reader] = MappingProxyType(
    {
        "resume": flag,
        "resume_overlap_ms": whole(0, 60_000),
        "ring_ms": whole(1000, 300_000),
        "max_lag_ms": whole(200, 300_000),
        "overflow": one_of("skip-to-live", "drop-oldest", "close"),
        "capture_from": one_of("open", "create"),
        "fallback_urls": read_urls,
        "headers": read_headers,
        "bearer_token": read_token,
        "certificate_pins": read_pins,
        "format": one_of("mulaw", "alaw", "l16-8000", "l16-16000", "l16-24000"),
        "channels": one_of("separate", "stereo", "mixed"),
        "framing": one_of("json", "binary"),
        "frame_ms": steps(20, 200, 20),
        "wall_clock": flag,
        "events": some_of("dtmf", "hold", "participant"),
    }
)
SECRET = frozenset({"headers", "bearer_token"})
MAY_HOLD_SECRETS = SECRET | {"fallback_urls"}  # a query, or a password where none belongs
