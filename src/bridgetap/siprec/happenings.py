"""All that can happen to a recording session."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from .snapshot import RecordedCall


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The recorder answered 2xx, and takes a track at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A final answer that is none of ours to use: 3xx to 6xx, or a 2xx that takes no track. `status` 0:
    nothing could be sent there. `code`: Twilio's, where the status does not tell."""

    status: int
    reason: str = ""
    code: int = 0
    targets: tuple[str, ...] = ()  # of a 3xx, those that may be followed


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The dialog is gone and nobody said goodbye: a refresh failed, the connection broke."""

    reason: str
    code: int = 0  # as in `Refused`


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidGoodbye:
    """BYE from the recorder."""

    failed: bool = False  # with a Reason that tells of an error: as good as lost
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The call is another now."""

    call: RecordedCall


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseWanted:
    """Send nothing until `ResumeWanted`: what is said meanwhile is nobody's business."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeWanted:
    """Send again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotWanted:
    """The recorder lost its place and asks for everything (RFC 7866 §9.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferWanted:
    """A re-INVITE of the recorder's without an offer: ours goes into the 200, with everything."""

    request: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TellAnswered:
    """The final answer to a `Tell`."""

    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TellOvertaken:
    """A `Tell` was dropped before it went out: the recorder's own re-INVITE came first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopWanted:
    """No further audio."""

    reason: Literal["stopped", "call-ended"] = "stopped"


Happening: TypeAlias = (
    Taken
    | Refused
    | Lost
    | SaidGoodbye
    | Changed
    | PauseWanted
    | ResumeWanted
    | SnapshotWanted
    | OfferWanted
    | TellAnswered
    | TellOvertaken
    | StopWanted
)
