"""How a recorder behaves: well, or in one of the ways that real ones do not."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bridgetap.errors import InvalidInput

GIVES_UP = 'SIP;cause=503;text="disk full"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """The defaults are good manners."""

    status: int = 200  # anything else: every INVITE is refused with it
    silent: bool = False  # no final answer, ever
    redirect: str = ""  # 302 there
    strict: bool = False  # a first message with any fault is refused with 400
    inactive_first: bool = False  # takes nothing until it re-INVITEs a moment later
    snapshot_after_s: float | None = None  # asks for everything then
    leave_after_s: float | None = None  # says BYE then
    fail_after_s: float | None = None  # says BYE with a Reason that tells of an error
    multipart: bool = False  # its SDP comes as a part of a multipart body
    lines: int | None = None  # answers only so many m-lines
    labels: bool = True  # echoes the labels in its answer (RFC 7866 figure 6); many do not


MISBEHAVIOURS: dict[str, str] = {
    "silent": "never a final answer",
    "503": "every INVITE is refused so; any other status from 400 to 699 too",
    "inactive-first": "takes no audio until its re-INVITE a moment later",
    "asks-snapshot": "asks for the whole metadata again",
    "drops-mid-call": "BYE with a Reason that tells of an error",
    "leaves-mid-call": "BYE without one",
    "multipart-200": "its SDP is a part of a multipart body",
    "fewer-lines": "answers the first m-line alone",
    "no-labels": "an answer without a=label",
}
"""What `read_conduct` knows, and what each does."""


def read_conduct(words: Sequence[str], *, after_s: float, place: str, strict: bool = False) -> Conduct:
    """The conduct of these misbehaviours together; `after_s` is when those happen that wait. `InvalidInput`
    names the nearest known word."""
    changes: dict[str, Any] = {"strict": strict}
    for word in words:
        match word:
            case "silent":
                changes["silent"] = True
            case "inactive-first":
                changes["inactive_first"] = True
            case "asks-snapshot":
                changes["snapshot_after_s"] = after_s
            case "drops-mid-call":
                changes["fail_after_s"] = after_s
            case "leaves-mid-call":
                changes["leave_after_s"] = after_s
            case "multipart-200":
                changes["multipart"] = True
            case "fewer-lines":
                changes["lines"] = 1
            case "no-labels":
                changes["labels"] = False
            case _ if re.fullmatch("[456][0-9]{2}", word):
                changes["status"] = int(word)
            case _:
                near = difflib.get_close_matches(word, MISBEHAVIOURS, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise InvalidInput(place, word, f"must be one of {', '.join(MISBEHAVIOURS)}{hint}")
    return Conduct(**changes)
