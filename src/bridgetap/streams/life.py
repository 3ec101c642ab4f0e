"""The life of one fork as a table: created → open (↔ reconnecting) → stopping → ended, and what is known at the end."""

from dataclasses import dataclass
from enum import Enum
from typing import Literal, TypeAlias

from bridgetap.errors import BridgetapError

from .messages import message_of

# `drained` and `crashed` come from the server's end, not from the fork's.
EndReason: TypeAlias = Literal["stopped", "call-ended", "drained", "remote-closed", "failed", "crashed"]

NORMAL_CLOSURE = 1000  # RFC 6455 §7.4.1


class State(Enum):
    CREATED = "created"  # validated, named, budgeted, its row committed; the far end may be connecting
    OPEN = "open"  # the far end answered 101
    RECONNECTING = "reconnecting"  # the connection broke; another one is made
    STOPPING = "stopping"  # takes no further audio; what is queued drains
    ENDED = "ended"


class Step(Enum):
    OPENED = "opened"
    LOST = "lost"
    RESUMED = "resumed"
    STOPPED = "stopped"
    ENDED = "ended"


NEXT: dict[tuple[State, Step], State] = {
    (State.CREATED, Step.OPENED): State.OPEN,
    (State.CREATED, Step.LOST): State.CREATED,  # one of several servers could not be reached
    (State.CREATED, Step.STOPPED): State.STOPPING,
    (State.CREATED, Step.ENDED): State.ENDED,
    (State.OPEN, Step.LOST): State.RECONNECTING,
    (State.OPEN, Step.RESUMED): State.OPEN,  # that it was lost was not even read
    (State.OPEN, Step.STOPPED): State.STOPPING,
    (State.OPEN, Step.ENDED): State.ENDED,
    (State.RECONNECTING, Step.LOST): State.RECONNECTING,
    (State.RECONNECTING, Step.RESUMED): State.OPEN,
    (State.RECONNECTING, Step.STOPPED): State.STOPPING,
    (State.RECONNECTING, Step.ENDED): State.ENDED,
    (State.STOPPING, Step.LOST): State.STOPPING,  # it is drained over the next connection
    (State.STOPPING, Step.RESUMED): State.STOPPING,
    (State.STOPPING, Step.OPENED): State.STOPPING,  # the 101 was on its way
    (State.STOPPING, Step.STOPPED): State.STOPPING,  # the call ended while it drained
    (State.STOPPING, Step.ENDED): State.ENDED,
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
class End:
    """The one end of a stream, with its totals."""

    reason: EndReason
    code: int = 0
    detail: str = ""
    close_code: int = 0
    frames_sent: int = 0
    ms_sent: int = 0
    ms_dropped: int = 0
    ms_repaired: int = 0
    lag_max_ms: int = 0
    reconnects: int = 0
    ms_replayed: int = 0
    ms_missing: int = 0
    latency_p50_us: int = 0
    latency_p99_us: int = 0
    ms_played: int = 0  # of what the far end of a bidirectional one said

    @property
    def is_error(self) -> bool:
        """Whether it ends as `stream-error`, where it is a WebSocket."""
        return is_error(self.reason, self.close_code)

    @property
    def error(self) -> str:
        """What went wrong, as a callback's StreamError; "": nothing did."""
        return message_of(self.reason, self.code, self.detail) if self.is_error else ""


def is_error(reason: str, close_code: int, transport: str = "websocket") -> bool:
    """Everything is one but the clean ends: stopped, over with the call or the server, closed with 1000, a
    recorder's goodbye."""
    clean_close = reason == "remote-closed" and (close_code == NORMAL_CLOSURE or transport == "siprec")
    return reason in ("failed", "crashed", "remote-closed") and not clean_close
