"""Counting: what is missing, repeated or out of order; and how late things came."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridgetap.receiver import Faults
from bridgetap.receiver.checks import Series
from bridgetap.receiver.timing import Lateness


@pytest.mark.parametrize(
    ("numbers", "faults"),
    [
        ([1, 2, 3], Faults()),
        ([1, 3, 4], Faults(missing=1)),
        ([3], Faults(missing=2)),
        ([1, 1, 2], Faults(repeated=1)),
        ([1, 3, 2, 4], Faults(out_of_order=1)),
        ([1, 3, 2, 2], Faults(out_of_order=1, repeated=1)),
        ([1, 5, 2], Faults(missing=2, out_of_order=1)),
    ],
)
def test_faults(numbers: list[int], faults: Faults) -> None:
    series = Series()
    for number in numbers:
        series.take(number)
    assert series.faults == faults
    assert bool(faults) == (faults != Faults())


def test_take_tells_how_many_were_skipped() -> None:
    series = Series()
    assert [series.take(number) for number in (1, 4, 2, 5)] == [0, 2, 0, 0]


@given(st.lists(st.integers(min_value=1, max_value=30), min_size=1, max_size=60))
def test_the_counts_are_those_of_a_slow_and_simple_count(numbers: list[int]) -> None:
    series = Series()
    for number in numbers:
        series.take(number)
    seen: set[int] = set()
    repeated = out_of_order = 0
    for number in numbers:
        repeated += number in seen
        out_of_order += number not in seen and number < max(seen, default=0)
        seen.add(number)
    missing = max(numbers) - len(seen)
    assert series.faults == Faults(missing=missing, repeated=repeated, out_of_order=out_of_order)


def test_a_huge_jump_costs_no_huge_memory() -> None:
    series = Series()
    series.take(10**12)
    series.take(5)
    assert series.faults == Faults(missing=10**12 - 1, repeated=1)


def test_faults_add_up() -> None:
    assert Faults(missing=1) + Faults(missing=2, repeated=3, out_of_order=4) == Faults(
        missing=3, repeated=3, out_of_order=4
    )


def test_lateness_is_against_the_quickest_chunk() -> None:
    lateness = Lateness()
    for number in range(100):
        delay_ms = 110.0 if number == 50 else 7.0
        lateness.take(20 * number, now=1000 + (20 * number + delay_ms) / 1000)
    assert lateness.late == 1
    assert lateness.percentile_ms(50) == pytest.approx(0, abs=1e-6)
    assert lateness.percentile_ms(99) == pytest.approx(103, abs=1e-6)


def test_nothing_heard_is_not_late() -> None:
    assert Lateness().percentile_ms(99) == 0.0
