"""JSON from outside, so that what is kept can always be written out again."""

import json


def parse_json(text: str) -> object:
    """The value. Raise `ValueError` (`json.JSONDecodeError` with a line and column for bad syntax)
    for what other JSON readers, or a database, would not take: NaN, a lone surrogate, a depth without end."""
    try:
        value: object = json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    check_text(value)
    return value


def check_text(value: object) -> None:
    """Raise `ValueError` where `value` cannot be written as UTF-8 JSON."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{error.object[error.start : error.end]!r} is half of a surrogate pair") from None
    except (RecursionError, TypeError) as error:
        raise ValueError(f"cannot be written as JSON: {error}") from None


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
