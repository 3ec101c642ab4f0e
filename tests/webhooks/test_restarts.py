"""What a killed process left to be told, the next one tells: all of it, in order, and at nobody's cost."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from bridgetap.engine.virtual_loop import run_virtual
from bridgetap.store import CallbackRecord
from bridgetap.webhooks import Limits

from .desk import TOKEN, Desk, Disk, Scenario, pass_time


def after_a_kill(*, token: str = TOKEN, asleep_s: float = 1.0) -> Desk:
    """What the next process does with two callbacks that the last one left."""

    async def main() -> Desk:
        first = Desk()
        first.answers["good"] = ["hang"]
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(first.outbox.run())
            first.tell("MZ1", 0)
            first.tell("MZ1", 1)
            await pass_time()
            running.cancel()
        await pass_time(asleep_s)
        second = Desk(disk=Disk(rows=first.disk.rows), token=token)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(second.outbox.run())
            await pass_time()
            running.cancel()
        second.requests[:0] = first.requests
        return second

    return run_virtual(main())


@pytest.mark.parametrize("asleep_s", [1.0, 86_400.0])
def test_a_killed_process_sends_the_rest_when_it_starts_again(asleep_s: float) -> None:
    desk = after_a_kill(asleep_s=asleep_s)
    assert desk.told() == ["MZ10", "MZ10", "MZ11"]
    assert desk.requests[0][3] == desk.requests[1][3]
    assert desk.disk.rows == {}


def test_what_another_token_sealed_is_dropped_and_counted() -> None:
    desk = after_a_kill(token="another one")
    assert desk.told() == ["MZ10"]  # the first process's
    assert desk.outbox.gauges()["callbacks_dropped_total"] == 2
    assert desk.disk.rows == {}


def left_behind(lines: int, *, host: str = "good") -> dict[str, CallbackRecord]:
    """The rows of a process that was killed before it sent any: two for each line."""

    async def main() -> dict[str, CallbackRecord]:
        killed = Desk()
        for number in range(lines):
            killed.tell(f"MZ{number:02}", 0, host=host)
            killed.tell(f"MZ{number:02}", 1, host=host)
        return killed.disk.rows

    return run_virtual(main())


def restarted(rows: dict[str, CallbackRecord], scenario: Scenario, **limits: Any) -> Desk:
    """The next process on those rows."""

    async def main() -> Desk:
        desk = Desk(disk=Disk(rows=rows), limits=Limits(**limits))
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(desk.outbox.run())
            await scenario(desk)
            running.cancel()
        return desk

    return run_virtual(main())


@pytest.mark.parametrize("waiting", [1, 8, 13, 1000])
def test_however_many_a_killed_process_left_all_are_sent_in_their_order(waiting: int) -> None:
    async def scenario(desk: Desk) -> None:
        await pass_time()
        assert desk.outbox.gauges()["callbacks_waiting"] == 0

    desk = restarted(left_behind(30), scenario, waiting=waiting)
    assert sorted(desk.told()) == [f"MZ{number:02}{place}" for number in range(30) for place in (0, 1)]
    for number in range(30):
        assert [event for event in desk.told() if event.startswith(f"MZ{number:02}")] == [
            f"MZ{number:02}0",
            f"MZ{number:02}1",
        ]
    assert desk.disk.rows == {}
    assert desk.warnings == []


def test_what_was_left_takes_no_place_from_what_is_new() -> None:
    async def scenario(desk: Desk) -> None:
        desk.answers["dead"] = ["refuse"]
        await pass_time()
        for number in range(4):
            desk.tell(f"NEW{number}", 0, host="dead")
        await pass_time()
        assert desk.warnings == []
        assert len(desk.disk.rows) == 64
        desk.answers["dead"] = [200]
        await pass_time(60)

    desk = restarted(left_behind(30, host="dead"), scenario, waiting=8)
    assert len(set(desk.told("dead"))) == 64
    assert desk.warnings == []
    assert desk.disk.rows == {}


def test_what_is_sent_while_the_rest_is_read_is_sent_once() -> None:
    async def scenario(desk: Desk) -> None:
        desk.disk.reads_take_s = 5.0
        desk.tell("MZ1", 0)
        await pass_time(20)

    assert restarted({}, scenario).told() == ["MZ10"]


def test_a_clock_that_was_set_back_makes_nothing_younger_than_it_is() -> None:
    async def scenario(desk: Desk) -> None:
        desk.answers["dead"] = ["refuse"]
        await pass_time(3600)

    rows = {name: replace(row, created_ns=9 * 10**18) for name, row in left_behind(1, host="dead").items()}
    desk = restarted(rows, scenario, max_age_s=3590)
    assert [code for code, *_ in desk.warnings] == [15003, 15003]


@pytest.mark.parametrize("waiting", [1, 4, 8, 100])
def test_draining_sends_all_that_was_left_while_somebody_takes_it(waiting: int) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.outbox.drain(patience_s=5)
        assert desk.disk.rows == {}

    restarted(left_behind(30), scenario, waiting=waiting)


def test_draining_waits_for_no_room_that_does_not_come() -> None:
    async def scenario(desk: Desk) -> None:
        desk.answers["dead"] = ["refuse"]
        await pass_time()
        before = asyncio.get_running_loop().time()
        await desk.outbox.drain(patience_s=5)
        assert asyncio.get_running_loop().time() - before < 5
        assert len(desk.disk.rows) == 60

    restarted(left_behind(30, host="dead"), scenario, waiting=8)
