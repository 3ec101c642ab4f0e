"""Custom parameters on their way to a recorder: into its metadata, into headers of the INVITE, or both.

`Call-Info`, `User-to-User` and `X-…` (not `X-Twilio…`) are header names as they stand; any other key
becomes `X-<key>`. A name of SIP's own is refused, and nothing can break out of its line.
"""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import quote

from bridgetap.errors import InvalidStream

ParametersAs: TypeAlias = Literal["metadata", "headers", "both"]

NAME_INVALID = 32111
VALUE_INVALID = 32112
NAME_FORBIDDEN = 32113
MAX_HEADER_BYTES = 4096  # of all of them: an INVITE with a long tail is what recorders drop

# RFC 3261 §20, and what the extensions that we speak put beside it: theirs is the transaction, not ours.
# fmt: off
CORE_HEADERS = frozenset((
    "accept", "accept-contact", "accept-encoding", "accept-language", "alert-info", "allow", "allow-events",
    "authentication-info", "authorization", "call-id", "contact", "content-disposition", "content-encoding",
    "content-language", "content-length", "content-type", "cseq", "date", "error-info", "event", "expires",
    "from", "history-info", "in-reply-to", "join", "max-forwards", "mime-version", "min-expires", "min-se",
    "organization", "p-asserted-identity", "p-preferred-identity", "path", "priority", "privacy",
    "proxy-authenticate", "proxy-authorization", "proxy-require", "rack", "reason", "record-route", "refer-to",
    "referred-by", "reject-contact", "replaces", "reply-to", "request-disposition", "require", "retry-after",
    "route", "rseq", "server", "service-route", "session-expires", "session-id", "subject", "subscription-state",
    "supported", "timestamp", "to", "unsupported", "user-agent", "via", "warning", "www-authenticate", "a", "b",
    "c", "d", "e", "f", "i", "j", "k", "l", "m", "n", "o", "r", "s", "t", "u", "v", "x", "y",
))
# fmt: on
AS_THEY_STAND = frozenset({"call-info", "user-to-user"})

_TOKEN = re.compile(r"[A-Za-z0-9.!%*_+`'~-]+")  # RFC 3261 §25.1
NO_XML_CHARACTER = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedParameters:
    """What goes where."""

    metadata: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()


def carry(parameters: tuple[tuple[str, str], ...], *, as_: ParametersAs) -> CarriedParameters:
    """Put parameters where the connector wants them; `InvalidStream` names the one that cannot be sent.

    Of one name twice, the last counts, as in `start.customParameters`.
    """
    once = {name: (place, value) for place, (name, value) in enumerate(parameters)}
    headers: list[tuple[str, str]] = []
    for name, (place, value) in once.items():
        where = f"parameters[{place}]"
        if as_ != "headers":
            _require_xml(f"{where}.name", name)
            _require_xml(f"{where}.value", value)
        if as_ != "metadata":
            headers.append((header_name(name, place=f"{where}.name"), header_value(value)))
    size = sum(len(name) + len(value) + 4 for name, value in headers)
    if size > MAX_HEADER_BYTES:
        rule = f"as headers all parameters together may be {MAX_HEADER_BYTES} bytes"
        raise InvalidStream("parameters", f"{size} bytes", rule, code=VALUE_INVALID)
    metadata = tuple((name, value) for name, (_, value) in once.items()) if as_ != "headers" else ()
    return CarriedParameters(metadata=metadata, headers=tuple(headers))


def header_name(key: str, *, place: str) -> str:
    """The header that a parameter of that name becomes."""
    if not _TOKEN.fullmatch(key):
        raise InvalidStream(place, key, "must be a token of SIP: letters, digits and .!%*_+`'~-", code=NAME_INVALID)
    lower = key.lower()
    if lower.startswith("x-twilio"):
        raise InvalidStream(place, key, "names that begin with X-Twilio are reserved", code=NAME_FORBIDDEN)
    if lower in CORE_HEADERS:
        raise InvalidStream(place, key, "is a header of SIP's own", code=NAME_FORBIDDEN)
    return key if lower in AS_THEY_STAND or lower.startswith("x-") else f"X-{key}"


def header_value(value: str) -> str:
    """Printable ASCII as it stands, everything else percent-encoded: line breaks too, so that none can end the
    line, and `%` itself only where it could be read as an encoding. Without blanks at either end."""
    plain = re.sub("%(?=[0-9A-Fa-f]{2})", "%25", value)
    return quote(plain, safe="".join(map(chr, range(0x20, 0x7F)))).strip(" ")


def _require_xml(place: str, text: str) -> None:
    if (found := NO_XML_CHARACTER.search(text)) is not None:
        rule = f"has a character that XML cannot carry, U+{ord(found[0]):04X}"
        raise InvalidStream(place, "…", rule, code=VALUE_INVALID)
