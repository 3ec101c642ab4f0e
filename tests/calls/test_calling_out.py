"""Calls made over REST: rung, answered, the flow runs on them; and ended from outside."""

import asyncio
from pathlib import Path

import pytest

from bridgetap.calls import CallLimits, MediaAddresses, NewCall
from bridgetap.calls.media_address import MediaAddress
from bridgetap.engine import DialogId
from bridgetap.engine.virtual_loop import run_virtual
from bridgetap.errors import Conflict, InvalidInput, NotFound
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


# -- ended from outside --


def test_canceled_while_it_rings(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, say()).running() as stage:
            sid = await create(stage)
            await stage.calls.end(sid, "canceled")
            assert stage.fake.sent("hang_up")[0].of == stage.dialled()[0]
            assert stage.call_rows()[0].status == "canceled"
            with pytest.raises(NotFound):
                await stage.calls.end(sid, "completed")

    run_virtual(main())


def test_completed_while_a_flow_runs(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, say(loop=99)).running() as stage:
            await stage.call()
            (row,) = stage.call_rows()
            with pytest.raises(Conflict) as refused:
                await stage.calls.end(row.sid, "canceled")
            assert refused.value.code == 21220
            await stage.calls.end(row.sid, "completed")
            assert stage.call_rows()[0].status == "completed"
            assert stage.execution().end_reason == "api"
            assert not stage.leg(1).playing

    run_virtual(main())


def test_completed_while_two_talk_ends_both(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect()).running() as stage:
            await stage.call()
            (callee,) = stage.dialled()
            await stage.answers(callee)
            ending = asyncio.ensure_future(stage.calls.end(stage.call_rows()[0].sid, "completed"))
            await stage.settle()
            assert ending.done()
            assert {command.of for command in stage.fake.sent("hang_up")} == {1, callee}
            assert [row.status for row in stage.call_rows()] == ["completed", "completed"]

    run_virtual(main())


@pytest.mark.parametrize("status", [503, 408])
def test_a_dialled_party_that_is_canceled_is_not_tried_over_the_next_trunk(tmp_path: Path, status: int) -> None:
    """A trunk's refusal and our CANCEL cross."""

    async def main() -> None:
        trunks = ({"name": "first", "priority": 1}, {"name": "second", "priority": 2})
        async with Stage(tmp_path, connect(then="after"), say("after"), trunks=trunks).running() as stage:
            await stage.call(trunk=None, user="alice")
            (callee,) = stage.dialled()
            stage.fake.sip.open.discard(DialogId(callee))  # its end takes a while
            ending = asyncio.ensure_future(stage.calls.end(stage.call_rows()[1].sid, "canceled"))
            await stage.settle()
            stage.fake.sip.open.add(DialogId(callee))
            await stage.hang_up(callee, cause="rejected", status=status)
            assert stage.dialled() == [callee]
            assert ending.done()
            assert stage.call_rows()[1].status == "canceled"
            assert stage.prompter.made == ["hello"], "the caller goes on"

    run_virtual(main())


def test_a_dialled_party_that_is_canceled_is_not_rung_on_a_phone_that_is_still_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    towards, pauses_s = MediaAddresses.towards, iter([0, 2])

    async def slow(self: MediaAddresses, host: str) -> MediaAddress:
        await asyncio.sleep(next(pauses_s))
        return await towards(self, host)

    async def main() -> None:
        monkeypatch.setattr(MediaAddresses, "towards", slow)
        async with Stage(tmp_path, connect(noun="client", to="alice")).running() as stage:
            stage.registers("alice", "sip:desk@198.51.100.9")
            stage.registers("alice", "sip:pocket@198.51.100.10")
            await stage.call()
            (callee,) = stage.dialled()
            ending = asyncio.ensure_future(stage.calls.end(stage.call_rows()[1].sid, "canceled"))
            await stage.settle(3)
            assert stage.fake.sip.open == set()
            assert ending.done()
            assert stage.call_rows()[1].status == "canceled"

    run_virtual(main())


def test_a_dialled_party_that_talks_can_be_completed_not_canceled(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect()).running() as stage:
            await stage.call()
            (callee,) = stage.dialled()
            await stage.answers(callee)
            sid = stage.call_rows()[1].sid
            with pytest.raises(Conflict) as refused:
                await stage.calls.end(sid, "canceled")
            assert refused.value.code == 21220
            assert stage.leg(1).peer is stage.leg(2), "they talk on"
            await stage.calls.end(sid, "completed")
            assert stage.call_rows()[1].status == "completed"

    run_virtual(main())
