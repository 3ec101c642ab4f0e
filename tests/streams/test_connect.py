"""Bidirectional streams of a call: one at a time, waited for, ended by their far end or their call, never by a Stop."""

import asyncio
from typing import Any

import pytest

from bridgetap.engine import ForkWarned
from bridgetap.engine.virtual_loop import run_virtual
from bridgetap.errors import BridgetapError, Conflict, InvalidStream, NotFound
from bridgetap.streams import Named, StreamPolicy, StreamRequest

from .desk import URL, Desk, virtual


async def connect(desk: Desk, name: str = "agent", **changes: Any) -> Named:
    values: dict[str, Any] = {"transport": "websocket", "name": name, "url": URL}
    return await desk.call.connect(StreamRequest(**(values | changes)))


@virtual
async def test_the_core_is_told_that_the_far_end_may_speak(desk: Desk) -> None:
    named = await connect(desk)
    await desk.start("tap")
    agent, tap = desk.leg.forks.values()
    assert (agent.bidirectional, agent.tracks, agent.stream_sid) == (True, ("inbound",), named.sid)
    assert tap.bidirectional is False


def test_how_strictly_it_is_read_is_a_setting() -> None:
    async def main() -> None:
        desk = Desk(StreamPolicy(strict_messages=True))
        await connect(desk)
        assert [target.strict_messages for target in desk.leg.forks.values()] == [True]

    run_virtual(main())


@pytest.mark.parametrize(
    ("end", "error"),
    [
        ({"reason": "remote-closed", "close_code": 1000}, ""),
        ({"reason": "call-ended"}, ""),
        ({"reason": "remote-closed", "code": 31921, "close_code": 1011}, "31921: the server closed the socket"),
        ({"reason": "failed", "code": 31902, "detail": "refused"}, "31902: the server refused the connection: refused"),
    ],
)
def test_whoever_waits_is_told_how_it_ended(end: dict[str, Any], error: str) -> None:
    async def main() -> None:
        desk = Desk()
        named = await connect(desk)
        waiting = asyncio.ensure_future(desk.call.until_ended(named))
        await desk.settle()
        assert not waiting.done()
        (fork,) = desk.leg.forks
        desk.leg.end_fork(fork, **end)
        assert (await waiting).error == error
        assert (await desk.call.until_ended(named)).reason == end["reason"], "and again, when it is long over"
        await connect(desk)  # the next one may be connected

    run_virtual(main())


@virtual
async def test_a_wait_that_is_given_up_harms_nothing(desk: Desk) -> None:
    named = await connect(desk)
    waiting = asyncio.ensure_future(desk.call.until_ended(named))
    await desk.settle()
    waiting.cancel()
    await asyncio.wait([waiting])
    desk.call.disconnect(named)
    assert (await desk.call.until_ended(named)).reason == "stopped"


@virtual
async def test_it_is_ended_from_our_side_once(desk: Desk) -> None:
    named = await connect(desk)
    desk.call.disconnect(named)
    await desk.call.until_ended(named)
    desk.call.disconnect(named)
    await desk.settle()
    assert desk.ends() == [("agent", "stopped")]


@virtual
async def test_the_next_is_connected_while_the_last_still_drains(desk: Desk) -> None:
    first = await connect(desk)
    waiting = asyncio.ensure_future(desk.call.until_ended(first))
    await desk.settle()
    desk.call.disconnect(first)
    second = await connect(desk)
    assert (await waiting).reason == "stopped"
    desk.call.disconnect(second)
    assert (await desk.call.until_ended(second)).reason == "stopped"


@virtual
async def test_the_call_ends_it(desk: Desk) -> None:
    named = await connect(desk)
    desk.call.end_of_call()
    desk.leg.close()
    assert (await desk.call.until_ended(named)).reason == "call-ended"


@virtual
async def test_there_is_one_at_a_time_and_it_costs_no_track(desk: Desk) -> None:
    await connect(desk)
    with pytest.raises(Conflict) as refused:
        await connect(desk, "another")
    assert refused.value.code == 31941
    await desk.start("a", tracks=("inbound", "outbound"))
    await desk.start("b", tracks=("inbound", "outbound"))
    with pytest.raises(InvalidStream, match="4 of 4"):
        await desk.start("c")


@pytest.mark.parametrize("tracks", [("outbound",), ("inbound", "outbound")])
def test_it_hears_the_inbound_track_alone(tracks: tuple[str, ...]) -> None:
    async def main() -> None:
        desk = Desk()
        with pytest.raises(InvalidStream) as refused:
            await connect(desk, tracks=tracks)
        assert (refused.value.code, desk.leg.forks) == (31941, {})

    run_virtual(main())


@virtual
async def test_a_stop_ends_it_neither_by_name_nor_by_sid_nor_as_the_newest(desk: Desk) -> None:
    named = await connect(desk)
    for name, kind in ((named.name, Conflict), (named.sid, Conflict), (None, NotFound)):
        with pytest.raises(kind):
            desk.call.stop(name, "websocket")
    await desk.start("tap")
    assert desk.call.stop(None, "websocket").name == "tap"
    assert [stream.name for stream in desk.call.running()] == ["agent"]


@virtual
async def test_its_name_is_a_name_like_any_other(desk: Desk) -> None:
    await connect(desk)
    with pytest.raises(Conflict) as refused:
        await desk.start("agent")
    assert refused.value.code == 20409


@virtual
async def test_what_the_far_end_does_wrong_is_a_line_in_the_log_and_no_end(desk: Desk) -> None:
    named = await connect(desk)
    (fork,) = desk.leg.forks
    for code in (31931, 31950, 31951):
        desk.fake.push(ForkWarned(leg=desk.leg.id, fork=fork, code=code, detail="…"))
    await desk.settle()
    assert desk.notes == [("warning", 31931), ("warning", 31950), ("warning", 31951)]
    assert desk.call.running() == [named]


@virtual
async def test_only_what_was_connected_can_be_waited_for(desk: Desk) -> None:
    await desk.start("tap")
    with pytest.raises(BridgetapError):
        await desk.call.until_ended(desk.call.running()[0])
