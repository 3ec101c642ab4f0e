"""Reads one element: every attribute asked for is a known one, and what is wrong is told with its place.

A value that cannot be used counts as its default: a document goes on, as Twilio's do (12200).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar, cast

from .effects import Method
from .markup import Node
from .problems import OURS, Findings

T = TypeVar("T", bound=str)
D = TypeVar("D")  # int, or None for no number at all

METHODS: tuple[Method, ...] = ("GET", "POST")
NOT_DONE = "known, and not carried out"
HIDDEN = "***"
_BOOLEANS = {"true": True, "false": False}
_MAX_INTEGER_DIGITS = 9


class Element:
    """One of them. Ask for what it may have, then `done`."""

    def __init__(self, node: Node, findings: Findings) -> None:
        self.node, self.findings = node, findings
        self.place = node.place
        self._known: set[str] = set()

    def text(self, name: str, default: str = "") -> str:
        """As written."""
        return self._value(name, default)

    def word(self, name: str, default: str = "") -> str:
        """Without white space around: URLs, names of voices, languages."""
        return self._value(name, default).strip()

    def optional(self, name: str) -> str | None:
        """As `word`; None where the attribute is absent."""
        self._known.add(name)
        return self.word(name) if name in self.node.attributes else None

    def integer(self, name: str, *, default: D, low: int, high: int) -> int | D:
        """The nearest that is allowed, where it is out of bounds."""
        text = self.word(name)
        if not text:
            return default
        number = _integer(text)
        if number is None:
            taken = "it is left out" if default is None else f"{default} is taken"
            self.warn(name, f"must be a whole number from {low} to {high}; {taken}")
            return default
        nearest = min(max(number, low), high)
        if nearest != number:
            self.warn(name, f"must be from {low} to {high}; {nearest} is taken")
        return nearest

    def boolean(self, name: str, *, default: bool = False) -> bool:
        text = self.word(name).lower()
        if text and text not in _BOOLEANS:
            self.warn(name, f"must be true or false; {str(default).lower()} is taken")
        return _BOOLEANS.get(text, default)

    def method(self, name: str = "method", default: Method = "POST") -> Method:
        text = self.word(name)
        if text and text.upper() not in METHODS:
            self.warn(name, f"must be GET or POST; {default} is taken")
        return cast("Method", text.upper()) if text.upper() in METHODS else default

    def choice(self, name: str, choices: Mapping[str, T], default: T) -> T:
        text = self.word(name)
        if text and text not in choices:
            self.warn(name, f"must be one of {', '.join(choices)}; {default} is taken")
        return choices.get(text, default)

    def words(self, name: str, choices: Sequence[T], default: tuple[T, ...]) -> tuple[T, ...]:
        """Several of `choices`, in their order there."""
        found = set(self.word(name).lower().replace(",", " ").split())
        unknown = found.difference(choices)
        if unknown:
            self.warn(name, f"must be some of {', '.join(choices)}")
        return tuple(choice for choice in choices if choice in found) or default

    def written(self, *names: str) -> dict[str, str]:
        """Those of them that are there, as written: whoever takes them judges them."""
        self._known.update(names)
        return {name: self.node.attributes[name] for name in names if name in self.node.attributes}

    def not_done(self, *names: str) -> None:
        """Attributes that are good TwiML and do nothing here."""
        for name in names:
            if self._value(name, ""):
                self.warn(name, NOT_DONE, code=OURS)

    def warn(self, name: str, rule: str, *, code: int | None = None) -> None:
        """Tell of an attribute."""
        value = HIDDEN if name == "password" else self.node.attributes.get(name, "")
        if code is None:
            self.findings.warn(f"{self.place}/@{name}", value, rule)
        else:
            self.findings.warn(f"{self.place}/@{name}", value, rule, code=code)

    def children(self, *names: str, not_done: Sequence[str] = ()) -> Iterator[Node]:
        """The elements in it that may be there; of any other it is told."""
        for child in self.node.children:
            if child.name in names:
                yield child
            elif child.name in not_done:
                self.findings.warn(child.place, f"<{child.name}>", NOT_DONE, code=OURS)
            else:
                rule, known = f"not allowed in <{self.node.name}>", (*names, *not_done)
                self.findings.unknown(child.place, f"<{child.name}>", rule, name=child.name, known=known)

    def done(self, *, text: bool = False) -> None:
        """Tell of each attribute that nobody asked for, and of text (or children) that mean nothing."""
        known = sorted(self._known)
        for name, value in self.node.attributes.items():
            if name not in self._known:
                self.findings.unknown(f"{self.place}/@{name}", value, "unknown attribute", name=name, known=known)
        if not text and self.node.text:
            self.findings.warn(self.place, self.node.text, f"text is not allowed in <{self.node.name}>")

    def _value(self, name: str, default: str) -> str:
        self._known.add(name)
        return self.node.attributes.get(name, default)


def _integer(text: str) -> int | None:
    digits = text.removeprefix("-").removeprefix("+")
    if not (digits.isascii() and digits.isdigit()) or text.startswith("-+"):
        return None
    number = int(digits[:_MAX_INTEGER_DIGITS]) if len(digits) <= _MAX_INTEGER_DIGITS else 10**_MAX_INTEGER_DIGITS
    return -number if text.startswith("-") else number
