"""The 17 comparisons of Split Based On (spec/studio §3): the tested text, the value, case or not.

Texts are trimmed, and compared without regard to case unless the operator of the server says
otherwise. What cannot be read as a number, a date or a time never matches. An empty value is found
in nothing: a template that failed must not open every door.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, time
from types import MappingProxyType
from typing import TypeAlias, TypeVar

from .linear_regex import linear_regex

Comparison: TypeAlias = Callable[[str, str, bool], bool]
T = TypeVar("T", float, date, time)


def regex_problem(pattern: str) -> str:
    """Why a pattern cannot be used; "" when it can."""
    try:
        linear_regex(pattern, case_sensitive=True)
    except ValueError as error:
        return str(error)
    return ""


def _equal(tested: str, value: str, case_sensitive: bool) -> bool:
    return _fold(tested, case_sensitive) == _fold(value, case_sensitive)


def _any_of(tested: str, value: str, case_sensitive: bool) -> bool:
    """A comma-separated list; `*` is the star key, not a wildcard."""
    entries = [_fold(entry, case_sensitive) for entry in value.split(",")]
    return _fold(tested, case_sensitive) in [entry for entry in entries if entry]


def _contains(tested: str, value: str, case_sensitive: bool) -> bool:
    sought = _fold(value, case_sensitive)
    return bool(sought) and sought in _fold(tested, case_sensitive)


def _starts_with(tested: str, value: str, case_sensitive: bool) -> bool:
    sought = _fold(value, case_sensitive)
    return bool(sought) and _fold(tested, case_sensitive).startswith(sought)


def _blank(tested: str, value: str, case_sensitive: bool) -> bool:
    return not tested.strip()


def _regex(tested: str, value: str, case_sensitive: bool) -> bool:
    """The whole text must match (spec/studio §3)."""
    try:
        return linear_regex(value, case_sensitive=case_sensitive).matches(tested.strip())
    except ValueError:
        return False


def _not(comparison: Comparison) -> Comparison:
    return lambda tested, value, case_sensitive: not comparison(tested, value, case_sensitive)


def _ordered(read: Callable[[str], T | None], *, below: bool) -> Comparison:
    def compare(tested: str, value: str, case_sensitive: bool) -> bool:
        left, right = read(tested.strip()), read(value.strip())
        if left is None or right is None:
            return False
        return left < right if below else left > right

    return compare


def _number(text: str) -> float | None:
    return float(text) if len(text) < 64 and _NUMBER.fullmatch(text) else None


def _date(text: str) -> date | None:
    """`YYYY-MM-DD`, with or without a time behind it."""
    try:
        return date.fromisoformat(text[:10]) if _DATE.fullmatch(text) else None
    except ValueError:
        return None


def _time(text: str) -> time | None:
    """`HH:MM` of 24 hours, seconds allowed."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    hour, minute, second = (int(part or 0) for part in match.groups())
    return time(hour, minute, second) if hour < 24 and minute < 60 and second < 60 else None


OPERATORS: Mapping[str, Comparison] = MappingProxyType(
    {
        "equal_to": _equal,
        "not_equal_to": _not(_equal),
        "matches_any_of": _any_of,
        "does_not_match_any_of": _not(_any_of),
        "is_blank": _blank,
        "is_not_blank": _not(_blank),
        "regex": _regex,
        "contains": _contains,
        "does_not_contain": _not(_contains),
        "starts_with": _starts_with,
        "does_not_start_with": _not(_starts_with),
        "less_than": _ordered(_number, below=True),
        "greater_than": _ordered(_number, below=False),
        "is_before_time": _ordered(_time, below=True),
        "is_after_time": _ordered(_time, below=False),
        "is_before_date": _ordered(_date, below=True),
        "is_after_date": _ordered(_date, below=False),
    }
)

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ].*)?")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?")


def _fold(text: str, case_sensitive: bool) -> str:
    text = text.strip()
    return text if case_sensitive else text.casefold()
