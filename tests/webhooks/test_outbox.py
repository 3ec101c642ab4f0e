"""The outbox in pretended time: at least once, in order, and never at somebody else's cost."""

import asyncio
import gzip

import httpx
import pytest

from bridgetap.engine.virtual_loop import run_virtual

from .desk import Desk, Disk, pass_time, virtual


@virtual()
async def test_it_is_sent_once_and_its_row_goes(desk: Desk) -> None:
    desk.tell("MZ1", 0)
    assert len(desk.disk.rows) == 1
    await pass_time()
    assert desk.told() == ["MZ10"]
    assert desk.disk.rows == {}
    assert desk.outbox.gauges()["callbacks_sent_total"] == 1


@virtual()
async def test_it_is_not_sent_before_its_row_is_committed(desk: Desk) -> None:
    desk.disk.open.clear()
    desk.tell("MZ1", 0)
    await pass_time(60)
    assert desk.told() == []
    desk.disk.open.set()
    await pass_time()
    assert desk.told() == ["MZ10"]


@virtual()
async def test_its_row_tells_neither_address_nor_content(desk: Desk) -> None:
    desk.answers["good"] = ["hang"]
    desk.tell("MZ1", 0, event="private")
    (row,) = desk.disk.rows.values()
    assert "secret" not in repr(row)
    assert "private" not in repr(row)
    assert "good" not in repr(row)


@virtual()
async def test_a_line_waits_for_its_first_and_repeats_under_the_same_token(desk: Desk) -> None:
    desk.answers["good"] = [500, "refuse", 503, 200]
    desk.tell("MZ1", 0)
    desk.tell("MZ1", 1)
    await pass_time(60)
    assert desk.told() == ["MZ10"] * 4 + ["MZ11"]
    tokens = [token for *_, token in desk.requests]
    assert len(set(tokens[:4])) == 1
    assert tokens[4] != tokens[0]
    assert desk.warnings == []
    assert desk.outbox.gauges()["callbacks_retried_total"] == 3


@pytest.mark.parametrize("status", [400, 401, 404, 410, 305])
def test_an_answer_that_will_not_change_is_final(status: int) -> None:
    @virtual()
    async def scenario(desk: Desk) -> None:
        desk.answers["good"] = [status, 200]
        desk.tell("MZ1", 0)
        desk.tell("MZ1", 1)
        await pass_time()
        assert desk.told() == ["MZ10", "MZ11"]
        ((code, message, stream),) = desk.warnings
        assert (code, stream) == (15003, "MZ1")
        assert message == f"status callback to https://good/cb given up after 1 tries: answered {status}"
        assert desk.disk.rows == {}

    scenario()


@virtual()
async def test_a_packed_answer_is_taken(desk: Desk) -> None:
    packed = httpx.Response(200, content=gzip.compress(b"fine"), headers={"content-encoding": "gzip"})
    desk.answers["good"] = [packed, 200]
    desk.tell("MZ1", 0)
    await pass_time(60)
    assert desk.told() == ["MZ10"]
    assert desk.disk.rows == {}


@virtual()
async def test_a_server_that_redirects_for_ever_has_answered(desk: Desk) -> None:
    desk.answers["good"] = [httpx.Response(302, headers={"location": "https://good/cb"})]
    desk.tell("MZ1", 0)
    await pass_time(60)
    ((code, message, _),) = desk.warnings
    assert code == 15003
    assert message.endswith("given up after 1 tries: redirected more than 10 times (11215)")


@virtual()
async def test_a_line_that_gets_nonsense_waits_alone(desk: Desk) -> None:
    desk.answers["good"] = ["nonsense", 200]
    desk.tell("MZ1", 0)
    await pass_time(0.1)
    desk.tell("MZ2", 0)
    await pass_time(0.1)
    assert desk.told() == ["MZ10", "MZ20"]
    await pass_time(60)
    assert desk.told() == ["MZ10", "MZ20", "MZ10"]


@virtual(max_age_s=600.0)
async def test_what_nobody_takes_is_given_up_at_its_age(desk: Desk) -> None:
    desk.answers["dead"] = ["hang"]
    desk.tell("MZ1", 0, host="dead")
    desk.tell("MZ1", 1, host="dead")
    await pass_time(580)
    assert desk.warnings == []
    await pass_time(40)
    assert [code for code, *_ in desk.warnings] == [15003, 15003]
    assert 3 < len(desk.requests) < 12
    assert desk.disk.rows == {}


@virtual(per_host=2, at_once=4)
async def test_a_dead_server_delays_nobody_else(desk: Desk) -> None:
    desk.answers["dead"] = ["hang"]
    for number in range(200):
        desk.tell(f"MZ{number}", 0, host="dead")
    await pass_time()
    for number in range(200, 220):
        desk.tell(f"MZ{number}", 0)
    await pass_time()
    assert len(desk.told("good")) == 20
    assert len(desk.told("dead")) == 2


@virtual()
async def test_a_server_says_how_long_to_leave_it_alone(desk: Desk) -> None:
    desk.answers["good"] = [httpx.Response(429, headers={"retry-after": "120"}), 200]
    desk.tell("MZ1", 0)
    await pass_time(119)
    assert len(desk.requests) == 1
    await pass_time(2)
    assert len(desk.requests) == 2


@virtual(waiting=3, per_host=1)
async def test_when_full_the_server_with_most_waiting_loses_its_oldest_and_it_is_told(desk: Desk) -> None:
    desk.answers["dead"] = ["hang"]
    for number in range(3):
        desk.tell(f"MZ{number}", 0, host="dead")
    await pass_time()
    desk.tell("MZ3", 0)
    await pass_time()
    assert desk.told("good") == ["MZ30"]
    ((code, message, stream),) = desk.warnings
    assert (code, stream) == (15003, "MZ1")
    assert message == "status callback to https://dead/cb dropped: 3 callbacks wait already"
    assert desk.outbox.gauges()["callbacks_dropped_total"] == 1
    assert "MZ1/0" not in desk.disk.rows


@virtual()
async def test_a_full_store_drops_it_and_harms_nobody(desk: Desk) -> None:
    desk.disk.full = True
    desk.tell("MZ1", 0)
    assert [code for code, *_ in desk.warnings] == [15003]


def test_a_store_that_is_away_at_the_start_is_asked_again() -> None:
    async def main() -> None:
        desk = Desk(disk=Disk(failures=3))
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(desk.outbox.run())
            desk.tell("MZ1", 0)
            await pass_time(60)
            running.cancel()
        assert desk.told() == ["MZ10"]

    run_virtual(main())


@virtual()
async def test_draining_waits_for_what_can_be_sent_and_for_no_more(desk: Desk) -> None:
    desk.answers["dead"] = ["refuse"]
    desk.tell("MZ1", 0, host="dead")
    desk.tell("MZ2", 0)
    before = asyncio.get_running_loop().time()
    await desk.outbox.drain(patience_s=5)
    assert asyncio.get_running_loop().time() - before < 1
    assert desk.told("good") == ["MZ20"]
    assert list(desk.disk.rows) == ["MZ1/0"]


@virtual()
async def test_draining_waits_for_a_later_try_that_is_under_way(desk: Desk) -> None:
    desk.answers["good"] = [503, "slow", 200]
    desk.tell("MZ1", 0)
    await pass_time(1)
    assert len(desk.told()) == 2
    assert desk.disk.rows
    await desk.outbox.drain(patience_s=5)
    assert desk.disk.rows == {}


@virtual()
async def test_draining_is_bounded(desk: Desk) -> None:
    desk.answers["dead"] = ["hang"]
    desk.tell("MZ1", 0, host="dead")
    before = asyncio.get_running_loop().time()
    await desk.outbox.drain(patience_s=5)
    assert asyncio.get_running_loop().time() - before == pytest.approx(5)
    assert list(desk.disk.rows) == ["MZ1/0"]
