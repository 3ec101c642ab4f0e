"""What a document says that cannot be followed to the letter: told with its place, and the document goes on."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from bridgetap.errors import Problem
from bridgetap.flow.effects import Log

SCHEMA = 12200  # what Twilio says of anything that its schema does not hold; a warning
OURS = 0  # good TwiML, of which Bridgetap has less than all
MOST_WARNINGS = 30  # of one document: it may come a thousand times, and each is a line in the log
MOST_SHOWN = 100  # characters of a value or a place: both may be as long as a document
MOST_TOLD = 500  # characters of a line in the log


@dataclass(frozen=True, slots=True, kw_only=True)
class TwimlProblem(Problem):
    """One of them: `Response/Dial[2]/@timeout`, the value, the rule."""

    code: int = SCHEMA
    warning: bool = True


class Findings:
    """The problems of one document, in its order; beyond `MOST_WARNINGS` they are only counted."""

    def __init__(self) -> None:
        self._problems: list[TwimlProblem] = []
        self._left_out = 0

    def warn(self, place: str, value: object, rule: str, *, code: int = SCHEMA) -> None:
        if self._is_full():
            return
        shown = value[:MOST_SHOWN] if isinstance(value, str) else value
        self._problems.append(TwimlProblem(place=place[:MOST_SHOWN], value=shown, rule=rule, code=code))

    def unknown(self, place: str, value: str, rule: str, *, name: str, known: Sequence[str]) -> None:
        """A name that means nothing there, with the nearest that does."""
        if not self._is_full():  # looking for the nearest takes its time
            self.warn(place, value, rule + nearest(name, known))

    def _is_full(self) -> bool:
        """Whether there is room for no more; then it is counted."""
        full = len(self._problems) >= MOST_WARNINGS
        self._left_out += full
        return full

    def all(self) -> Sequence[TwimlProblem]:
        if not self._left_out:
            return tuple(self._problems)
        rule = f"and {self._left_out} more problems, which are not told one by one"
        return (*self._problems, TwimlProblem(place="Response", value=self._left_out, rule=rule))


def nearest(name: str, known: Sequence[str]) -> str:
    """`; did you mean …?`, or nothing. Case is what people get wrong most."""
    folded = {candidate.lower(): candidate for candidate in known}
    near = get_close_matches(name[:MOST_SHOWN].lower(), folded, n=1)
    return f"; did you mean {folded[near[0]]!r}?" if near else ""


def line(level: Literal["warning", "error"], code: int, place: str, message: str) -> Log:
    """For the log, where a document must not write as much as it likes."""
    return Log(level=level, code=code, widget=place[:MOST_SHOWN], message=message[:MOST_TOLD])
