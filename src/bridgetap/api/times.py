"""Times that filter a list: `2026-01-02` is that whole day, `2026-01-02T03:04:05Z` that second, both UTC."""

import re
from datetime import UTC, datetime, timedelta

from .errors import invalid
from .form import Parameters

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def time_range(parameters: Parameters, name: str) -> tuple[int | None, int | None]:
    """From and until, in nanoseconds, of `Name`, `Name<` and `Name>` together; until is not included."""
    starts, ends = [], []
    if exact := _span(parameters, name):
        starts.append(exact[0])
        ends.append(exact[1])
    if before := _span(parameters, f"{name}<"):
        ends.append(before[1])
    if after := _span(parameters, f"{name}>"):
        starts.append(after[0])
    return max(starts, default=None), min(ends, default=None)


def _span(parameters: Parameters, name: str) -> tuple[int, int] | None:
    text = parameters.text(name)
    if text is None:
        return None
    whole_day = _DATE.fullmatch(text) is not None
    try:
        start = datetime.fromisoformat(text)
        start = start.replace(tzinfo=UTC) if start.tzinfo is None else start.astimezone(UTC)
        end = start + (timedelta(days=1) if whole_day else timedelta(seconds=1))
    except (ValueError, OverflowError):
        raise invalid(name, "must be YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ") from None
    return _ns(start), _ns(end)


def _ns(time: datetime) -> int:
    return int(time.timestamp()) * 1_000_000_000
