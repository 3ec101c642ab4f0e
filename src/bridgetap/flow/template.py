"""A property's text, with its Liquid parsed once when the definition is read.

A template that fails, to parse or to render, renders empty and says why; the flow goes on (81018).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from liquid import BoundTemplate

from .context import Context
from .liquid_date import RenderClock
from .liquid_sandbox import CLOCK, make_environment

TEMPLATE_FAILED = 81018
MAX_RESULT = 16_384  # bytes (spec/studio §5)
MAX_SOURCE = 65_536
MAX_TAG = 4096


@dataclass(frozen=True, slots=True)
class Rendered:
    """The text, and why it is empty where it failed."""

    text: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """A text that may hold Liquid. `str` gives it back as written."""

    source: str
    compiled: BoundTemplate | None = None  # None: a literal text, or one that failed to parse
    error: str = ""

    @classmethod
    def parse(cls, source: str) -> Self:
        if "{{" not in source and "{%" not in source:
            return cls(source)
        if unfit := _unfit(source):
            return cls(source, error=unfit)
        try:
            return cls(source, compiled=_ENVIRONMENT.from_string(source))
        except Exception as error:  # noqa: BLE001 - whatever the library makes of hostile text, it is the text's fault
            return cls(source, error=_reason(error))

    @property
    def literal(self) -> bool:
        """Whether it renders to itself whatever the context."""
        return self.compiled is None and not self.error

    def render(self, context: Context, clock: RenderClock) -> Rendered:
        """The text with its Liquid filled in; undefined paths are empty."""
        if self.error:
            return Rendered("", self.error)
        if self.compiled is None:
            text = self.source
        else:
            scope = {
                **context.to_json(),
                "flow": {**context.flow, "variables": _Variables(context.variables)},
                CLOCK: clock,
            }
            try:
                text = self.compiled.render(scope)
            except Exception as error:  # noqa: BLE001 - as above: filters raise anything on odd operands
                return Rendered("", _reason(error))
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            return Rendered("", "the result is not valid Unicode")
        return Rendered(text) if size <= MAX_RESULT else Rendered("", f"the result is longer than {MAX_RESULT} bytes")

    def __str__(self) -> str:
        return self.source


EMPTY = Template("")
_OPENING = re.compile(r"\{[{%]")
_BLANKS = re.compile(r"\s{100}")
_RAW_END = re.compile(r"\{%-?\s{0,99}endraw\s{0,99}-?%\}")
_ENVIRONMENT = make_environment()


class _NumericText(str):
    """A variable that looks like a number is one for maths and comparisons, and prints as written."""

    __slots__ = ()

    def __liquid__(self) -> object:
        return _Integer(self) if self.lstrip("-").isdigit() else _Decimal(self)


class _Integer(int):
    """Equal to its own text too: `{% if flow.variables.n == "5" %}` is common."""

    def __eq__(self, other: object) -> bool:
        return str(int(self)) == other if isinstance(other, str) else int(self) == other

    def __hash__(self) -> int:
        return hash(int(self))


class _Decimal(float):
    def __eq__(self, other: object) -> bool:
        return repr(float(self)) == other if isinstance(other, str) else float(self) == other

    def __hash__(self) -> int:
        return hash(float(self))


class _Variables(Mapping[str, object]):
    """`flow.variables` as Liquid sees them."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values

    def __getitem__(self, key: str) -> object:
        value = self._values[key]
        return _NumericText(value) if isinstance(value, str) and _is_number(value) else value

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _is_number(text: str) -> bool:
    """Written as a program would write it: `007` and `+1555…` are texts."""
    if not text.isascii() or len(text) > 18:
        return False
    whole, dot, fraction = text.removeprefix("-").partition(".")
    if not whole.isdigit() or (len(whole) > 1 and whole.startswith("0")):
        return False
    return fraction.isdigit() if dot else True


def _unfit(source: str) -> str:
    """Why a template is not even shown to the library: its tokenizer takes minutes over tags that never
    close, over long ones, and over long runs of blanks inside them."""
    if len(source) > MAX_SOURCE:
        return f"the template is longer than {MAX_SOURCE} characters"
    at = 0
    while opening := _OPENING.search(source, at):
        closing = "}}" if opening.group() == "{{" else "%}"
        end = source.find(closing, opening.end())
        if end < 0:
            return f"expected {closing!r}, found the end"
        inside = source[opening.end() : end]
        if len(inside) > MAX_TAG:
            return f"a tag is longer than {MAX_TAG} characters"
        if _BLANKS.search(inside):
            return "a long run of blanks inside a tag"
        at = end + len(closing)
        if closing == "%}" and inside.strip("- \t\r\n") == "raw":  # nothing is a tag until its end
            raw_end = _RAW_END.search(source, at)
            if raw_end is None:
                return "raw tag was never closed"
            at = raw_end.end()
    return ""


def _reason(error: Exception) -> str:
    """One line, without the picture of the source that the library draws."""
    message = str(error.args[0]) if error.args else type(error).__name__
    return " ".join(message.split())[:200]
