"""Calls made over REST: rung, answered, the flow runs on them."""

import asyncio
from pathlib import Path

import pytest

from bridgetap.calls import CallLimits, NewCall
from bridgetap.engine.virtual_loop import run_virtual
from bridgetap.errors import Conflict, InvalidInput
from bridgetap.ids import CallSid
from bridgetap.store import StoreError, StoreFull, StoreRefused

from .stage import Stage, connect, say

FROM = "+15551230000"


async def create(stage: Stage, to: str = "+15550001111", *, timeout_s: int = 60) -> CallSid:
    sid = await stage.calls.create(NewCall(to=to, from_=FROM, timeout_s=timeout_s))
    await stage.settle()
    return sid


def test_the_flow_runs_once_the_callee_answers(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, say(text="{{trigger.call.Direction}} {{trigger.call.To}}")).running() as stage:
            sid = await create(stage)
            assert next(row.status for row in stage.records.versions if row.sid == sid) == "queued"
            (callee,) = stage.dialled()
            await stage.ringing(callee)
            assert stage.call_rows()[0].status == "ringing"
            await stage.settle(20)
            assert stage.prompter.made == []
            await stage.answers(callee)
            assert stage.prompter.made == ["outbound-api +15550001111"]
            assert stage.call_rows()[0].status == "in-progress"
            await stage.heard()
            (row,) = stage.call_rows()
            assert (row.direction, row.status, row.from_, row.to, row.trunk) == (
                "outbound-api",
                "completed",
                FROM,
                "+15550001111",
                "carrier",
            )
            assert stage.execution().call_sid == sid

    run_virtual(main())


def test_the_flow_of_such_a_call_can_connect_another(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect()).running() as stage:
            await create(stage, "sip:bob@198.51.100.9")
            await stage.answers(stage.dialled()[0])
            await stage.answers(stage.dialled()[1])
            assert stage.leg(1).peer is stage.leg(2)
            await stage.hang_up(stage.dialled()[0])
            assert stage.fake.sent("hang_up")[0].of == stage.dialled()[1]

    run_virtual(main())


@pytest.mark.parametrize(
    ("status", "row_status"), [(486, "busy"), (480, "no-answer"), (404, "failed"), (603, "busy"), (500, "failed")]
)
def test_a_refusal_stands_in_the_row(tmp_path: Path, status: int, row_status: str) -> None:
    async def main() -> None:
        async with Stage(tmp_path, say()).running() as stage:
            await create(stage)
            await stage.hang_up(stage.dialled()[0], cause="rejected", status=status)
            (row,) = stage.call_rows()
            assert (row.status, row.sip_status) == (row_status, status)
            assert stage.prompter.made == []
            assert stage.calls.gauges()["calls_live"] == 0

    run_virtual(main())


def test_nobody_answers_in_time(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, say()).running() as stage:
            await create(stage, timeout_s=15)
            await stage.settle(15.1)
            assert stage.fake.sent("hang_up")[0].of == stage.dialled()[0]
            assert stage.call_rows()[0].status == "no-answer"
            assert stage.calls.gauges()["calls_live"] == 0

    run_virtual(main())


def test_nobody_there_at_all(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, say()).running() as stage:
            await create(stage)
            await stage.hang_up(stage.dialled()[0], cause="timeout")
            assert stage.call_rows()[0].status == "no-answer"

    run_virtual(main())


@pytest.mark.parametrize(
    ("to", "from_", "flow", "code"),
    [
        ("nobody", FROM, None, 21211),
        ("client:nobody", FROM, None, 21211),
        ("sip:", FROM, None, 21211),
        ("+15550001111", "+15550009999", None, 21212),
        ("+15550001111", FROM, "../../etc/passwd", 20001),
        ("+15550001111", FROM, "missing.json", 20001),
    ],
)
def test_what_cannot_be_called_is_refused_with_its_code(
    tmp_path: Path, to: str, from_: str, flow: str | None, code: int
) -> None:
    async def main() -> None:
        async with Stage(tmp_path, say()).running() as stage:
            with pytest.raises(InvalidInput) as refused:
                await stage.calls.create(NewCall(to=to, from_=from_, runs=flow))
            assert refused.value.code == code
            assert stage.call_rows() == []

    run_virtual(main())


@pytest.mark.parametrize("why", ["full", "draining", "store"])
def test_no_call_is_made_when_none_would_be_taken(tmp_path: Path, why: str) -> None:
    async def main() -> None:
        async with Stage(tmp_path, say(loop=9), limits=CallLimits(max_calls=1)).running() as stage:
            if why == "full":
                await create(stage)
            elif why == "draining":
                await stage.calls.drain()
            else:
                stage.records.full = True
            with pytest.raises(Conflict) as refused:
                await create(stage)
            assert refused.value.code == 20503

    run_virtual(main())


@pytest.mark.parametrize("trouble", ["away", "cancelled", "draining"])
def test_a_call_that_is_not_made_once_its_row_may_be_there_has_its_end(tmp_path: Path, trouble: str) -> None:
    async def main() -> None:
        async with Stage(tmp_path, say(), limits=CallLimits(drain_s=1)).running() as stage:
            stage.records.commit_s = 10.0
            creating = asyncio.ensure_future(create(stage))
            await stage.settle(1)
            if trouble == "away":
                stage.records.away = True
            elif trouble == "cancelled":
                creating.cancel()
            else:
                await stage.calls.drain()
            await asyncio.wait([creating])
            if trouble != "cancelled":
                error = creating.exception()
                assert isinstance(error, Conflict)
                assert error.code == 20503
            (row,) = stage.call_rows()
            assert (row.status, row.is_open) == ("failed", False)
            assert stage.dialled() == []
            assert stage.calls.gauges()["calls_live"] == 0

    run_virtual(main())


@pytest.mark.parametrize("error", [StoreFull(1), StoreRefused("calls", "null")])
def test_a_call_without_a_row_is_not_made_and_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: StoreError
) -> None:
    async def refuse(_: object) -> None:
        raise error

    async def main() -> None:
        async with Stage(tmp_path, say()).running() as stage:
            monkeypatch.setattr(stage.records, "commit_now", refuse)
            with pytest.raises(Conflict):
                await create(stage)
            assert stage.records.versions == []

    run_virtual(main())
