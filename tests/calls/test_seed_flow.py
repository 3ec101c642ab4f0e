"""The product's main job on the fake: fork started, call bridged, fork stopped; every command in its place."""

from pathlib import Path

from bridgetap.engine import ForkOpened
from bridgetap.engine.virtual_loop import run_virtual
from bridgetap.store import StreamRecord

from .stage import SEED, Stage


def test_the_callee_hangs_up_and_the_flow_goes_on_to_stop(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *SEED).running() as stage:
            await stage.call()
            (callee,) = stage.dialled()
            await stage.ringing(callee)
            await stage.answers(callee)
            assert stage.leg(1).peer is stage.leg(2)
            await stage.settle(60)
            await stage.hang_up(callee)
            await stage.settle()
            names = stage.fake.names()
            order = ["answer", "fork", "invite", "play", "stop_play", "bridge", "unbridge", "stop_fork", "hang_up"]
            assert [name for name in names if name in order] == order
            assert stage.steps() == [
                ("Trigger", "incomingCall", "one"),
                ("one", "next", "two"),
                ("two", "callCompleted", "stop"),
                ("stop", "next", "Ended"),
            ]
            assert stage.outcome("two")["DialCallStatus"] == "completed"
            assert stage.outcome("two")["DialCallDuration"] == "60"
            caller, callee_row = stage.call_rows()
            assert (caller.direction, caller.status, caller.from_, caller.to) == (
                "inbound",
                "completed",
                "+15559998888",
                "+15551230000",
            )
            assert (callee_row.direction, callee_row.status, callee_row.to) == (
                "outbound-dial",
                "completed",
                "+15550001111",
            )
            assert callee_row.parent_call_sid == caller.sid
            assert callee_row.duration_s == 60
            assert stage.outcome("two")["DialCallSid"] == callee_row.sid
            (stream,) = stage.stream_rows()
            assert (stream.end_reason, stream.name, stream.tracks) == ("stopped", "tap", ("inbound", "outbound"))
            assert stage.execution().ended_ns is not None
            assert stage.notes() == []
            assert stage.fake.media.stats()["legs"] == 0, "every port is free again"
            assert stage.calls.gauges()["calls_live"] == 0

    run_virtual(main())


def test_next_fires_and_the_callee_rings_while_the_stream_is_still_connecting(tmp_path: Path) -> None:
    """The far end is held before TLS: the core has not said `ForkOpened` when the INVITE goes out."""

    async def main() -> None:
        async with Stage(tmp_path, *SEED).running() as stage:
            await stage.call()
            (callee,) = stage.dialled()
            await stage.ringing(callee)
            await stage.answers(callee)
            (stream,) = stage.records.of(StreamRecord)
            assert stream.opened_ns is None, "still connecting, and the parties talk"
            assert stage.leg(1).peer is stage.leg(2)
            (fork,) = stage.leg(1).forks
            stage.fake.push(ForkOpened(leg=stage.leg(1).id, fork=fork, connect_ms=30_000))
            await stage.settle()
            (stream,) = stage.records.of(StreamRecord)
            assert stream.opened_ns is not None
            await stage.hang_up(callee)

    run_virtual(main())


def test_a_stream_that_fails_changes_nothing_for_the_call(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *SEED).running() as stage:
            await stage.call()
            (callee,) = stage.dialled()
            (fork,) = stage.leg(1).forks
            stage.leg(1).end_fork(fork, reason="failed", code=31910, detail="certificate has expired")
            await stage.answers(callee)
            assert stage.leg(1).peer is stage.leg(2)
            await stage.hang_up(callee)
            (stream,) = stage.stream_rows()
            assert (stream.end_reason, stream.code, stream.detail) == ("failed", 31910, "certificate has expired")
            assert stage.notes() == [("error", 31910), ("warning", 20404)], "the failure, then nothing to stop"
            assert stage.steps()[-1] == ("stop", "next", "Ended"), "Next all the same"

    run_virtual(main())


def test_the_caller_hangs_up_while_talking(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *SEED).running() as stage:
            await stage.call()
            (callee,) = stage.dialled()
            await stage.answers(callee)
            await stage.settle(10)
            await stage.hang_up(1)
            assert [command.of for command in stage.fake.sent("hang_up")] == [callee], "the callee gets a BYE"
            assert stage.steps()[-1] == ("two", "hangup", "Ended")
            assert stage.outcome("two")["DialCallStatus"] == "completed"
            (stream,) = stage.stream_rows()
            assert stream.end_reason == "call-ended"
            assert [row.status for row in stage.call_rows()] == ["completed", "completed"]
            assert stage.calls.gauges()["calls_live"] == 0

    run_virtual(main())
