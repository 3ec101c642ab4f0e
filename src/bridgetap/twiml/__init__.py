"""Runs TwiML documents: the same effects out and events in as the flow engine, and a few more
(`effects`, `events`). Knows nothing of SIP, media or HTTP; reads no clock."""

from .effects import TwimlEffect
from .events import DocumentAt, DocumentSource, DocumentText, TwimlEvent

__all__ = ["DocumentAt", "DocumentSource", "DocumentText", "TwimlEffect", "TwimlEvent"]
