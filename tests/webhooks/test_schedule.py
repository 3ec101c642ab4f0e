"""What is sent when: order in a line, isolation of hosts, pauses, age and room. All in pretended time."""

from collections import defaultdict
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridgetap.webhooks.schedule import Item, Limits, Outcome, Schedule

MIDDLE = 0.5  # the dice: a pause is 3/4 of its whole


def schedule(**limits: Any) -> Schedule[None]:
    return Schedule(Limits(**limits), dice=lambda: MIDDLE)


_ids = count()


def item(line: str = "l", host: str = "h", *, expires: float = 3600.0) -> Item[None]:
    return Item(id=f"{line}/{next(_ids)}", line=line, host=host, expires=expires, load=None)


def test_a_line_is_sent_in_its_order() -> None:
    plan = schedule()
    first, second = item(), item()
    plan.add(first)
    plan.add(second)
    assert plan.due(0) == [first]
    assert plan.due(0) == []
    assert plan.finished(first, Outcome.TAKEN, 1)
    assert plan.due(1) == [second]
    assert plan.finished(second, Outcome.TAKEN, 1)
    assert (len(plan), plan.busy, plan.next_timeout()) == (0, False, None)


def test_what_is_refused_is_over_and_the_line_goes_on() -> None:
    plan = schedule()
    first, second = item(), item()
    plan.add(first)
    plan.add(second)
    plan.due(0)
    assert plan.finished(first, Outcome.REFUSED, 0)
    assert plan.due(0) == [second]


def test_an_error_puts_off_its_own_line_only() -> None:
    plan = schedule()
    broken, behind, other = item("a"), item("a"), item("b")
    for one in (broken, behind):
        plan.add(one)
    assert plan.due(0) == [broken]
    assert not plan.finished(broken, Outcome.PUT_OFF, 0)
    plan.add(other)
    assert plan.due(0) == [other]
    assert plan.next_timeout() == 0.75
    assert plan.due(0.74) == []
    assert plan.due(0.75) == [broken]


def test_pauses_double_up_to_five_minutes() -> None:
    plan = schedule()
    only = item(expires=1e9)
    plan.add(only)
    now, pauses = 0.0, []
    for _ in range(12):
        assert plan.due(now) == [only]
        plan.finished(only, Outcome.PUT_OFF, now)
        at = plan.next_timeout()
        assert at is not None
        pauses.append(at - now)
        now = at
    assert pauses[:5] == [0.75, 1.5, 3.0, 6.0, 12.0]
    assert pauses[-1] == 225.0


def test_a_server_may_ask_for_a_longer_pause() -> None:
    plan = schedule()
    only = item()
    plan.add(only)
    plan.due(0)
    plan.finished(only, Outcome.PUT_OFF, 0, pause_s=30)
    assert plan.due(29) == []
    assert plan.due(30) == [only]


def test_a_silent_host_is_asked_by_one_callback_at_a_time() -> None:
    plan = schedule(per_host=3)
    items = [item(str(n)) for n in range(5)]
    for one in items:
        plan.add(one)
    under_way = plan.due(0)
    assert under_way == items[:3]
    for one in under_way:
        assert not plan.finished(one, Outcome.NO_ANSWER, 0)
    assert plan.next_timeout() == 0.75  # three that were under way are one failure
    (probe,) = plan.due(0.75)
    plan.finished(probe, Outcome.NO_ANSWER, 0.75)
    assert plan.next_timeout() == 0.75 + 1.5
    (probe,) = plan.due(2.25)
    plan.finished(probe, Outcome.TAKEN, 2.25)
    assert len(plan.due(2.25)) == 3


def test_a_silent_host_delays_no_other() -> None:
    plan = schedule(at_once=4, per_host=2)
    for n in range(100):
        plan.add(item(f"dead{n}", "dead"))
    under_way = plan.due(0)
    assert len(under_way) == 2
    good = [item(f"good{n}", "good") for n in range(2)]
    for one in good:
        plan.add(one)
    assert plan.due(0) == good


def test_hosts_take_turns() -> None:
    plan = schedule(at_once=4, per_host=4)
    for n in range(10):
        plan.add(item(f"a{n}", "a"))
    for n in range(10):
        plan.add(item(f"b{n}", "b"))
    assert [one.host for one in plan.due(0)] == ["a", "b", "a", "b"]


def test_what_is_too_old_is_given_up() -> None:
    plan = schedule()
    old, young = item("a", expires=10), item("b", expires=20)
    plan.add(old)
    plan.add(young)
    for one in plan.due(0):
        plan.finished(one, Outcome.PUT_OFF, 0, pause_s=100)
    assert plan.expired(9) == []
    assert plan.next_timeout() == 10
    assert plan.expired(10) == [old]
    assert plan.next_timeout() == 20


def test_what_is_under_way_when_it_gets_too_old_has_its_last_chance() -> None:
    plan = schedule()
    only = item(expires=10)
    plan.add(only)
    plan.due(0)
    assert plan.expired(11) == []
    assert plan.finished(only, Outcome.PUT_OFF, 11)
    assert len(plan) == 0


def test_what_came_later_may_get_too_old_sooner() -> None:
    plan = schedule(at_once=1)
    under_way, long, short = item("a", expires=5), item("b", expires=20), item("c", expires=10)
    for one in (under_way, long, short):
        plan.add(one)
    assert plan.due(0) == [under_way]
    assert plan.next_timeout() == 10
    assert plan.expired(10) == [short]
    assert plan.next_timeout() == 20
    assert plan.expired(20) == [long]


def test_when_full_the_host_with_most_waiting_loses_its_oldest() -> None:
    plan = schedule(waiting=4, per_host=1)
    dead = [item(f"dead{n}", "dead") for n in range(3)]
    for one in dead:
        assert plan.add(one) is None
    plan.due(0)  # the oldest is under way: it is not taken away
    good = item("good", "good")
    assert plan.add(good) is None
    assert plan.add(item("good2", "good")) is dead[1]
    assert len(plan) == 4


def test_the_same_callback_twice_is_one() -> None:
    plan = schedule()
    only = item()
    plan.add(only)
    assert plan.add(only) is None
    assert len(plan) == 1


LINES = st.sampled_from(["a", "b", "c", "d"])
HOSTS = st.sampled_from(["x", "y"])
STEP = st.one_of(
    st.tuples(st.just("add"), LINES, HOSTS),
    st.tuples(st.just("finish"), st.sampled_from(list(Outcome)), st.integers(0, 5)),
    st.tuples(st.just("wait"), st.floats(0, 400), st.none()),
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(STEP, max_size=60), dice=st.floats(0, 1, exclude_max=True))
def test_in_any_order_nothing_is_lost_and_each_line_keeps_its_order(steps: list[Any], dice: float) -> None:
    limits = Limits(waiting=12, at_once=3, per_host=2, max_age_s=1000)
    plan: Schedule[None] = Schedule(limits, dice=lambda: dice)
    now = 0.0
    added: dict[str, list[str]] = defaultdict(list)
    over: set[str] = set()
    started: dict[str, list[str]] = defaultdict(list)
    under_way: list[Item[None]] = []

    def go() -> None:
        for gone in plan.expired(now):
            over.add(gone.id)
        for one in plan.due(now):
            assert one.id not in over
            earlier = added[one.line][: added[one.line].index(one.id)]
            assert set(earlier) <= over, "an earlier one of its line is not over"
            started[one.line].append(one.id)
            under_way.append(one)
        assert len(under_way) <= limits.at_once
        for host in "xy":
            assert sum(one.host == host for one in under_way) <= limits.per_host

    for kind, first, second in steps:
        match kind:
            case "add":
                new = item(first, second, expires=now + limits.max_age_s / (1 + len(plan) % 3))
                lost = plan.add(new)
                if lost is not new:
                    added[first].append(new.id)
                if lost is not None:
                    over.add(lost.id)
                assert len(plan) <= limits.waiting
            case "finish" if under_way:
                one = under_way.pop(second % len(under_way))
                if plan.finished(one, first, now):
                    over.add(one.id)
            case "wait":
                now += first
        go()
    for _ in range(500):  # whatever happened, all of it is over in the end
        for one in under_way[:]:
            under_way.remove(one)
            assert plan.finished(one, Outcome.TAKEN, now)
            over.add(one.id)
        at = plan.next_timeout()
        now = now if at is None else max(now, at)
        go()
    assert set().union(*added.values()) == over if added else not over
    assert (len(plan), plan.busy) == (0, False)


@pytest.mark.parametrize("dice", [0.0, 0.999])
def test_a_pause_is_between_half_and_all_of_its_whole(dice: float) -> None:
    plan: Schedule[None] = Schedule(Limits(), dice=lambda: dice)
    only = item()
    plan.add(only)
    plan.due(0)
    plan.finished(only, Outcome.NO_ANSWER, 0)
    at = plan.next_timeout()
    assert at is not None
    assert 0.5 <= at < 1
