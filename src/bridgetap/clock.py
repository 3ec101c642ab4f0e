"""The time, as an argument: what needs it takes a `Clock`, and only `cli/` builds the real one."""

from datetime import UTC, datetime
from time import monotonic, time_ns
from typing import Protocol


class Clock(Protocol):
    """Two clocks: one to measure with, one to write down."""

    def monotonic(self) -> float:
        """Seconds that never jump; comparable only with each other."""
        ...

    def now_ns(self) -> int:
        """Wall-clock nanoseconds since 1970, UTC."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def monotonic(self) -> float:
        return monotonic()

    def now_ns(self) -> int:
        return time_ns()


class VirtualClock:
    """A clock that stands still until `advance` moves it."""

    def __init__(self, start_ns: int = 1_767_225_600_000_000_000) -> None:
        self._ns = start_ns
        self._start_ns = start_ns

    def monotonic(self) -> float:
        return (self._ns - self._start_ns) / 1e9

    def now_ns(self) -> int:
        return self._ns

    def advance(self, seconds: float) -> None:
        self._ns += round(seconds * 1e9)


def rfc2822(ns: int) -> str:
    """`Thu, 30 Jul 2015 20:00:00 +0000`, as Twilio's 2010 API writes times (spec/twilio §5.1)."""
    return datetime.fromtimestamp(ns // 1_000_000_000, UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")


def iso8601(ns: int) -> str:
    """`2026-01-02T03:04:05Z`, as Studio writes times."""
    return datetime.fromtimestamp(ns // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso8601_nanoseconds(ns: int) -> str:
    """`2026-01-02T03:04:05.123456789Z`, as stream callbacks write times (spec/twilio §3.5)."""
    seconds, fraction = divmod(ns, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{fraction:09d}Z"
