"""Runs TwiML documents: the same effects out and events in as the flow engine, and a few more
(`twiml.effects`, `twiml.events`). Knows nothing of SIP, media or HTTP; reads no clock.

`Document` reads one, `TwimlExecution` runs those of a call.
"""

from .document import Document
from .effects import TwimlEffect
from .events import DocumentAt, DocumentSource, DocumentText, TwimlEvent
from .interpreter import TwimlExecution

__all__ = [
    "Document",
    "DocumentAt",
    "DocumentSource",
    "DocumentText",
    "TwimlEffect",
    "TwimlEvent",
    "TwimlExecution",
]
