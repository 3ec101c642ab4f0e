"""The parameters of a request: a form's in the body, a query's in the URL. Names are PascalCase."""

from urllib.parse import parse_qsl

from fastapi import Request

from .errors import INVALID_PARAMETER, TOO_LARGE, ApiError, invalid

MAX_BYTES = 65_536
MAX_FIELDS = 500
FORM = "application/x-www-form-urlencoded"


class Parameters:
    """Named texts, each looked up by the rule that it must fulfil."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    @property
    def names(self) -> set[str]:
        """Those that are there and not empty."""
        return {name for name, value in self._pairs if value}

    def text(self, name: str) -> str | None:
        """The last value of that name; an empty one is none."""
        return next((value for key, value in reversed(self._pairs) if key == name and value), None)

    def texts(self, name: str) -> list[str]:
        """Every value of that name that is not empty."""
        return [value for key, value in self._pairs if key == name and value]

    def integer(self, name: str, *, default: int, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        found = self.optional_integer(name, low=low, high=high)
        return default if found is None else found

    def optional_integer(self, name: str, *, low: int, high: int) -> int | None:
        text = self.text(name)
        if text is None:
            return None
        if not text.isascii() or not text.isdigit() or len(text) > 9 or not low <= int(text) <= high:
            raise invalid(name, f"must be a whole number from {low} to {high}")
        return int(text)


async def read_form(request: Request) -> Parameters:
    """The body's parameters."""
    kind = request.headers.get("Content-Type", FORM).partition(";")[0].strip().lower()
    if kind != FORM:
        raise ApiError(400, INVALID_PARAMETER, f"Content-Type must be {FORM}")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BYTES:
            raise ApiError(413, TOO_LARGE, f"The body must be at most {MAX_BYTES} bytes")
    try:
        pairs = parse_qsl(
            body.decode("utf-8", "replace"), keep_blank_values=True, errors="replace", max_num_fields=MAX_FIELDS
        )
    except ValueError:
        raise ApiError(400, INVALID_PARAMETER, f"At most {MAX_FIELDS} parameters are read") from None
    return Parameters(pairs)


def read_query(request: Request) -> Parameters:
    """The URL's parameters."""
    return Parameters(list(request.query_params.multi_items()))
