"""Which calls are remembered as forgotten: the last ones, with their executions."""

from dataclasses import replace

import pytest

from bridgetap.clock import VirtualClock
from bridgetap.ids import CallSid, ExecutionSid
from bridgetap.store import StoreUnavailable, open_store
from bridgetap.store.forgotten import Forgotten

from .rows import EXECUTION, call, callback, document, execution, step, stream


def test_all_that_is_of_such_a_call_is_held() -> None:
    forgotten = Forgotten()
    forgotten.add(call().sid, (EXECUTION,))
    for record in (call(), stream(), execution(), step(0), document(), callback(0)):
        assert forgotten.holds(record)
    for record in (call(2), document(number=2), replace(step(0), execution_sid=ExecutionSid("FN"))):
        assert not forgotten.holds(record)


def test_only_the_last_ones_are_remembered() -> None:
    forgotten = Forgotten(capacity=2)
    for number in (1, 2, 1, 3):
        forgotten.add(CallSid(call(number).sid), (ExecutionSid(f"FN{number}"),))
    assert [forgotten.holds(call(number)) for number in (1, 2, 3)] == [True, False, True]
    steps = [replace(step(0), execution_sid=ExecutionSid(f"FN{number}")) for number in (1, 2, 3)]
    assert [forgotten.holds(record) for record in steps] == [True, False, True]


async def test_a_call_that_could_not_be_forgotten_is_still_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(*, timeout_s: float = 0) -> None:
        raise StoreUnavailable("what waits", timeout_s)

    async with open_store("sqlite+aiosqlite://", node="n1", clock=VirtualClock()) as store:
        await store.commit_now(call())
        with monkeypatch.context() as patch:
            patch.setattr(store, "flush", silent)
            with pytest.raises(StoreUnavailable):
                await store.forget_call(call().sid)
        ended = call(status="completed", ended_ns=9)
        store.put(ended)
        assert await store.calls.get(call().sid) == ended
