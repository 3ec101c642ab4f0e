"""The states of a leg as a table, and what a leg tells the call that owns it."""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from bridgetap.engine import Cause, DialogEvent, LegEvent, PlayId
from bridgetap.errors import BridgetapError
from bridgetap.sdp import Direction, RecordState

from .referral import Referral

LegNews: TypeAlias = DialogEvent | LegEvent


class State(Enum):
    CALLING = "calling"  # an INVITE came or went; no audio yet
    EARLY = "early"  # audio before the answer (183 with SDP)
    UP = "up"
    ENDED = "ended"


class Step(Enum):
    RING = "ring"  # a provisional response without audio
    EARLY_MEDIA = "early media"
    ANSWER = "answer"
    END = "end"


NEXT: dict[tuple[State, Step], State] = {
    (State.CALLING, Step.RING): State.CALLING,
    (State.CALLING, Step.EARLY_MEDIA): State.EARLY,
    (State.CALLING, Step.ANSWER): State.UP,
    (State.CALLING, Step.END): State.ENDED,
    (State.EARLY, Step.RING): State.EARLY,  # 180 after 183: its audio goes on
    (State.EARLY, Step.EARLY_MEDIA): State.EARLY,
    (State.EARLY, Step.ANSWER): State.UP,
    (State.EARLY, Step.END): State.ENDED,
    (State.UP, Step.END): State.ENDED,
}


class IllegalStep(BridgetapError):
    """A step that the table does not have: a bug of ours or of the core."""

    def __init__(self, state: State, step: Step) -> None:
        super().__init__(f"{step.value} while {state.value}")
        self.state, self.step = state, step


def advance(state: State, step: Step) -> State:
    try:
        return NEXT[state, step]
    except KeyError:
        raise IllegalStep(state, step) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ringing:
    """The far phone rings (a provisional response without audio)."""

    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyMedia:
    """Audio comes before the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The leg is up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The far end changed which way its audio flows: `direction` is as it does it."""

    direction: Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressed:
    """Keys of the far end. `relayed`: the core has passed them on to a bridged leg already."""

    digits: str
    relayed: bool

    def __repr__(self) -> str:  # a caller's digits stay out of logs
        return f"Pressed(relayed={self.relayed})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A prompt or digits of ours are over."""

    play: PlayId
    completed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent:
    """No audio has come for so long that nobody can be there."""

    silent_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Referred:
    """The far end asks that the other party talk to somebody else (REFER); it waits for an answer."""

    referral: Referral


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold:
    """The far end wants to be told of recordings, and refused the re-INVITE that says so."""

    state: RecordState
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The leg is over."""

    cause: Cause
    status: int
    reason: str


Notice: TypeAlias = Ringing | EarlyMedia | Answered | Held | Pressed | Played | Silent | Referred | Untold | Ended
