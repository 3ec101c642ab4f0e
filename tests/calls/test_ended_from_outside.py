"""Calls and dialled parties that are ended or changed over REST, also while they end by themselves."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from bridgetap.calls import CallChange, CallLimits, MediaAddresses, NewCall, TransferPolicy, Voice
from bridgetap.calls.media_address import MediaAddress
from bridgetap.engine import DialogId
from bridgetap.engine.virtual_loop import run_virtual
from bridgetap.errors import Conflict, NotFound
from bridgetap.flow.stream_url import StreamUrl
from bridgetap.ids import CallSid
from bridgetap.streams import StreamRequest
from bridgetap.twiml import DocumentText

from .stage import VOICE, Stage, connect, say

FROM = "+15551230000"
ELSEWHERE = CallChange(voice=Voice(source=DocumentText(text="<Response><Pause/></Response>")))
TAP = StreamRequest(transport="websocket", name="tap", url=StreamUrl.parse("wss://a.test/"))


async def create(stage: Stage, to: str = "+15550001111", *, timeout_s: int = 60) -> CallSid:
    sid = await stage.calls.create(NewCall(to=to, from_=FROM, timeout_s=timeout_s))
    await stage.settle()
    return sid


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
            assert len(stage.dialled()) == 1
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


# -- changed as it ends --


@pytest.mark.parametrize("by", ["callee", "api"])
def test_who_is_gone_while_keys_are_sent_runs_no_document(tmp_path: Path, by: str) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            sid = await stage.calls.create(NewCall(to="+15550001111", from_=FROM, send_digits="1w2"))
            await stage.settle()
            (callee,) = stage.dialled()
            await stage.answers(callee)
            stage.fake.sip.open.discard(DialogId(callee))  # its end takes a while
            if by == "api":
                ending = asyncio.ensure_future(stage.calls.end(sid, "completed"))
                await stage.settle()
                await stage.heard()
            stage.fake.sip.open.add(DialogId(callee))
            await stage.hang_up(callee)
            assert (stage.asked(), stage.documents()) == ([], [])
            if by == "api":
                assert ending.done()
            assert stage.call_rows()[0].status == "completed"
            assert stage.calls.gauges()["calls_live"] == 0

    run_virtual(main())


def test_a_call_that_only_waits_for_its_last_bye_cannot_be_redirected(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, say()).running() as stage:
            await stage.call()
            stage.fake.sip.open.discard(DialogId(1))  # its end takes a while
            await stage.heard()
            with pytest.raises(Conflict) as refused:
                stage.calls.change(stage.call_rows()[0].sid, ELSEWHERE)
            assert refused.value.code == 21220

    run_virtual(main())


@pytest.mark.parametrize("turns", range(8))
def test_a_time_limit_that_is_just_over_can_be_asked_to_be_longer(tmp_path: Path, turns: int) -> None:
    """Too late to help, and no fault of who asks."""

    async def main() -> None:
        async with Stage(tmp_path, connect(), limits=CallLimits(time_limit_s=20)).running() as stage:
            loop = asyncio.get_running_loop()
            began = loop.time()
            await stage.call()
            await stage.answers(stage.dialled()[0])
            await stage.settle(began + 20 - loop.time())
            await stage.turns(turns)
            with suppress(NotFound):
                stage.calls.change(stage.call_rows()[0].sid, CallChange(time_limit_s=60))
            await stage.settle(60)
            assert stage.calls.gauges()["calls_live"] == 0

    run_virtual(main())


# -- who took a place, and streams as it ends --


def test_who_took_the_callers_place_is_ended_by_its_own_sid_too(tmp_path: Path) -> None:
    async def main() -> None:
        transfers = TransferPolicy(by="everybody")
        async with Stage(tmp_path, connect(), transfers=transfers).running() as stage:
            await stage.call()
            await stage.answers(stage.dialled()[0])
            await stage.refers(1, "<sip:+15552222222@pbx.example>")
            carol = stage.dialled()[-1]
            await stage.answers(carol)
            await stage.notified(1)
            caller, _, new = stage.call_rows()
            assert new.status == "in-progress"
            with pytest.raises(Conflict):
                await stage.calls.end(new.sid, "canceled")
            with pytest.raises(Conflict):
                stage.calls.change(new.sid, ELSEWHERE)
            with pytest.raises(Conflict, match=caller.sid):
                await stage.calls.start_stream(new, TAP)
            assert len((await stage.calls.start_stream(caller, TAP)).sid) == 34
            await stage.calls.end(new.sid, "completed")
            assert stage.fake.sent("hang_up")[-1].of == carol or carol not in stage.fake.sip.open
            await stage.settle()
            assert [row.status for row in stage.call_rows()] == ["completed"] * 3

    run_virtual(main())


@pytest.mark.parametrize("by", ["drain", "api"])
def test_no_stream_begins_on_a_leg_once_its_call_ends(tmp_path: Path, by: str) -> None:
    """Also on one that had none until then; its last BYE is still to come."""

    async def main() -> None:
        async with Stage(tmp_path, connect(), limits=CallLimits(drain_s=0)).running() as stage:
            await stage.call()
            (callee,) = stage.dialled()
            await stage.answers(callee)
            for dialog in (1, callee):
                stage.fake.sip.open.discard(DialogId(dialog))  # its end takes a while
            caller, child = stage.call_rows()
            ending = stage.calls.drain() if by == "drain" else stage.calls.end(caller.sid, "completed")
            task = asyncio.ensure_future(ending)
            await stage.settle(1)
            for row in (caller, child):
                with pytest.raises(Conflict) as refused:
                    await stage.calls.start_stream(row, TAP)
                assert refused.value.code == 21220
            task.cancel()

    run_virtual(main())
