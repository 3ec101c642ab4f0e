"""What is wrong with a configuration: all of it at once, each with file, key, value and rule."""

from collections.abc import Sequence
from dataclasses import dataclass

from bridgetap.errors import ConfigurationError

HIDDEN = "***"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingProblem:
    """One setting that cannot be used. `value` is text fit to print: never a secret."""

    source: str  # the file, or "environment"
    key: str  # "trunks[1].uri"
    value: str | None  # None: the key is missing
    rule: str

    def __str__(self) -> str:
        value = "" if self.value is None else f" = {self.value}"
        return f"{self.source}: {self.key}{value}: {self.rule}" if self.key else f"{self.source}: {self.rule}"


class InvalidSettings(ConfigurationError):
    """A configuration with at least one problem; the text lists them, a line each."""

    def __init__(self, problems: Sequence[SettingProblem]) -> None:
        first = problems[0]
        super().__init__(first.key or first.source, first.rule)
        self.args = ("\n".join(str(problem) for problem in problems),)
        self.problems = tuple(problems)
