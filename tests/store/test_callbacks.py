"""What is still to be told stays until it is taken out, and is read in its order."""

from dataclasses import replace

import pytest

from bridgetap.clock import VirtualClock
from bridgetap.store import CallbackRecord, StreamRecord, open_store

from .rows import ACCOUNT, call, callback, stream


async def test_a_callback_waits_for_its_own_node_until_it_is_taken_out(url: str) -> None:
    async with open_store(url, node="n1", clock=VirtualClock()) as store:
        store.put(callback(1))
        store.put(callback(0))
        assert await store.callbacks_left(limit=9) == [callback(0), callback(1)]
        assert await store.callbacks.left("n2", limit=9) == []
        store.remove(callback(0))
        assert await store.callbacks_left(limit=9) == [callback(1)]


async def test_what_is_left_is_read_on_after_a_row_each_line_in_its_order(url: str) -> None:
    """Whatever the clock said: it may have been set back."""
    rows = [
        CallbackRecord(
            id=f"{line}/{place}",
            line=line,
            place=place,
            token="once",
            sealed="…",
            account_sid=ACCOUNT,
            call_sid=call().sid,
            created_ns=10 - place,
        )
        for line in ("MZ1", "MZ2")
        for place in (0, 1, 2)
    ]
    async with open_store(url, node="n1", clock=VirtualClock()) as store:
        for row in reversed(rows):
            store.put(row)
        assert await store.callbacks_left(limit=2) == rows[:2]
        assert await store.callbacks_left(limit=2, after=rows[1]) == rows[2:4]
        assert await store.callbacks_left(limit=9, after=rows[3]) == rows[4:]


async def test_the_end_of_a_stream_left_open_is_told_once_and_by_nobody_else(url: str) -> None:
    def last_words(left: StreamRecord) -> CallbackRecord:
        assert (left.end_reason, left.ended_ns) == ("crashed", 2)
        return CallbackRecord(
            id=f"{left.sid}/1",
            line=left.sid,
            place=1,
            token="new",
            sealed="…",
            account_sid=ACCOUNT,
            call_sid=left.call_sid,
            created_ns=9,
        )

    if url.endswith("://"):
        pytest.skip("a database in memory ends with its process")
    wanted = [replace(stream(number), callback="sealed", updated_ns=2) for number in (1, 2)]
    told = replace(last_words(replace(wanted[1], end_reason="crashed", ended_ns=2)), token="old")
    async with open_store(url, node="n1", clock=VirtualClock()) as store:
        for record in (*wanted, stream(3), replace(stream(4), callback="sealed", ended_ns=5)):
            await store.commit_now(record)
        store.put(told)  # its end was on its way when the process was killed
        assert await store.callbacks_left(limit=9) == [told]
    for _ in range(2):
        async with open_store(url, node="n1", clock=VirtualClock(), last_words=last_words) as store:
            assert [(row.line, row.token) for row in await store.callbacks_left(limit=9)] == [
                (wanted[0].sid, "new"),
                (wanted[1].sid, "old"),
            ]
