"""What a document says that cannot be followed to the letter: told with its place, and the document goes on."""

from collections.abc import Sequence
from dataclasses import dataclass

from bridgetap.errors import Problem

SCHEMA = 12200  # what Twilio says of anything that its schema does not hold; a warning
OURS = 0  # good TwiML, of which Bridgetap has less than all
MOST_WARNINGS = 30  # of one document: it may come a thousand times, and each is a line in the log


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
        if len(self._problems) >= MOST_WARNINGS:
            self._left_out += 1
            return
        self._problems.append(TwimlProblem(place=place, value=value, rule=rule, code=code))

    def all(self) -> Sequence[TwimlProblem]:
        if not self._left_out:
            return tuple(self._problems)
        rule = f"and {self._left_out} more problems, which are not told one by one"
        return (*self._problems, TwimlProblem(place="Response", value=self._left_out, rule=rule))
