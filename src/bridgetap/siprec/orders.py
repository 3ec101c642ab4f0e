"""What a recording session wants done, and the facts that it tells."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from .metadata import Recording

OverReason: TypeAlias = Literal["stopped", "call-ended", "remote-closed", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """INVITE this recorder, in a dialog of its own, with every line and `document`."""

    target: str
    document: Recording
    paused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """re-INVITE with every line and `document`. Answered by `TellAnswered` or `TellOvertaken`; one at a time."""

    document: Recording
    paused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Answer that request with an offer of every line and `document`."""

    request: int
    document: Recording
    paused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Send no packet of any track from now on; `Flow` ends it. Comes before the `Tell` that says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Send what the recorder takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HangUp:
    """End the dialog, whatever its state; no packet goes out any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """It records. Told once, however many recorders it takes after that."""

    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """A recorder is given up, and why; the next one, if there is one, is asked. `status` is its answer, where it
    gave one, 408 where it gave none in time."""

    target: str
    reason: str
    status: int = 0
    code: int = 0  # Twilio's, where there is one for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Over:
    """The one end. `status` is the last recorder's answer, where it failed with one; `code` Twilio's, where the
    status does not tell."""

    reason: OverReason
    detail: str = ""
    status: int = 0
    code: int = 0


Order: TypeAlias = Ask | Tell | Offer | Hold | Flow | HangUp | Started | PassedOver | Over
