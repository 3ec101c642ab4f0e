"""What is put is read back, in every database, and what a killed process left open is closed."""

import asyncio
import signal
import sys
import threading
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from bridgetap.clock import VirtualClock
from bridgetap.errors import ConfigurationError
from bridgetap.ids import CallSid
from bridgetap.store import (
    CallFilter,
    Cut,
    NotificationRecord,
    NotificationSid,
    RegistrationRecord,
    StoreError,
    StoreRefused,
    open_store,
)
from bridgetap.store.database import open_database
from bridgetap.store.kind import METADATA

from .rows import ACCOUNT, EXECUTION, call, callback, document, execution, step, stream

SOURCES = str(Path(__file__).parents[2] / "src")


async def test_every_kind_comes_back_as_it_went(url: str) -> None:
    note = NotificationRecord(
        sid=NotificationSid("NO" + "1" * 32),
        account_sid=ACCOUNT,
        level="warning",
        code=31930,
        message="the far end is behind",
        created_ns=1_767_225_600_123_456_789,
        call_sid=call().sid,
    )
    async with open_store(url, node="n1", clock=VirtualClock()) as store:
        for record in (call(), stream(), execution(), step(0), step(1), document(1), document(0), note):
            store.put(record)
        assert await store.calls.get(call().sid) == call()
        assert await store.streams.of_call(call().sid) == [stream()]
        assert await store.executions.of_call(call().sid) == [execution()]
        assert await store.steps.of_execution(EXECUTION) == [step(0), step(1)]
        assert await store.notifications.of_call(call().sid) == [note]
        assert await store.documents.of_call(call().sid) == [document(0), document(1)]
        assert await store.calls.get(CallSid("CA" + "0" * 32)) is None


async def test_a_call_is_forgotten_with_all_that_was_written_of_it(url: str) -> None:
    async with open_store(url, node="n1", clock=VirtualClock()) as store:
        for record in (call(1), call(2), stream(), execution(), step(0), document(), document(number=2)):
            store.put(record)
        await store.forget_call(call(1).sid)
        assert await store.calls.get(call(1).sid) is None
        assert await store.streams.of_call(call(1).sid) == []
        assert await store.executions.of_call(call(1).sid) == []
        assert await store.steps.of_execution(EXECUTION) == []
        assert await store.documents.of_call(call(1).sid) == []
        assert await store.calls.get(call(2).sid) == call(2)
        assert await store.documents.of_call(call(2).sid) == [document(number=2)]


async def test_what_comes_late_does_not_bring_a_forgotten_call_back(url: str) -> None:
    """Its streams may end after it, its last figures come, callbacks be given up."""
    done = call(status="completed", ended_ns=9, end_reason="bye")
    note = NotificationRecord(
        sid=NotificationSid("NO" + "1" * 32),
        account_sid=ACCOUNT,
        level="warning",
        code=15003,
        message="given up",
        created_ns=9,
        call_sid=call().sid,
    )
    async with open_store(url, node="n1", clock=VirtualClock()) as store:
        for record in (done, stream(), execution(), callback(0)):
            store.put(record)
        forgetting = asyncio.create_task(store.forget_call(call().sid))
        while True:
            ended = replace(stream(), ended_ns=10, end_reason="call-ended")
            for late in (replace(done, packets_sent=7), ended, note, execution(), step(0), document(), callback(1)):
                store.put(late)
            if forgetting.done():
                break
            await asyncio.sleep(0.001)  # a loop that never rests may starve the database's thread of the GIL
        await forgetting
        with pytest.raises(StoreRefused):
            await store.commit_now(stream(2))
        assert await store.calls.get(call().sid) is None
        assert await store.streams.of_call(call().sid) == []
        assert await store.executions.of_call(call().sid) == []
        assert await store.steps.of_execution(EXECUTION) == []
        assert await store.documents.of_call(call().sid) == []
        assert await store.notifications.of_call(call().sid) == []
        assert await store.callbacks_left(limit=9) == []
        assert store.streams.live(stream().sid) is None
        assert store.executions.live(EXECUTION) is None


async def test_the_newest_version_of_a_record_is_what_stands(url: str) -> None:
    async with open_store(url, node="n1", clock=VirtualClock()) as store:
        await store.commit_now(call())
        assert store.calls.live(call().sid) == call()
        store.put(call(status="in-progress", answered_ns=2 * 10**9))
        ended = call(status="completed", answered_ns=2 * 10**9, ended_ns=9 * 10**9, end_reason="bye")
        store.put(ended)
        assert await store.calls.get(call().sid) == ended
        assert ended.duration_s == 7
        assert store.calls.live(call().sid) is None


async def test_what_a_killed_process_left_open_is_closed(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'calls.db'}"
    clock = VirtualClock()
    seen = clock.now_ns()
    done = call(3, status="completed", ended_ns=5, end_reason="bye")
    async with open_store(url, node="n1", clock=clock) as store:
        await store.commit_now(call(1, status="in-progress", answered_ns=10**9))
        await store.commit_now(call(2))
        await store.commit_now(stream())
        await store.commit_now(execution())
        await store.commit_now(done)
        store.note_alive()
    clock.advance(3600)
    async with open_store(url, node="n1", clock=clock) as store:
        answered, unanswered = await store.calls.get(call(1).sid), await store.calls.get(call(2).sid)
        assert answered is not None
        assert unanswered is not None
        assert (answered.status, answered.end_reason, answered.ended_ns) == ("completed", "crashed", seen)
        assert (unanswered.status, unanswered.end_reason) == ("failed", "crashed")
        assert unanswered.updated_ns == clock.now_ns()
        assert [(s.end_reason, s.is_open) for s in await store.streams.of_call(call().sid)] == [("crashed", False)]
        assert [e.end_reason for e in await store.executions.of_call(call().sid)] == ["crashed"]
        assert await store.calls.get(done.sid) == done
    async with open_store(url, node="n1", clock=clock) as store:
        assert await store.calls.get(call(1).sid) == answered  # closed once


KILLED = """
import asyncio, os, signal, sys
from bridgetap.clock import VirtualClock
from bridgetap.store import CallRecord, open_store

async def main() -> None:
    async with open_store(sys.argv[1], node="n1", clock=VirtualClock()) as store:
        await store.commit_now(CallRecord(
            sid="CA" + "7" * 32, account_sid="AC" + "a" * 32, direction="inbound", from_="a", to="b",
            status="in-progress", created_ns=1, updated_ns=1, answered_ns=1,
        ))
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_a_committed_call_survives_kill_9(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'calls.db'}"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, url, env={"PYTHONPATH": SOURCES})
    assert await process.wait() == -signal.SIGKILL
    async with open_store(url, node="n1", clock=VirtualClock()) as store:
        found = await store.calls.get(CallSid("CA" + "7" * 32))
        assert found is not None
        assert (found.status, found.end_reason) == ("completed", "crashed")


async def test_another_nodes_calls_stay_open(postgresql_or_file: tuple[str, bool]) -> None:
    url, shared = postgresql_or_file
    async with open_store(url, node="n1", clock=VirtualClock()) as first:
        await first.commit_now(call(1))
        if shared:
            async with open_store(url, node="n2", clock=VirtualClock()) as second:
                assert await second.calls.get(call(1).sid) == call(1)
    async with open_store(url, node="n2", clock=VirtualClock()) as second:
        assert await second.calls.get(call(1).sid) == call(1)


@pytest.fixture(params=[pytest.param(True, marks=pytest.mark.peer("postgresql")), False])
def postgresql_or_file(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, bool]:
    if not request.param:
        return f"sqlite+aiosqlite:///{tmp_path / 'calls.db'}", False
    return request.getfixturevalue("empty_postgresql"), True


async def test_two_servers_do_not_share_a_file(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'calls.db'}"
    async with open_store(url, node="n1", clock=VirtualClock()):
        with pytest.raises(StoreError, match="in use by another server"):
            async with open_store(url, node="n2", clock=VirtualClock()):
                pass
    async with open_store(url, node="n2", clock=VirtualClock()):
        pass  # the first one is gone


@pytest.mark.peer("postgresql")
async def test_the_file_is_held_until_the_last_transaction_is_through(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'calls.db'}"
    entered, gate = threading.Event(), threading.Event()

    def slow(_: Connection) -> None:
        entered.set()
        gate.wait()

    stack = AsyncExitStack()
    database = await stack.enter_async_context(open_database(url, node="n1"))
    writing = asyncio.create_task(database.write(slow))
    await asyncio.to_thread(entered.wait)
    writing.cancel()  # as a writer is that does not come to its end in time
    leaving = asyncio.create_task(stack.aclose())
    await asyncio.wait([leaving], timeout=0.2)
    try:
        with pytest.raises(StoreError, match="in use by another server"):
            async with open_database(url, node="n1"):
                pass
    finally:
        gate.set()
    await leaving
    async with open_database(url, node="n1"):
        pass


async def test_two_servers_do_not_share_a_node(empty_postgresql: str) -> None:
    async with open_store(empty_postgresql, node="n1", clock=VirtualClock()):
        with pytest.raises(StoreError, match="give each its own"):
            async with open_store(empty_postgresql, node="n1", clock=VirtualClock()):
                pass


def binding(user: str, contact: str, expires_ns: int = 10) -> RegistrationRecord:
    return RegistrationRecord(
        username=user,
        contact=contact,
        instance="<urn:uuid:1>",
        q=0.5,
        transport="udp",
        source="192.0.2.7:5060",
        call_id="c",
        cseq=2,
        expires_ns=expires_ns,
    )


async def test_a_users_registrations_are_replaced_whole(url: str) -> None:
    async with open_store(url, node="n1", clock=VirtualClock()) as store:
        store.put_registrations("alice", [binding("alice", "sip:a@1"), binding("alice", "sip:a@2")])
        store.put_registrations("bob", [binding("bob", "sip:b@1", expires_ns=3)])
        await store.flush()
        store.put_registrations("alice", [binding("alice", "sip:a@3")])
        assert await store.registrations.of_node("n1", now_ns=5) == [binding("alice", "sip:a@3")]
        assert len(await store.registrations.of_node("n1", now_ns=1)) == 2
        assert await store.registrations.of_node("n2", now_ns=1) == []
        store.put_registrations("alice", [])
        assert await store.registrations.of_node("n1", now_ns=5) == []


async def test_lists_are_cut_at_a_row_and_stay_while_new_calls_come(url: str) -> None:
    async with open_store(url, node="n1", clock=VirtualClock()) as store:
        for number in range(1, 8):
            store.put(call(number))
        first = await store.calls.search(CallFilter(), Cut(size=3))
        assert [c.created_ns // 10**9 for c in first.rows] == [7, 6, 5]
        assert (first.has_next, first.has_previous) == (True, False)
        store.put(call(8))
        second = await store.calls.search(CallFilter(), Cut(size=3, after=first.rows[-1].sid))
        assert [c.created_ns // 10**9 for c in second.rows] == [4, 3, 2]
        last = await store.calls.search(CallFilter(), Cut(size=3, after=second.rows[-1].sid))
        assert ([c.created_ns // 10**9 for c in last.rows], last.has_next) == ([1], False)
        back = await store.calls.search(CallFilter(), Cut(size=3, before=second.rows[0].sid))
        assert (back.rows, back.has_next, back.has_previous) == (first.rows, True, True)
        skipped = await store.calls.search(CallFilter(), Cut(size=3, skip=6))
        assert [c.created_ns // 10**9 for c in skipped.rows] == [2, 1]
        assert (await store.calls.search(CallFilter(), Cut(after="CA" + "9" * 32))).rows == ()


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (CallFilter(to="+2"), [2]),
        (CallFilter(from_="+1"), [3, 1]),
        (CallFilter(status="busy"), [1]),
        (CallFilter(parent_call_sid="CA" + "0" * 31 + "1"), [2]),
        (CallFilter(started_from_ns=200), [3, 2]),
        (CallFilter(started_until_ns=200), [1]),
        (CallFilter(started_from_ns=150, started_until_ns=300), [2]),
        (CallFilter(ended_from_ns=1), [1]),
        (CallFilter(ended_until_ns=1), []),
    ],
)
async def test_lists_are_filtered(wanted: CallFilter, found: list[int]) -> None:
    async with open_store("sqlite+aiosqlite://", node="n1", clock=VirtualClock()) as store:
        store.put(call(1, from_="+1", status="busy", started_ns=100, ended_ns=101))
        store.put(call(2, to="+2", started_ns=200, parent_call_sid=CallSid("CA" + "0" * 31 + "1")))
        store.put(call(3, from_="+1", started_ns=300))
        page = await store.calls.search(wanted, Cut())
        assert [record.created_ns // 10**9 for record in page.rows] == found


async def test_the_migrations_make_what_the_tables_say(url: str) -> None:
    def difference(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, METADATA))

    async with open_database(url, node="n1") as database, database.connection() as connection:
        assert await connection.run_sync(difference) == []


async def test_what_a_peer_wrote_cannot_break_a_row(url: str) -> None:
    odd = call(caller_name="a\0b\udce9\U0001f600")
    async with open_store(url, node="n1", clock=VirtualClock()) as store:
        await store.commit_now(odd)
        found = await store.calls.get(odd.sid)
        assert found is not None
        assert found.caller_name == "ab?\U0001f600"


async def test_a_row_that_cannot_be_written_harms_no_other(url: str) -> None:
    async with open_store(url, node="n1", clock=VirtualClock()) as store:
        store.put(call(1))
        store.put(replace(step(0), context={"bad": object()}))
        store.put(step(1))
        store.put(replace(step(2), index=2**70))
        with pytest.raises(StoreRefused, match=r"(?i)null"):
            await store.commit_now(call(2, to=None))
        assert await store.steps.of_execution(EXECUTION) == [step(1)]
        assert await store.calls.get(call(1).sid) == call(1)
        assert store.healthy


@pytest.mark.parametrize(
    "url_",
    [
        "mysql://a/b",
        "nonsense",
        "sqlite+aiosqlite:////proc/nowhere/x.db",
        "postgresql+asyncpg://a:s3cret@127.0.0.1:1/x",
    ],
)
async def test_a_database_that_cannot_be_opened_says_so(url_: str) -> None:
    with pytest.raises((ConfigurationError, StoreError)) as caught:
        async with open_store(url_, node="n1", clock=VirtualClock()):
            pass
    assert "s3cret" not in str(caught.value)
    assert str(caught.value)


async def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "calls.db"
    async with open_store(f"sqlite+aiosqlite:///{path}", node="n1", clock=VirtualClock()) as store:
        await store.commit_now(call())
        assert [p.stat().st_mode & 0o777 for p in sorted(path.parent.iterdir())] == [0o600] * 4
