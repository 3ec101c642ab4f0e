"""Regular expressions whose time grows only with the text: a caller's input cannot stall the server.

They run on Rust's `regex`, which pydantic brings. It has no look-around, which flows use at the start
of a pattern to say "contains all of these" (`^(?=.*a)(?!.*b).*`); that form is taken apart here, each
look-ahead being one more expression. Other look-around and back-references are refused.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from pydantic_core import SchemaError, SchemaValidator, ValidationError, core_schema


@dataclass(frozen=True, slots=True)
class LinearRegex:
    """A pattern that must match the whole text."""

    whole: SchemaValidator
    required: tuple[SchemaValidator, ...]  # look-aheads: the text begins with each of these
    forbidden: tuple[SchemaValidator, ...]  # and with none of these

    @classmethod
    def parse(cls, pattern: str, *, case_sensitive: bool) -> Self:
        """Raise `ValueError` saying why it cannot be used."""
        flags = "" if case_sensitive else "(?i)"
        rest = pattern.removeprefix("^")
        ahead: dict[str, list[SchemaValidator]] = {"(?=": [], "(?!": []}
        while (kind := rest[:3]) in ahead:
            end = _closing(rest)
            ahead[kind].append(_compile(rf"\A{flags}(?:{rest[3:end]})"))
            rest = rest[end + 1 :]
        whole = _compile(rf"\A{flags}(?:{rest})\z")
        return cls(whole, tuple(ahead["(?="]), tuple(ahead["(?!"]))

    def matches(self, text: str) -> bool:
        return (
            _found(self.whole, text)
            and all(_found(expression, text) for expression in self.required)
            and not any(_found(expression, text) for expression in self.forbidden)
        )


@lru_cache(maxsize=512)
def linear_regex(pattern: str, *, case_sensitive: bool) -> LinearRegex:
    """The same, remembered. Raise `ValueError` saying why it cannot be used."""
    if len(pattern) > MAX_PATTERN:
        raise ValueError(f"not a usable regular expression: longer than {MAX_PATTERN} characters")
    return LinearRegex.parse(pattern, case_sensitive=case_sensitive)


MAX_PATTERN = 4096

_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[()]", re.DOTALL)  # escapes and classes hide parentheses


def _closing(text: str) -> int:
    """Where the group that `text` begins with ends."""
    depth = 0
    for token in _TOKEN.finditer(text):
        depth += {"(": 1, ")": -1}.get(token.group(), 0)
        if depth == 0 and token.group() == ")":
            return token.start()
    raise ValueError("not a usable regular expression: unclosed group")


def _compile(pattern: str) -> SchemaValidator:
    try:
        return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))
    except SchemaError as error:
        # A parse error is a picture of the pattern with its reason in the last line; others are one line.
        reason = str(error).splitlines()[-1].strip().removeprefix("error: ")
        raise ValueError(f"not a usable regular expression: {reason}") from None


def _found(expression: SchemaValidator, text: str) -> bool:
    try:
        expression.validate_python(text)
    except ValidationError:
        return False
    return True
