"""What a phone does on a call, as data: steps one after the other."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """Say 180 to an incoming call and let it ring that long."""

    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Take an incoming call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """Refuse an incoming call."""

    status: int = 486
    reason: str = "Busy Here"


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """Say what is in a file, or from `from_s` until `until_s` of it, `loop` times (0 is until the
    end of the call). With `wait` the next step comes when it has been said, without it at once."""

    path: Path
    from_s: float = 0.0
    until_s: float | None = None
    loop: int = 1
    wait: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SendDigits:
    """Press keys; `w` waits half a second. The next step comes when they have been sent."""

    digits: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Do nothing for that long; what plays goes on."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UntilHungUp:
    """Stay until the other side hangs up, or hang up after `at_most_s`."""

    at_most_s: float = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HangUp:
    """End the call. The end of a script does so too."""


Step: TypeAlias = Ring | Answer | Reject | Play | SendDigits | Wait | UntilHungUp | HangUp
Script: TypeAlias = tuple[Step, ...]
