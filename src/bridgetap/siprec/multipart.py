"""A body of two parts, SDP and metadata, and the reading of what recorders send (RFC 2046 §5.1, RFC 7866 §9.1)."""

import re
from dataclasses import dataclass

from bridgetap.errors import InvalidInput

SDP = "application/sdp"
METADATA = "application/rs-metadata+xml"  # RFC 9806
METADATA_LEGACY = "application/rs-metadata"  # as RFC 7866 had it before
SNAPSHOT_REQUESTS = frozenset({METADATA, METADATA_LEGACY, "application/rs-metadata-request"})

MAX_PARTS = 16

_BOUNDARY = re.compile(r'boundary\s*=\s*(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_BLANK_LINE = re.compile(rb"\r\n\r\n|\n\n|\r\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part: its type in lower case without parameters, its disposition, and its bytes."""

    content_type: str
    content: bytes
    disposition: str = ""


def compose(sdp: bytes, metadata: bytes, *, boundary: str, metadata_type: str = METADATA) -> tuple[str, bytes]:
    """Content-Type and body: SDP first, metadata second, CRLF everywhere.

    `boundary` is a token that comes in fresh (32 random hex digits will do) and must stand in neither part.
    """
    delimiter = b"--" + boundary.encode("ascii")
    if delimiter in sdp or delimiter in metadata:
        raise ValueError("the boundary stands in a part")
    parts = (
        (SDP, "session;handling=required", sdp),
        (metadata_type, "recording-session", metadata),
    )
    body = b"".join(
        delimiter
        + f"\r\nContent-Type: {content_type}\r\nContent-Disposition: {disposition}\r\n\r\n".encode("ascii")
        + content
        + b"\r\n"
        for content_type, disposition, content in parts
    )
    return f"multipart/mixed;boundary={boundary}", body + delimiter + b"--\r\n"


def split(content_type: str, body: bytes) -> tuple[Part, ...]:
    """The parts of a body; of a body that is not multipart, itself. Tolerates bare line feeds, part headers
    without a blank behind the colon, a missing last delimiter. `InvalidInput` where there is nothing to find."""
    kind = content_type.partition(";")[0].strip().lower()
    if not kind.startswith("multipart/"):
        return (Part(content_type=kind, content=body),) if body else ()
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise InvalidInput("Content-Type", content_type[:80], "multipart needs a boundary")
    delimiter = b"--" + (found[1] or found[2]).encode("utf-8", "surrogateescape")
    pieces = re.split(rb"(?:^|\r\n|\n|\r)" + re.escape(delimiter), body)
    parts: list[Part] = []
    for piece in pieces[1:]:
        if piece.startswith(b"--"):
            break
        if len(parts) == MAX_PARTS:
            raise InvalidInput("body", f"more than {MAX_PARTS} parts", f"at most {MAX_PARTS} parts are read")
        parts.append(_part(piece))
    if not parts:
        raise InvalidInput("body", f"{len(body)} bytes", "has no part behind its boundary")
    return tuple(parts)


def find(parts: tuple[Part, ...], *content_types: str) -> Part | None:
    """The first part of one of these types, wherever it stands."""
    return next((part for part in parts if part.content_type in content_types), None)


def _part(piece: bytes) -> Part:
    piece = piece.lstrip(b" \t")  # RFC 2046: blanks may follow the boundary
    blank = _BLANK_LINE.search(piece)
    if piece.startswith((b"\r\n\r\n", b"\n\n")) or blank is None:
        head, content = b"", piece.lstrip(b"\r\n") if blank is None else piece[blank.end() :]
    else:
        head, content = piece[: blank.start()], piece[blank.end() :]
    content_type, disposition = "text/plain", ""
    for line in re.split(rb"\r\n|\n|\r", head):
        name, _, value = line.decode("utf-8", "replace").partition(":")
        match name.strip().lower():
            case "content-type" | "c":
                content_type = value.partition(";")[0].strip().lower()
            case "content-disposition":
                disposition = value.partition(";")[0].strip().lower()
            case _:
                pass
    return Part(content_type=content_type, content=content, disposition=disposition)
