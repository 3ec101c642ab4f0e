"""What goes wrong with a stream, and the server's end: whatever happens, it ends once."""

import asyncio

import pytest
import structlog

from bridgetap.engine import EngineError, ForkLagging, ForkOpened, ForkReconnecting, ForkResumed
from bridgetap.engine.fake import FakeLeg
from bridgetap.engine.virtual_loop import run_virtual
from bridgetap.errors import Conflict
from bridgetap.flow.stream_options import StreamOptions
from bridgetap.store import StoreFull, StoreUnavailable

from .desk import Desk, virtual


@virtual
async def test_a_store_without_room_refuses_and_leaves_nothing(desk: Desk) -> None:
    async def full() -> None:
        raise StoreFull(10)

    desk.commit = full
    with pytest.raises(Conflict):
        await desk.start()
    assert (desk.versions, desk.leg.forks, desk.streams.live) == ([], {}, 0)
    desk.commit = lambda: asyncio.sleep(0)
    await desk.start()


@virtual
async def test_a_store_that_does_not_answer_may_have_the_row_so_it_is_ended(desk: Desk) -> None:
    async def silent() -> None:
        raise StoreUnavailable("streams", 10.0)

    desk.commit = silent
    with pytest.raises(StoreUnavailable):
        await desk.start()
    assert (desk.ends(), desk.leg.forks) == ([("tap", "failed")], {})


@virtual
async def test_a_start_that_is_cancelled_ends_too(desk: Desk) -> None:
    desk.commit = lambda: asyncio.sleep(60)
    starting = asyncio.ensure_future(desk.start())
    await desk.settle()
    starting.cancel()
    await asyncio.wait([starting])
    assert desk.ends() == [("tap", "failed")]
    assert desk.streams.live == 0


def test_a_core_that_refuses_the_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        desk = Desk()

        def refuse(*_: object) -> None:
            raise EngineError("too many forks")

        monkeypatch.setattr(FakeLeg, "fork", refuse)
        await desk.start()
        assert desk.ends() == [("tap", "failed")]
        assert desk.notes == [("error", 31900)]

    run_virtual(main())


@virtual
async def test_dropped_audio_is_said_once(desk: Desk) -> None:
    await desk.start()
    (fork,) = desk.leg.forks
    for dropped_ms in (0, 0, 400, 800):
        desk.fake.push(ForkLagging(leg=desk.leg.id, fork=fork, lag_ms=4000, percent=90, dropped_ms=dropped_ms))
    await desk.settle()
    assert desk.notes == [("warning", 31930)]


@virtual
async def test_a_stream_that_is_resumed_says_so_and_ends_once(desk: Desk) -> None:
    await desk.start(options=StreamOptions.of(resume=True))
    (fork,) = desk.leg.forks
    leg = desk.leg.id

    def lost(code: int, detail: str) -> ForkReconnecting:
        return ForkReconnecting(leg=leg, fork=fork, endpoint=0, wait_ms=100, code=code, detail=detail, close_code=0)

    desk.fake.push(ForkOpened(leg=leg, fork=fork, connect_ms=1))
    for _ in range(2):
        desk.fake.push(lost(31903, "broken"))
        await desk.settle()
        desk.fake.push(lost(31902, "refused"))
        await desk.settle()
        desk.fake.push(
            ForkResumed(leg=leg, fork=fork, endpoint=0, down_ms=300, knows=True, frames_replayed=7, gap_ms=0)
        )
        await desk.settle()
    assert desk.rows()["tap"].reconnects == 2
    assert desk.rows()["tap"].is_open
    assert desk.notes == [("warning", 31903), ("warning", 31903)]
    desk.leg.end_fork(fork, reason="call-ended")
    await desk.settle()
    assert desk.ends() == [("tap", "call-ended")]


@virtual
async def test_a_stream_that_is_stopped_while_it_reconnects_ends_as_stopped(desk: Desk) -> None:
    await desk.start()
    (fork,) = desk.leg.forks
    desk.fake.push(ForkOpened(leg=desk.leg.id, fork=fork, connect_ms=1))
    desk.fake.push(
        ForkReconnecting(leg=desk.leg.id, fork=fork, endpoint=1, wait_ms=0, code=31921, detail="", close_code=1012)
    )
    await desk.settle()
    desk.call.stop("tap", "websocket")
    await desk.settle()
    assert desk.ends() == [("tap", "stopped")]


# -- the server's end --


@virtual
async def test_the_server_waits_for_what_drains(desk: Desk) -> None:
    await desk.start()
    (fork,) = desk.leg.forks
    closing = asyncio.ensure_future(desk.streams.close(patience_s=5))
    await asyncio.sleep(2)
    assert not closing.done()
    desk.leg.end_fork(fork, reason="call-ended")
    await desk.settle()
    assert closing.done()
    assert desk.ends() == [("tap", "call-ended")]


@virtual
async def test_what_does_not_end_in_time_ends_as_drained(desk: Desk) -> None:
    await desk.start("a")
    await desk.start("b")
    await desk.streams.close(patience_s=5)
    assert sorted(desk.ends()) == [("a", "drained"), ("b", "drained")]
    assert desk.streams.live == 0


@pytest.mark.parametrize("outcome", [None, StoreFull(1), StoreUnavailable("streams", 10.0)])
def test_what_the_server_ends_while_its_row_is_written_ends_once(outcome: Exception | None) -> None:
    async def main() -> None:
        desk = Desk()
        committed = asyncio.Event()

        async def slowly() -> None:
            await committed.wait()
            if outcome is not None:
                raise outcome

        desk.commit = slowly
        starting = asyncio.ensure_future(desk.start())
        await desk.settle()
        await desk.streams.close(patience_s=1)
        committed.set()
        await asyncio.wait([starting])
        assert type(starting.exception()) in (type(None), Conflict, StoreUnavailable)
        assert desk.ends() == [("tap", "drained")]
        assert desk.leg.forks == {}, "the core never hears of it"
        assert desk.streams.live == 0

    run_virtual(main())


@virtual
async def test_what_the_core_says_after_the_servers_end_is_not_heard(desk: Desk) -> None:
    await desk.start()
    (fork,) = desk.leg.forks
    await desk.streams.close(patience_s=1)
    with structlog.testing.capture_logs() as logs:
        desk.fake.push(ForkOpened(leg=desk.leg.id, fork=fork, connect_ms=1))
        desk.leg.end_fork(fork, reason="call-ended")
        await desk.settle()
    assert logs == []
    assert desk.ends() == [("tap", "drained")]
