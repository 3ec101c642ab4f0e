"""Reads one state's `properties`, telling of every problem with its place, value and rule.

Types are strict the odd way round (spec/studio §6): a text where a number looks natural, a real
boolean elsewhere. Strict parsing refuses the wrong one; lenient parsing takes what is meant and warns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeVar

from bridgetap.errors import Problem

from .template import EMPTY, Template

E = TypeVar("E", bound=str)
HIDDEN = "***"


class Report:
    """The problems of one definition. What only strict parsing refuses is a warning otherwise."""

    def __init__(self, *, strict: bool) -> None:
        self.strict = strict
        self.problems: list[Problem] = []

    def error(self, place: str, value: object, rule: str) -> None:
        """Nobody can run this."""
        self.problems.append(Problem(place=place, value=value, rule=rule))

    def refuse(self, place: str, value: object, rule: str) -> None:
        """Studio would refuse this; it can be run all the same."""
        self.problems.append(Problem(place=place, value=value, rule=rule, warning=not self.strict))

    def warn(self, place: str, value: object, rule: str) -> None:
        """Legal, and probably not what was meant."""
        self.problems.append(Problem(place=place, value=value, rule=rule, warning=True))

    def unknown_keys(self, place: str, found: Mapping[str, object], known: Sequence[str]) -> None:
        """Name each key that means nothing here, and the nearest one that does."""
        for key in found:
            if key not in known:
                near = get_close_matches(key, known, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                self.refuse(f"{place}.{key}" if place else key, found[key], f"unknown key{hint}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One `{key, value}` of a list: the key is literal, the value a template."""

    key: str
    value: Template
    place: str
    kind: str = ""  # the `type` that entries of some lists carry


class Properties:
    """The reader a widget parses itself from. Every key it asks for is a known one."""

    def __init__(self, raw: Mapping[str, object], *, place: str, report: Report) -> None:
        self.raw, self.place, self.report = raw, place, report
        self._known = ["offset"]
        self._secret = False  # what nobody reads in it may be one, misspelled: told without its value

    def at(self, key: str) -> str:
        """The place of one property: `states[3].properties.stream_url`."""
        return f"{self.place}.{key}"

    def has(self, key: str) -> bool:
        """Whether it is there with something in it."""
        return self._take(key) not in (None, "", [])

    def text(self, key: str, *, required: bool = False, default: str = "", secret: bool = False) -> Template:
        """A template; a number or boolean is taken as its text, with a warning. A secret one is told
        of without its value."""
        value = self._take(key)
        if value is None or value == "":
            if required:
                self.report.refuse(self.at(key), value, "is required")
            return self._template(key, default) if default and value is None else EMPTY
        shown = HIDDEN if secret else value
        if isinstance(value, bool):
            self.report.refuse(self.at(key), shown, "must be a string")
            value = str(value).lower()
        elif isinstance(value, (int, float)):
            self.report.refuse(self.at(key), shown, "must be a string")
            value = str(value)
        if not isinstance(value, str):
            self.report.error(self.at(key), shown, "must be a string")
            return EMPTY
        return self._template(key, value, secret=secret)

    def choice(self, key: str, options: Sequence[E], *, default: E) -> E:
        """One word of a list, without Liquid."""
        value = self._take(key)
        if value is None or value == "":
            return default
        for option in options:
            if value == option:
                return option
        self.report.error(self.at(key), value, f"must be one of {', '.join(options)}")
        return default

    def integer(self, key: str, *, default: int, low: int, high: int) -> int:
        """A whole number within limits; a text of digits is taken for one, with a warning."""
        value = self._take(key)
        if value is None:
            return default
        if isinstance(value, str) and value.strip().isdecimal() and len(value) < 10:
            self.report.refuse(self.at(key), value, "must be an integer, not a string")
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            self.report.refuse(self.at(key), value, f"must be an integer; {default} is used")
            return default
        if not low <= value <= high:
            self.report.refuse(self.at(key), value, f"must be {low} to {high}")
        return min(max(value, low), high)

    def boolean(self, key: str, *, default: bool = False, meanings: Mapping[str, bool] | None = None) -> bool:
        """A real boolean; `"true"`, `"false"` and the given words are taken for one, with a warning."""
        value = self._take(key)
        if value is None:
            return default
        if isinstance(value, bool):
            return value
        words = {"true": True, "false": False, "": default, **(meanings or {})}
        meant = words.get(value.strip().lower()) if isinstance(value, str) else None
        self.report.refuse(self.at(key), value, "must be true or false" + ("" if meant is None else ", not a string"))
        return default if meant is None else meant

    def pairs(self, key: str, *, kinds: Sequence[str] = (), secret: bool = False) -> tuple[Pair, ...]:
        """A list of `{key, value}`; with `kinds`, entries may carry a `type` that is one of them. Secret
        values are told of without them."""
        value = self._take(key)
        if value is None or value == "":
            return ()
        if not isinstance(value, list):
            self.report.error(self.at(key), HIDDEN if secret else value, "must be a list of {key, value}")
            return ()
        pairs = (self._pair(f"{key}[{index}]", entry, kinds, secret=secret) for index, entry in enumerate(value))
        return tuple(pair for pair in pairs if pair is not None)

    def section(self, key: str, *, or_text: bool = False, secret: bool = False) -> "Properties | None":
        """The reader of an object in it; None where there is none. `or_text`: a text is no error. `secret`:
        what it holds may be one."""
        value = self._take(key)
        if value is None or (or_text and isinstance(value, str)):
            return None
        if not isinstance(value, Mapping):
            self.report.error(self.at(key), type(value).__name__, "must be an object")
            return None
        inner = Properties(value, place=self.at(key), report=self.report)
        inner._known, inner._secret = [], secret
        return inner

    def scalar(self, key: str, *, secret: bool = False) -> Template:
        """A template out of a text, a number, a boolean, or a list of texts (a blank between two)."""
        value = self._take(key)
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            value = " ".join(value)
        elif isinstance(value, bool):
            value = str(value).lower()
        elif isinstance(value, int):
            value = str(value)
        if not isinstance(value, str):
            self.report.error(self.at(key), HIDDEN if secret else value, "must be a text, a number, true or false")
            return EMPTY
        return self._template(key, value, secret=secret)

    def accept(self, *keys: str) -> None:
        """Keys that may stand here though nobody reads them."""
        self._known.extend(keys)

    def finish(self) -> None:
        """After the widget has read what it knows: name what is left over."""
        raw = dict.fromkeys(self.raw, HIDDEN) if self._secret else self.raw
        self.report.unknown_keys(self.place, raw, self._known)

    def _take(self, key: str) -> object:
        if key not in self._known:
            self._known.append(key)
        return self.raw.get(key)

    def _template(self, key: str, text: str, *, secret: bool = False) -> Template:
        template = Template.parse(text)
        if template.error:
            shown = HIDDEN if secret else text
            self.report.refuse(self.at(key), shown, f"{template.error}; it renders empty (81018)")
        return template

    def _pair(self, key: str, entry: object, kinds: Sequence[str], *, secret: bool) -> Pair | None:
        if not isinstance(entry, Mapping):
            self.report.error(self.at(key), HIDDEN if secret else entry, "must be an object with key and value")
            return None
        inner = Properties(entry, place=self.at(key), report=self.report)
        inner._secret = secret
        name = inner._take("key")
        if not isinstance(name, str):
            self.report.error(inner.at("key"), HIDDEN if secret else name, "must be a non-empty string")
            return None
        if not name:
            self.report.refuse(inner.at("key"), name, "must be a non-empty string")
        value = inner.text("value", secret=secret)
        kind = inner.choice("type", kinds, default=kinds[0]) if kinds else ""
        inner.accept(*(("index",) if kinds else ()))  # newer exports number their variables
        inner.finish()
        return Pair(key=name, value=value, place=inner.at("value"), kind=kind)
