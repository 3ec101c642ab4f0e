"""What the content type of an answer makes of it (spec/twilio §3.6, §3.7)."""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from bridgetap.errors import InvalidTwiml

CONTENT_TYPE_INVALID = 12300

Kind: TypeAlias = Literal["twiml", "text", "audio"]

_KINDS: dict[str, Kind] = {
    "text/xml": "twiml",
    "application/xml": "twiml",
    "text/html": "twiml",
    "text/plain": "text",  # is spoken
    "audio/mpeg": "audio",  # is played
    "audio/wav": "audio",
    "audio/wave": "audio",
    "audio/x-wav": "audio",
    "audio/aiff": "audio",
    "audio/x-aifc": "audio",
    "audio/x-aiff": "audio",
    "audio/x-gsm": "audio",
    "audio/gsm": "audio",
    "audio/ulaw": "audio",
}
_CHARSET = re.compile(r""";\s*charset\s*=\s*["']?([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentType:
    kind: Kind
    charset: str = ""

    @classmethod
    def parse(cls, text: str) -> "ContentType":
        """Raises `InvalidTwiml` with 12300 for a type that is no document."""
        kind = _KINDS.get(text.partition(";")[0].strip().lower())
        if kind is None:
            rule = "must be text/xml, application/xml or text/html (text/plain is spoken, audio is played)"
            raise InvalidTwiml("Content-Type", text[:100], rule, code=CONTENT_TYPE_INVALID)
        charset = _CHARSET.search(text)
        return cls(kind=kind, charset=charset[1] if charset else "")
