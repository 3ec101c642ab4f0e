"""Liquid's `date` filter, without a clock of its own: now and the zone come in.

Formats are those of Ruby's strftime, which Liquid authors know. What cannot be read as a time is
returned unchanged, as the reference implementation does.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderClock:
    """The time a template sees."""

    now_ns: int
    zone: tzinfo

    def now(self) -> datetime:
        return from_epoch(self.now_ns / 1e9, self.zone)

    def __str__(self) -> str:
        return ""  # templates can reach it only by an odd path, and see nothing


def format_date(value: object, pattern: str, clock: RenderClock) -> str:
    """`'now' | date: "%H:%M"`."""
    moment = read_time(value, clock)
    return strftime(moment, pattern) if moment else str(value)


def read_time(value: object, clock: RenderClock) -> datetime | None:
    """A time in words, ISO 8601, RFC 2822, a few common ways of writing, or seconds since 1970."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return _epoch(float(value), clock.zone)
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        return None
    text = value.strip()
    if text.lower() in ("now", "today"):
        return clock.now()
    if text.isascii() and text.isdigit() and len(text) > len("20260102"):
        return _epoch(float(text), clock.zone)
    for read in (datetime.fromisoformat, parsedate_to_datetime, _by_format):
        try:
            moment = read(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        if moment is not None:
            return moment if moment.tzinfo else moment.replace(tzinfo=clock.zone)
    return None


def strftime(moment: datetime, pattern: str) -> str:
    """Format by Ruby's directives; an unknown one stays as written."""

    def one(match: re.Match[str]) -> str:
        flags, width, name = match.groups()
        if name == "z" and ":" in flags:
            return moment.strftime("%z")[:3] + ":" + moment.strftime("%z")[3:5]
        directive = DIRECTIVES.get(name)
        if directive is None:
            return match.group()
        text, pad, size = directive.make(moment), directive.pad, directive.width
        if "-" in flags:
            size = 0
        elif "_" in flags:
            pad = " "
        elif "0" in flags:
            pad = "0"
        if width and name not in "LN":
            size = min(int(width[:3]), MAX_WIDTH)
        elif width:
            text = text[: int(width[:3])]
        text = text.rjust(size, pad)
        if "^" in flags:
            return text.upper()
        return text.swapcase() if "#" in flags else text

    return _DIRECTIVE.sub(one, pattern)


def from_epoch(seconds: float, zone: tzinfo) -> datetime:
    """A moment in a zone. Raises OverflowError beyond the years 1 to 9999."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).astimezone(zone)


@dataclass(frozen=True, slots=True)
class _Directive:
    make: Callable[[datetime], str]
    pad: str = "0"
    width: int = 0


def _hour12(moment: datetime) -> str:
    return str(moment.hour % 12 or 12)


def _nested(pattern: str) -> _Directive:
    return _Directive(lambda moment: strftime(moment, pattern))


# Names are English whatever the server's locale.
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

DIRECTIVES = {
    "Y": _Directive(lambda t: str(t.year), width=4),
    "C": _Directive(lambda t: str(t.year // 100), width=2),
    "y": _Directive(lambda t: str(t.year % 100), width=2),
    "G": _Directive(lambda t: str(t.isocalendar().year), width=4),
    "g": _Directive(lambda t: str(t.isocalendar().year % 100), width=2),
    "m": _Directive(lambda t: str(t.month), width=2),
    "d": _Directive(lambda t: str(t.day), width=2),
    "e": _Directive(lambda t: str(t.day), pad=" ", width=2),
    "j": _Directive(lambda t: str(t.timetuple().tm_yday), width=3),
    "H": _Directive(lambda t: str(t.hour), width=2),
    "k": _Directive(lambda t: str(t.hour), pad=" ", width=2),
    "I": _Directive(_hour12, width=2),
    "l": _Directive(_hour12, pad=" ", width=2),
    "M": _Directive(lambda t: str(t.minute), width=2),
    "S": _Directive(lambda t: str(t.second), width=2),
    "L": _Directive(lambda t: f"{t.microsecond // 1000:03d}"),
    "N": _Directive(lambda t: f"{t.microsecond:06d}000"),
    "s": _Directive(lambda t: str(int(t.timestamp()))),
    "u": _Directive(lambda t: str(t.isoweekday())),
    "w": _Directive(lambda t: str(t.isoweekday() % 7)),
    "U": _Directive(lambda t: t.strftime("%U"), width=2),
    "W": _Directive(lambda t: t.strftime("%W"), width=2),
    "V": _Directive(lambda t: str(t.isocalendar().week), width=2),
    "a": _Directive(lambda t: _DAYS[t.weekday()][:3], pad=" "),
    "A": _Directive(lambda t: _DAYS[t.weekday()], pad=" "),
    "b": _Directive(lambda t: _MONTHS[t.month - 1][:3], pad=" "),
    "h": _Directive(lambda t: _MONTHS[t.month - 1][:3], pad=" "),
    "B": _Directive(lambda t: _MONTHS[t.month - 1], pad=" "),
    "p": _Directive(lambda t: "AM" if t.hour < 12 else "PM", pad=" "),
    "P": _Directive(lambda t: "am" if t.hour < 12 else "pm", pad=" "),
    "z": _Directive(lambda t: t.strftime("%z")[:5]),
    "Z": _Directive(lambda t: t.tzname() or "", pad=" "),
    "%": _Directive(lambda t: "%"),
    "n": _Directive(lambda t: "\n"),
    "t": _Directive(lambda t: "\t"),
    "D": _nested("%m/%d/%y"),
    "x": _nested("%m/%d/%y"),
    "F": _nested("%Y-%m-%d"),
    "T": _nested("%H:%M:%S"),
    "X": _nested("%H:%M:%S"),
    "R": _nested("%H:%M"),
    "r": _nested("%I:%M:%S %p"),
    "c": _nested("%a %b %e %H:%M:%S %Y"),
    "v": _nested("%e-%^b-%Y"),
}
MAX_WIDTH = 32
MAX_TEXT = 64  # no time is written longer; keeps hostile input away from the parsers

_DIRECTIVE = re.compile(r"%([-_0^#:]*)(\d*)([A-Za-z%])")
_FORMATS = (
    "%Y-%m-%d %H:%M:%S %z", "%Y/%m/%d", "%Y/%m/%d %H:%M", "%m/%d/%Y", "%m/%d/%Y %H:%M", "%m/%d/%Y %I:%M %p",
    "%B %d, %Y", "%b %d, %Y", "%d %B %Y", "%d %b %Y", "%B %d %Y", "%b %d %Y",
)  # fmt: skip


def _by_format(text: str) -> datetime | None:
    for pattern in _FORMATS:
        try:
            return datetime.strptime(text, pattern)  # noqa: DTZ007 - the caller adds the zone
        except ValueError:
            continue
    return None


def _epoch(seconds: float, zone: tzinfo) -> datetime | None:
    try:
        return from_epoch(seconds, zone)
    except (OverflowError, ValueError):
        return None
