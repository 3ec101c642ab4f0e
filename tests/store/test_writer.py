"""The writer's rules: batches, order, what happens when the disk is slow, gone or full."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, StatementError

from bridgetap.ids import AccountSid, CallSid, ExecutionSid, FlowSid, StepSid
from bridgetap.store import CallRecord, StepRecord, StoreFull, StoreRefused, StoreUnavailable
from bridgetap.store import writer as writer_module
from bridgetap.store.calls import CALLS
from bridgetap.store.steps import STEPS
from bridgetap.store.writer import Writer

ACCOUNT = AccountSid("AC" + "a" * 32)


class Disk:
    """A database of a list of transactions; fails as often and as it is told."""

    def __init__(self) -> None:
        self.transactions: list[list[str]] = []
        self.failures: list[Exception] = []
        self.poison: set[str] = set()
        self.gate = asyncio.Event()
        self.gate.set()
        self.entered = asyncio.Event()
        self.written = asyncio.Event()
        self.on_enter: Callable[[], None] = lambda: None
        self.engine = self
        self.dialect = type("Dialect", (), {"name": "sqlite"})()
        self._current: list[str] = []

    async def write(self, work: Callable[["Disk"], None]) -> None:
        self.entered.set()
        self.on_enter()
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        self._current = []
        work(self)
        self.transactions.append(self._current)
        self.written.set()

    def execute(self, _statement: object, rows: list[dict[str, Any]] | None = None) -> None:
        if rows is None:
            self._current.append("delete")
            return
        for row in rows:
            if row["sid"] in self.poison:
                raise IntegrityError("", {}, ValueError("poison"))
            self._current.append(f"{row['sid'][-1]} {row.get('status', 'step')}")


def call(number: int, **changes: object) -> CallRecord:
    record = CallRecord(
        sid=CallSid(f"CA{number}"),
        account_sid=ACCOUNT,
        direction="inbound",
        from_="a",
        to="b",
        status="ringing",
        created_ns=0,
        updated_ns=0,
    )
    return replace(record, **changes)  # type: ignore[arg-type]


def ended(number: int) -> CallRecord:
    return call(number, status="completed", ended_ns=1)


def step(number: int) -> StepRecord:
    return StepRecord(
        sid=StepSid(f"FT{number}"),
        account_sid=ACCOUNT,
        flow_sid=FlowSid("FW"),
        execution_sid=ExecutionSid("FN"),
        index=number,
        name="next",
        transitioned_from="a",
        transitioned_to="b",
        created_ns=0,
    )


@asynccontextmanager
async def running(disk: Disk, **options: Any) -> AsyncIterator[Writer]:
    writer = Writer(disk, node="n1", **{"interval_s": 3600.0, **options})  # type: ignore[arg-type]
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(writer.run())
        yield writer
        writer.close()


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "RETRY_S", (0.0,))


async def test_records_wait_for_company() -> None:
    disk = Disk()
    async with running(disk) as writer:
        for number in range(3):
            writer.put(CALLS, call(number))
        await asyncio.sleep(0)
        assert disk.transactions == []
        assert writer.waiting == 3
    assert disk.transactions == [["0 ringing", "1 ringing", "2 ringing"]]


async def test_a_full_batch_does_not_wait() -> None:
    disk = Disk()
    async with running(disk, rows=2) as writer:
        writer.put(CALLS, call(1))
        await asyncio.sleep(0)
        writer.put(CALLS, call(2))
        await disk.written.wait()
        assert disk.transactions == [["1 ringing", "2 ringing"]]


async def test_the_interval_ends_the_wait() -> None:
    disk = Disk()
    async with running(disk, interval_s=0.0) as writer:
        writer.put(CALLS, call(1))
        await disk.written.wait()


async def test_a_large_batch_is_several_transactions() -> None:
    disk = Disk()
    async with running(disk, rows=2) as writer:
        for number in range(5):
            writer.put(CALLS, call(number))
        await writer.flush()
    assert [len(transaction) for transaction in disk.transactions] == [2, 2, 1]


async def test_a_newer_version_replaces_a_waiting_one_and_goes_last() -> None:
    disk = Disk()
    async with running(disk) as writer:
        writer.put(CALLS, call(1))
        writer.put(CALLS, call(2))
        writer.put(CALLS, ended(1))
        await writer.flush()
    assert disk.transactions == [["2 ringing", "1 completed"]]


async def test_commit_returns_once_the_row_and_all_before_are_down() -> None:
    disk = Disk()
    async with running(disk) as writer:
        writer.put(CALLS, call(1))
        await writer.commit(CALLS, call(2))
        assert disk.transactions == [["1 ringing", "2 ringing"]]
        await writer.flush()  # nothing waits


async def test_flush_waits_for_what_is_just_being_written() -> None:
    disk = Disk()
    async with running(disk) as writer:
        disk.gate.clear()
        writer.put(CALLS, call(1))
        first = asyncio.create_task(writer.flush())
        await disk.entered.wait()
        second = asyncio.create_task(writer.flush())
        await asyncio.sleep(0)
        assert not first.done()
        assert not second.done()
        disk.gate.set()
        await asyncio.gather(first, second)
        assert disk.transactions == [["1 ringing"]]


async def test_what_is_removed_while_it_waits_is_not_written() -> None:
    disk = Disk()
    async with running(disk) as writer:
        writer.put(CALLS, call(1))
        writer.put(CALLS, call(2))
        writer.remove(CALLS, call(1))
        await writer.flush()
    assert disk.transactions == [["delete", "2 ringing"]]


async def test_settling_waits_without_hurry() -> None:
    disk = Disk()
    async with running(disk) as writer:
        await writer.settled()
        writer.put(CALLS, call(1))
        settled = asyncio.create_task(writer.settled())
        await asyncio.sleep(0)
        assert disk.transactions == []
        await writer.flush()
        await settled


async def test_a_database_that_fails_is_tried_until_it_takes_it() -> None:
    disk = Disk()
    disk.failures = [OperationalError("", {}, OSError("locked")), ConnectionRefusedError(), OSError("gone")]
    health: list[bool] = []
    async with running(disk) as writer:
        disk.on_enter = lambda: health.append(writer.healthy)
        await writer.commit(CALLS, call(1))
        assert writer.healthy
    assert health == [True, False, False, False]
    assert disk.transactions == [["1 ringing"]]


async def test_commit_says_when_it_takes_too_long_and_the_row_stays_queued() -> None:
    disk = Disk()
    async with running(disk) as writer:
        disk.gate.clear()
        with pytest.raises(StoreUnavailable, match="CA1 was not committed within 0 s"):
            await writer.commit(CALLS, call(1), timeout_s=0)
        disk.gate.set()
    assert disk.transactions == [["1 ringing"]]


async def test_one_bad_row_is_left_out_and_told_to_who_waits_for_it() -> None:
    disk = Disk()
    disk.poison = {"CA2"}
    async with running(disk) as writer:
        writer.put(CALLS, call(1))
        writer.put(STEPS, step(3))
        with pytest.raises(StoreRefused, match="poison"):
            await writer.commit(CALLS, call(2))
        assert writer.healthy
    assert sorted(line for transaction in disk.transactions for line in transaction) == ["1 ringing", "3 step"]


class _Driver(Exception):
    """What a driver says; asyncpg has a SQLSTATE on it, or the cause behind it."""

    def __init__(self, sqlstate: str | None = None, cause: Exception | None = None) -> None:
        super().__init__("no")
        self.sqlstate = sqlstate
        self.__cause__ = cause


@pytest.mark.parametrize(
    ("error", "is_the_rows"),
    [
        (OverflowError("too large"), True),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogate"), True),
        (StatementError("", "", {}, TypeError("no column")), True),
        (DBAPIError("", {}, _Driver(sqlstate="22003")), True),
        (DBAPIError("", {}, _Driver(cause=ValueError("out of range"))), True),
        (DBAPIError("", {}, _Driver(sqlstate="57P01")), False),
        (DBAPIError("", {}, _Driver(cause=OSError("gone"))), False),
    ],
)
async def test_whose_fault_it_is_however_the_driver_says_it(error: Exception, *, is_the_rows: bool) -> None:
    disk = Disk()
    disk.failures = [error]
    async with running(disk) as writer:
        if is_the_rows:
            with pytest.raises(StoreRefused):
                await writer.commit(CALLS, call(1))
        else:
            await writer.commit(CALLS, call(1))
    assert disk.transactions == ([] if is_the_rows else [["1 ringing"]])


async def test_a_refused_row_that_somebody_waited_for_is_not_held_open() -> None:
    """Who waited begins nothing, so no end of it will come."""
    disk = Disk()
    disk.poison = {"CA1", "CA2"}
    async with running(disk, capacity=2) as writer:
        for number in (1, 2):
            with pytest.raises(StoreRefused):
                await writer.commit(CALLS, call(number))
        assert not writer.has_open
        writer.put(CALLS, call(3))  # there is room


async def test_a_refused_row_whose_call_goes_on_has_a_place_for_its_end() -> None:
    disk = Disk()
    disk.poison = {"CA1"}
    async with running(disk, capacity=2) as writer:
        writer.put(CALLS, call(1))
        await writer.flush()
        assert writer.has_open
        writer.put(CALLS, call(2, ended_ns=1))
        disk.poison = set()
        writer.put(CALLS, ended(1))
        assert not writer.has_open


async def test_settling_ends_where_rows_are_refused() -> None:
    disk = Disk()
    disk.poison = {"CA1", "CA2"}
    async with running(disk, rows=1) as writer:
        writer.put(CALLS, call(1))
        writer.put(CALLS, call(2))
        await writer.settled()
        assert disk.transactions == []


async def test_history_is_dropped_and_counted_when_the_disk_is_behind() -> None:
    disk = Disk()
    async with running(disk, capacity=4) as writer:
        for number in range(5):
            writer.put(STEPS, step(number))
        assert (writer.waiting, writer.dropped) == (2, 3)
        writer.put(CALLS, call(7))  # what lives still finds a place


async def test_what_opens_is_refused_when_full_and_every_end_finds_a_place() -> None:
    disk = Disk()
    async with running(disk, capacity=4) as writer:
        disk.gate.clear()
        writer.put(CALLS, call(1))
        writer.put(CALLS, call(2))  # two open and two waiting: full
        with pytest.raises(StoreFull):
            writer.put(CALLS, call(3))
        writer.put(CALLS, ended(1))
        writer.put(CALLS, call(2, status="in-progress"))
        writer.put(CALLS, ended(2))
        assert writer.waiting == 2
        disk.gate.set()
        await writer.flush()
        writer.put(CALLS, call(3))  # there is room again
    assert disk.transactions == [["1 completed", "2 completed"], ["3 ringing"]]


async def test_the_queue_never_holds_more_than_its_capacity() -> None:
    disk = Disk()
    async with running(disk, capacity=6) as writer:
        disk.gate.clear()
        for number in range(50):
            try:
                writer.put(CALLS, call(number))
                writer.put(CALLS, call(number, status="in-progress"))
            except StoreFull:
                pass
            writer.put(STEPS, step(number))
        for number in range(50):
            if writer.open_record(CALLS, f"CA{number}") is not None:
                writer.put(CALLS, ended(number))
        assert writer.waiting <= 6
        assert not writer.has_open
        disk.gate.set()


async def test_closing_writes_what_waits() -> None:
    disk = Disk()
    async with running(disk) as writer:
        writer.put(CALLS, call(1))
        writer.put(CALLS, ended(1))
    assert disk.transactions == [["1 completed"]]
