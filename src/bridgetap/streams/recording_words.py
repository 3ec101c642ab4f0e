"""What stands in the headers and bodies of a recording session, ours and the recorder's (RFC 7866 §6, §9)."""

import re
from email.utils import formatdate

from bridgetap.engine import Headers
from bridgetap.siprec import Recording
from bridgetap.siprec.document import write
from bridgetap.siprec.multipart import METADATA, METADATA_LEGACY, SDP, SNAPSHOT_REQUESTS, compose, find, split

from .connectors import Connector, MetadataType

ACCEPT = "application/sdp, application/rs-metadata+xml, application/rs-metadata"
MOST_SAID = 300
ALLOW = "INVITE, ACK, CANCEL, BYE, UPDATE, OPTIONS"

_CONTACT_URI = re.compile(r"<(sips?:[^<>\s]+)>|^\s*(sips?:[^<>\s;,]+)", re.IGNORECASE)
_CAUSE = re.compile(r"cause\s*=\s*(\d{3})", re.IGNORECASE)
_HOST = re.compile(r"sips?:(?:[^@]*@)?(\[[^\]]+\]|[^:;?]+)", re.IGNORECASE)


def common_headers(contact: str, content_type: str = "") -> Headers:
    """Of every message of ours in the session: the feature tag is a parameter of the header, behind the `>`."""
    headers = [("Contact", f"{contact};+sip.src"), ("Accept", ACCEPT)]
    return [*headers, ("Content-Type", content_type)] if content_type else headers


def invite_headers(connector: Connector | None, parameters: tuple[tuple[str, str], ...], *, now_ns: int) -> Headers:
    """Of the INVITE alone. `Date` is when the recording began, for the recorder (RFC 7865 §6.1.1). `connector`
    only where its credentials may be shown."""
    date = formatdate(now_ns // 1_000_000_000, usegmt=True)
    credentials = [connector.header] if connector is not None and connector.header is not None else []
    return [("Require", "siprec"), ("Date", date), ("MIME-Version", "1.0"), *credentials, *parameters]


def body_of(sdp: bytes, document: Recording, *, boundary: str, kind: MetadataType) -> tuple[str, bytes]:
    """Content-Type and body of a message with both parts."""
    metadata_type = METADATA_LEGACY if kind == "legacy" else METADATA
    return compose(sdp, write(document), boundary=boundary, metadata_type=metadata_type)


def sdp_of(content_type: str, body: bytes) -> bytes:
    """The session description in a body of the recorder's, plain or in parts; empty where there is none.

    Some answer in parts and some say so wrongly: a body that begins as SDP does is SDP.
    """
    if body.lstrip().startswith(b"v="):
        return body
    if not content_type.lower().startswith("multipart/"):
        first = body.lstrip().split(b"\n", 1)[0].strip()
        if not first.startswith(b"--"):
            return b""
        content_type = f'multipart/mixed;boundary="{first[2:].decode("ascii", "replace")}"'
    part = find(split(content_type, body), SDP)
    return part.content if part is not None else b""


def is_snapshot_request(content_type: str, body: bytes) -> bool:
    """Whether the recorder asks for everything (RFC 7866 §9.2)."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind in SNAPSHOT_REQUESTS and b"requestsnapshot" in body


def header(headers: Headers, name: str) -> str:
    """The first header of that name, or nothing."""
    return next((value for key, value in headers if key.lower() == name.lower()), "")


def said(text: str) -> str:
    """What a recorder says of itself, fit for logs, rows and callbacks: printable, and not endless."""
    return "".join(c if c.isprintable() else "�" for c in text[:MOST_SAID])


def contacts(headers: Headers) -> tuple[str, ...]:
    """Where a 3xx points to, in its order."""
    values = [value for key, value in headers if key.lower() in ("contact", "m")]
    found = [_CONTACT_URI.search(part) for value in values for part in value.split(",")]
    return tuple(match[1] or match[2] for match in found if match)


def tells_of_an_error(reason: str) -> bool:
    """Whether a BYE's Reason (RFC 3326) says that something went wrong over there."""
    match = _CAUSE.search(reason)
    return match is not None and int(match[1]) >= 400


def host_of(uri: str) -> str:
    """The host of a SIP URI, IPv6 in its brackets."""
    match = _HOST.match(uri)
    return match[1] if match else ""
