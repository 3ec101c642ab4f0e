"""What happens to a simulated call: keys, answers and the hang-up, parsed from the command line."""

import re
from dataclasses import dataclass, field
from typing import Self

from bridgetap.errors import InvalidInput
from bridgetap.flow.events import DialStatus

STATUSES: tuple[DialStatus, ...] = ("completed", "busy", "no-answer", "failed", "canceled")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPress:
    """Keys pressed at a moment of the call: `1@2.5`."""

    digits: str
    at_s: float

    @classmethod
    def parse(cls, text: str) -> Self:
        match = _KEYS.fullmatch(text.strip())
        if match is None:
            raise InvalidInput("--digits", text, "must be KEYS@SECONDS, as in 1@2.5")
        return cls(digits=match[1], at_s=float(match[2]))

    @classmethod
    def parse_list(cls, text: str) -> tuple[Self, ...]:
        """`"1@2.5, 42#@7"`, in order of time."""
        presses = [cls.parse(part) for part in text.split(",") if part.strip()]
        return tuple(sorted(presses, key=lambda press: press.at_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class DialAnswer:
    """How the next call out ends: `busy`, or `completed:12` after 12 seconds of talk."""

    status: DialStatus = "completed"
    talk_s: float = 10.0

    @classmethod
    def parse(cls, text: str) -> Self:
        name, _, talk = text.strip().partition(":")
        status = next((known for known in STATUSES if known == name), None)
        if status is None:
            raise InvalidInput("--dial", text, f"must be one of {', '.join(STATUSES)}, and :SECONDS after completed")
        if not talk:
            return cls(status=status)
        if status != "completed" or not _SECONDS.fullmatch(talk):
            raise InvalidInput("--dial", text, "only completed takes :SECONDS, as in completed:12.5")
        return cls(status=status, talk_s=float(talk))


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """The whole of it. The last dial answer serves every further call out."""

    from_: str = "+15551230001"
    to: str = "+15551230000"
    digits: tuple[KeyPress, ...] = ()
    dials: tuple[DialAnswer, ...] = field(default=(DialAnswer(),))
    hangup_at_s: float | None = None


_SECONDS = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,3})?")
_KEYS = re.compile(rf"([0-9A-Da-d*#]+)@({_SECONDS.pattern})")
