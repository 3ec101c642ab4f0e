"""The `date` filter: Ruby's formats, the execution's clock and zone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridgetap.flow.liquid_date import RenderClock, format_date, strftime

# 2026-01-02 03:04:05.678 UTC, a Friday; 19:04 on Thursday in Los Angeles.
CLOCK = RenderClock(now_ns=1_767_323_045_678_000_000, zone=ZoneInfo("America/Los_Angeles"))
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("%Y-%m-%d %H:%M:%S", "2026-01-02 03:04:05"),
        ("%F %T %R", "2026-01-02 03:04:05 03:04"),
        ("%-d/%-m/%y", "2/1/26"),
        ("%e|%k|%l|%I", " 2| 3| 3|03"),
        ("%b %d, %Y", "Jan 02, 2026"),
        ("%A %a %B %h", "Friday Fri January Jan"),
        ("%^a %^B %#p", "FRI JANUARY am"),
        ("%p %P %j %U %V %u %w", "AM am 002 00 01 5 5"),
        ("%L %3N %s", "678 678 1767323045"),
        ("%z %:z %Z", "+0000 +00:00 UTC"),
        ("%D %r %c", "01/02/26 03:04:05 AM Fri Jan  2 03:04:05 2026"),
        ("%_m %05d %C %G", " 1 00002 20 2026"),
        ("100%% %Q %", "100% %Q %"),
        ("%999999999d", "2".rjust(32, "0")),
    ],
)
def test_directives(pattern: str, text: str) -> None:
    assert strftime(MOMENT, pattern) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("now", "2026-01-01 19:04 PST"),
        ("today", "2026-01-01 19:04 PST"),
        (1_767_323_045, "2026-01-01 19:04 PST"),
        ("1767323045", "2026-01-01 19:04 PST"),
        ("2026-07-04", "2026-07-04 00:00 PDT"),
        ("2026-07-04T10:30:00Z", "2026-07-04 10:30 UTC"),
        ("2026-07-04 10:30", "2026-07-04 10:30 PDT"),
        ("Thu, 30 Jul 2015 20:00:00 +0000", "2015-07-30 20:00 UTC"),
        ("July 4, 2026", "2026-07-04 00:00 PDT"),
        ("07/04/2026 5:30 PM", "2026-07-04 17:30 PDT"),
    ],
)
def test_what_can_be_read_as_a_time(value: object, text: str) -> None:
    assert format_date(value, "%Y-%m-%d %H:%M %Z", CLOCK) == text


@pytest.mark.parametrize("value", ["soon", "", "9" * 50, "2026-13-45", True, 10**30, float("inf")])
def test_what_cannot_is_returned_unchanged(value: object) -> None:
    assert format_date(value, "%Y", CLOCK) == str(value)


@given(st.text() | st.integers() | st.floats() | st.none(), st.text())
def test_nothing_makes_it_raise(value: object, pattern: str) -> None:
    assert isinstance(format_date(value, pattern, CLOCK), str)
