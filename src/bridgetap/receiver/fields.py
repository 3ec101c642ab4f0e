"""Strict reading of a JSON object: each value by its key, with its place in every complaint."""

import re
from collections.abc import Mapping
from typing import TypeVar

from bridgetap.errors import InvalidInput
from bridgetap.ids import is_sid

_COUNTER = re.compile(r"0|[1-9][0-9]{0,17}")
_MISSING = object()
_T = TypeVar("_T")


class Fields:
    """A JSON object at `place` ("" is the frame itself) and which of its keys were read."""

    def __init__(self, place: str, value: object) -> None:
        if not isinstance(value, dict):
            raise InvalidInput(place or "frame", _short(value), "must be an object")
        self._place = place
        self._value: dict[str, object] = value
        self._read: set[str] = set()
        self._inner: list[Fields] = []

    def has(self, key: str) -> bool:
        return key in self._value

    def text(self, key: str) -> str:
        return self._typed(key, str, "a string")

    def number(self, key: str, *, least: int, most: int) -> int:
        value = self._get(key)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._wrong(key, value, "must be a whole number, not in quotes")
        if not least <= value <= most:
            raise self._wrong(key, value, f"must be {least} to {most}")
        return value

    def flag(self, key: str) -> bool:
        return self._typed(key, bool, "true or false")

    def all_texts(self, key: str) -> tuple[str, ...]:
        """A list of strings, perhaps empty."""
        values = self._typed(key, list, "a list")
        for index, value in enumerate(values):
            if not isinstance(value, str):
                raise self._wrong(f"{key}[{index}]", value, "must be a string")
        return tuple(str(value) for value in values)

    def counter(self, key: str, *, least: int = 1) -> int:
        """A number that travels as a string."""
        value = self.text(key)
        if not _COUNTER.fullmatch(value) or int(value) < least:
            raise self._wrong(key, value, f"must be a decimal number of at least {least}, in quotes")
        return int(value)

    def sid(self, key: str, prefix: str) -> str:
        value = self.text(key)
        if not is_sid(value, prefix):
            raise self._wrong(key, value, f"must be {prefix} and 32 hexadecimal digits")
        return value

    def choice(self, key: str, known: Mapping[str, object]) -> str:
        value = self.text(key)
        if value not in known:
            raise self._wrong(key, value, f"must be one of {', '.join(known)}")
        return value

    def choices(self, key: str, known: Mapping[str, object]) -> list[str]:
        """A list of one or more of `known`, none twice."""
        values = self._typed(key, list, "a list")
        for index, value in enumerate(values):
            if not isinstance(value, str) or value not in known:
                raise self._wrong(f"{key}[{index}]", value, f"must be one of {', '.join(known)}")
            if value in values[:index]:
                raise self._wrong(f"{key}[{index}]", value, "must not be there twice")
        if not values:
            raise self._wrong(key, values, "must not be empty")
        return [str(value) for value in values]

    def texts(self, key: str) -> Mapping[str, str]:
        """An object whose values are strings."""
        values = self._typed(key, dict, "an object")
        for name, value in values.items():
            if not isinstance(value, str):
                raise self._wrong(f"{key}.{name}", value, "must be a string")
        return {str(name): str(value) for name, value in values.items()}

    def inside(self, key: str) -> "Fields":
        inner = Fields(self._at(key), self._get(key))
        self._inner.append(inner)
        return inner

    def all_inside(self, key: str) -> "list[Fields]":
        """A list of objects."""
        values = self._typed(key, list, "a list")
        found = [Fields(self._at(f"{key}[{index}]"), value) for index, value in enumerate(values)]
        self._inner += found
        return found

    def rest(self) -> Mapping[str, object]:
        """What nobody has read."""
        return {key: value for key, value in self._value.items() if key not in self._read}

    def nothing_else(self) -> None:
        """Complain of the first key that nobody read, here or further in."""
        for key, value in self._value.items():
            if key not in self._read:
                raise self._wrong(key, value, "is not a key of this message")
        for inner in self._inner:
            inner.nothing_else()

    def _typed(self, key: str, kind: type[_T], words: str) -> _T:
        value = self._get(key)
        if not isinstance(value, kind):
            raise self._wrong(key, value, f"must be {words}")
        return value

    def _get(self, key: str) -> object:
        self._read.add(key)
        value = self._value.get(key, _MISSING)
        if value is _MISSING:
            raise InvalidInput(self._at(key), None, "is missing")
        return value

    def _wrong(self, key: str, value: object, rule: str) -> InvalidInput:
        return InvalidInput(self._at(key), _short(value), rule)

    def _at(self, key: str) -> str:
        return f"{self._place}.{key}" if self._place else key


def _short(value: object) -> object:
    """What a complaint shows: a peer's value is not repeated at length."""
    if isinstance(value, str):
        return value if len(value) <= 80 else value[:77] + "…"
    return value if value is None or isinstance(value, bool | int | float) else type(value).__name__
