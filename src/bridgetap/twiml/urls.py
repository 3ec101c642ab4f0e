"""Where a URL in a document leads: relative ones against the document's own.

A document that came as a text has no URL: what is relative there leads nowhere (11100).
"""

import re
from urllib.parse import urljoin, urlsplit, urlunsplit

from bridgetap.errors import BAD_URL, InvalidTwiml

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_USER_INFORMATION = re.compile(r"//[^/?#]*@")
_EXCERPT = 200


def resolve(base: str, url: str, *, place: str) -> str:
    """An absolute http or https URL; "" is `base` itself. Raises `InvalidTwiml` with 11100."""
    try:
        absolute = urljoin(base, url)
        parts = urlsplit(absolute)
        host, _ = parts.hostname, parts.port  # either raises, where it cannot be read
    except ValueError as error:
        raise InvalidTwiml(place, shown(url), str(error), code=BAD_URL) from None
    if not url and not base:
        raise InvalidTwiml(place, "", "the document has no URL of its own to ask again", code=BAD_URL)
    if not parts.scheme:
        raise InvalidTwiml(place, shown(url), "a relative URL in a document that has no URL", code=BAD_URL)
    if parts.scheme.lower() not in ("http", "https") or not host:
        raise InvalidTwiml(place, shown(url), "must be an http or https URL", code=BAD_URL)
    if any(character.isspace() or not character.isprintable() for character in absolute):
        rule = "spaces and control characters must be percent-encoded"
        raise InvalidTwiml(place, shown(url), rule, code=BAD_URL)
    return absolute


def resolve_stream(base: str, url: str) -> str:
    """A stream's URL: one without a scheme is on the document's host, by wss (spec/twilio §3.2).
    Whether it is a good one is judged by `flow.stream_rules`."""
    if not url or not base or _SCHEME.match(url):
        return url
    try:
        parts = urlsplit(urljoin(base, url))
    except ValueError:
        return url
    return urlunsplit(parts._replace(scheme="wss", netloc=parts.netloc.rpartition("@")[2]))


def shown(url: str) -> str:
    """A URL as it may stand in a log: without the password and the query in it, and not endless."""
    bare, mark, _ = without_password(url).partition("?")
    return (bare + ("?…" if mark else ""))[:_EXCERPT]


def without_password(url: str) -> str:
    """A URL as another server may be told of it."""
    return _USER_INFORMATION.sub("//***@", url, count=1)
