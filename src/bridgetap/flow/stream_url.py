"""The address of a WebSocket stream: `wss` only, parsed once at the edge (spec/twilio §2.2, §3.2).

The rules serve the Fork Stream widget, TwiML and REST alike.
"""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address
from typing import Self
from urllib.parse import urlsplit

from bridgetap.errors import InvalidStream

SCHEME_UNSUPPORTED = 31922
URL_MALFORMED = 31923
DEFAULT_PORT = 443

_HOST = re.compile(
    r"(?=.{1,253}\.?$)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?$"
)
_SAFE = re.compile(r"(?:[!$&'()*+,;=:@/?\-._~0-9A-Za-z]|%[0-9A-Fa-f]{2})*")  # RFC 3986 §3.3, §3.4


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamUrl:
    """`wss://host[:port][/path][?query]`; `str` and `parse` undo each other."""

    host: str  # without the brackets of an IPv6 address
    port: int = DEFAULT_PORT
    path: str = ""  # "" or "/…", as written: signing tells the two apart
    query: str | None = None

    @classmethod
    def parse(cls, text: str, *, place: str = "stream_url") -> Self:
        """Raise `InvalidStream` with 31922 (the scheme) or 31923 (anything else); it repeats no query and
        no password."""
        shown = shown_url(text)

        def malformed(rule: str) -> InvalidStream:
            return InvalidStream(place, shown, rule, code=URL_MALFORMED)

        scheme, colon, _ = text.partition(":")
        if not text:
            raise malformed("a wss:// URL is required")
        if not colon or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme):
            raise malformed("must be an absolute wss:// URL")
        if scheme.lower() != "wss":
            raise InvalidStream(place, shown, "the only supported scheme is wss", code=SCHEME_UNSUPPORTED)
        if not text[len(scheme) :].startswith("://"):
            raise malformed("must be an absolute wss:// URL")
        if not text.isascii() or not text.isprintable() or " " in text:
            raise malformed("spaces, control and non-ASCII characters must be percent-encoded")
        try:
            parts = urlsplit(text)
        except ValueError as error:
            raise malformed(str(error)) from None
        try:
            port = parts.port
        except ValueError:  # its words repeat what may be half of a password
            raise malformed("the port must be a number of 0 to 65535") from None
        if "@" in parts.netloc:
            raise malformed("user information is not allowed; send credentials as stream parameters")
        if "#" in text:
            raise malformed("a fragment is not allowed")
        host = parts.hostname or ""
        if not (_is_ipv6(host) if parts.netloc.startswith("[") else _HOST.fullmatch(host)):
            raise malformed("must name a host")
        if port == 0 or parts.netloc.endswith(":"):
            raise malformed("the port must be 1 to 65535")
        if not _SAFE.fullmatch(parts.path) or not _SAFE.fullmatch(parts.query):
            raise malformed("characters outside RFC 3986 must be percent-encoded")
        query = parts.query if "?" in text else None
        return cls(host=host, port=port or DEFAULT_PORT, path=parts.path, query=query)

    def without_query(self) -> Self:
        """The same place without its query string (documented as unsupported, 31920)."""
        return type(self)(host=self.host, port=self.port, path=self.path)

    @property
    def request_path(self) -> str:
        """What stands in the GET line: a host-only URL asks for `/`."""
        return (self.path or "/") + (f"?{self.query}" if self.query is not None else "")

    @property
    def authority(self) -> str:
        """What stands in `Host`: no port when it is the default one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORT else f"{host}:{self.port}"

    def __str__(self) -> str:
        query = f"?{self.query}" if self.query is not None else ""
        return f"wss://{self.authority}{self.path}{query}"


def shown_url(text: str) -> str:
    """What may be said of any text that was meant as a URL: without query and fragment, without who logs in."""
    bare = re.split(r"[?#]", text, maxsplit=1)[0]
    return re.sub(r"//.*@", "//***@", bare, count=1, flags=re.DOTALL)


def _is_ipv6(host: str) -> bool:
    try:
        return IPv6Address(host).scope_id is None  # a zone index means nothing to anyone else
    except AddressValueError:
        return False
