"""Session descriptions: read them, offer and answer by policy (RFC 8866, RFC 3264). Pure."""

from .awareness import RecordState, RecordWish, record_wish
from .codecs import Codec
from .description import Attribute, Connection, Media, Origin, SessionDescription
from .negotiation import Answer, Negotiation
from .parse import parse
from .policy import AgreedMedia, Direction, Policy
from .recording import RecordingAnswer, RecordingLine, RecordingNegotiation, Sink
from .remote import ip_version

__all__ = [
    "AgreedMedia",
    "Answer",
    "Attribute",
    "Codec",
    "Connection",
    "Direction",
    "Media",
    "Negotiation",
    "Origin",
    "Policy",
    "RecordState",
    "RecordWish",
    "RecordingAnswer",
    "RecordingLine",
    "RecordingNegotiation",
    "SessionDescription",
    "Sink",
    "ip_version",
    "parse",
    "record_wish",
]
