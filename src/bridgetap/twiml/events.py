"""What a TwiML execution can be told beyond what a flow can (`flow.events`), and how one begins."""

from dataclasses import dataclass, field
from typing import TypeAlias

from bridgetap.flow.effects import EffectId
from bridgetap.flow.events import Answer, Event
from bridgetap.ids import StreamSid

from .effects import Method

# --- where documents come from ---------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentAt:
    """A document to be fetched: a number's voice URL, or `Url` of a call made over REST."""

    url: str = field(repr=False)  # may hold a password
    method: Method = "POST"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentText:
    """The document itself: `Twiml` of a call made over REST. It has no URL, so that nothing in it
    can be relative to one."""

    text: str


DocumentSource: TypeAlias = DocumentAt | DocumentText


# --- answers ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class GatherEnded:
    """A `Gather` is over. Neither `digits` nor `speech`: there was no input."""

    effect: EffectId
    digits: str = field(default="", repr=False)
    finished_on_key: str = field(default="", repr=False)  # "": by count or by time
    speech: str = field(default="", repr=False)
    confidence: float = 0.0  # 0 to 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectEnded:
    """A `ConnectStream` is over and the caller is still there. What went wrong the stream has told
    itself: `error` is here for the `action` of the verb."""

    effect: EffectId
    sid: StreamSid
    name: str
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFetched:
    """A `FetchDocument` is over. `status` 0: no answer (`error` says why, `code` is one of 11xxx)."""

    effect: EffectId
    url: str = field(default="", repr=False)  # where the answer came from in the end; "": as asked
    status: int
    content_type: str = ""
    body: bytes = field(default=b"", repr=False)
    error: str = ""
    code: int = 0


# --- from outside ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CallUpdated:
    """The call was given another document over REST (`Url`, `Twiml`): whatever runs is abandoned.
    Streams go on."""

    source: DocumentSource
    fallback: DocumentAt | None = None  # None: as before


TwimlAnswer: TypeAlias = Answer | GatherEnded | ConnectEnded | DocumentFetched
TwimlEvent: TypeAlias = Event | TwimlAnswer | CallUpdated
