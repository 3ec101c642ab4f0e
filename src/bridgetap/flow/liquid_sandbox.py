"""The Liquid that templates get: no files, no clock, and no way to eat time or memory.

python-liquid bounds loops, output and local names; it does not bound what a chain of filters
makes on its way (`replace` with nothing to find, squares of squares). Each filter is wrapped for that.
"""

import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from liquid import Environment, Undefined
from liquid.exceptions import FilterArgumentError
from liquid.filter import with_context

from .liquid_date import RenderClock, format_date

CLOCK = "render clock"  # the global under which the clock lies; not a Liquid identifier


def make_environment() -> Environment:
    """One environment serves every template: it holds no state between renderings."""
    environment = _Environment()
    for tag in ("include", "render"):  # there is nothing to load, and loading is not for templates
        del environment.tags[tag]
    for own in (to_json, date, replace, join, strip_html):
        environment.filters[own.__name__] = own
    for name, call in environment.filters.items():
        environment.filters[name] = _bounded(name, call)
    return environment


def to_json(value: object) -> str:
    """Studio's own filter: compact JSON; what is undefined is null."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)


@with_context
def date(value: object, pattern: object = "", *, context: Any) -> str:
    """`'now' | date: "%Y-%m-%d"`, by the execution's clock and zone."""
    clock = context.globals.get(CLOCK)
    if value is None or isinstance(value, Undefined):
        return ""
    if not isinstance(pattern, str) or not pattern or not isinstance(clock, RenderClock):
        return str(value)
    return format_date(value, pattern, clock)


def replace(value: object, sought: object = "", substitute: object = "") -> str:
    """Replace every occurrence; the size is known before it is made."""
    text, old, new = _text(value), _text(sought), _text(substitute)
    _fits(len(text) + text.count(old) * (len(new) - len(old)))
    return text.replace(old, new)


def join(value: object, separator: object = " ") -> str:
    """Join a list; the size is known before it is made."""
    parts = [_text(item) for item in value] if isinstance(value, (list, tuple, range)) else [_text(value)]
    glue = _text(separator)
    _fits(sum(map(len, parts)) + len(glue) * len(parts))
    return glue.join(parts)


def strip_html(value: object) -> str:
    """Remove tags, comments, scripts and styles, in one pass over the text."""
    text, out, at = _text(value), [], 0
    while (start := text.find("<", at)) >= 0:
        out.append(text[at:start])
        closing = next((end for begin, end in _BLOCKS if text.startswith(begin, start)), ">")
        end = text.find(closing, start)
        if end < 0:
            closing, end = ">", text.find(">", start)
        if end < 0:
            return "".join(out) + text[start:]
        at = end + len(closing)
    return "".join(out) + text[at:]


class _Environment(Environment):
    loop_iteration_limit = 15
    output_stream_limit = 16_384
    local_namespace_limit = 262_144
    block_nesting_limit = 20
    suppress_blank_control_flow_blocks = False  # Studio keeps the blank lines (spec/studio §4, set-variables)


MAX_TEXT = 131_072
MAX_ITEMS = 40_000
MAX_BITS = 1024
_ITEMS = {"uniq": 2000}  # quadratic inside the library
_BLOCKS = (("<script", "</script>"), ("<!--", "-->"), ("<style", "</style>"))


def _bounded(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    most = _ITEMS.get(name, MAX_ITEMS)

    @wraps(call)
    def bounded(*arguments: object, **named: object) -> object:
        for argument in arguments:
            _check(argument, most)
        result = call(*arguments, **named)
        _check(result, most)
        return result

    return bounded


def _check(value: object, most: int) -> None:
    if isinstance(value, str):
        _fits(len(value))
    elif isinstance(value, int):
        if value.bit_length() > MAX_BITS:
            raise FilterArgumentError("a number is too large", token=None)
    elif isinstance(value, (list, tuple, range)) and len(value) > most:
        raise FilterArgumentError("a list is too long", token=None)


def _fits(size: int) -> None:
    if size > MAX_TEXT:
        raise FilterArgumentError("a text is too long", token=None)


def _text(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _plain(value: object) -> object:
    """What `json` cannot write by itself: undefined values and read-only mappings."""
    if isinstance(value, Undefined):
        return None
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)
