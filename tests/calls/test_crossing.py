"""What crosses: words of a phone that we have given up already, a decision that comes while we are about to act."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bridgetap.calls import CallChange, TransferPolicy, Voice
from bridgetap.engine import CallAnswered, DialogId, RequestId, RequestReceived
from bridgetap.engine.virtual_loop import run_virtual
from bridgetap.twiml import DocumentText

from .stage import VOICE, Stage, connect, sdp

EVERYBODY = TransferPolicy(by="everybody", to=("client", "number", "sip"))
CAROL = "<sip:carol@203.0.113.7>"
WAIT = CallChange(voice=Voice(source=DocumentText(text="<Response><Pause length='600'/></Response>")))


@asynccontextmanager
async def talking(folder: Path) -> AsyncIterator[tuple[Stage, int]]:
    """A caller and the party that a document dialled, either of whom may transfer; and the dialog of that party."""
    async with Stage(folder, number=VOICE, transfers=EVERYBODY).running() as stage:
        stage.serve("voice", "<Dial>+15550001111</Dial>")
        await stage.call()
        callee = stage.dialled()[-1]
        await stage.answers(callee)
        yield stage, callee


def redirect(stage: Stage) -> None:
    stage.calls.change(stage.call_rows()[0].sid, WAIT)


def refer(dialog: int) -> RequestReceived:
    headers = [("CSeq", "7 REFER"), ("Refer-To", CAROL)]
    return RequestReceived(
        dialog=DialogId(dialog), request=RequestId(9001), method="REFER", headers=headers, content_type="", body=b""
    )


def answered(dialog: int) -> CallAnswered:
    return CallAnswered(
        dialog=DialogId(dialog),
        headers=[],
        content_type="application/sdp",
        body=sdp(),
        needs_ack=False,
        contact="",
        source="",
    )


def only_the_caller_is_left(stage: Stage) -> None:
    assert stage.fake.sip.open == {1}
    caller, *others = stage.call_rows()
    assert caller.status == "in-progress"
    assert [row.status for row in others if row.is_open] == []
    assert stage.fake.media.stats()["legs"] == 1


@pytest.mark.parametrize("late", [(180, b""), (183, sdp(port=50009))])
def test_what_a_cancelled_phone_still_says_is_not_heard_over_the_talk(tmp_path: Path, late: tuple[int, bytes]) -> None:
    """Its 180 or 183 and our CANCEL cross."""

    async def main() -> None:
        to = "+15550000001" if late[1] else "+15550000001,+15550000002"
        states = (connect(noun="number-multi", to=to, timeout=5, then="two"), connect("two"))
        async with Stage(tmp_path, *states).running() as stage:
            await stage.call()
            cancelled = stage.dialled()[-1]
            stage.fake.sip.open.discard(DialogId(cancelled))  # its end takes a while
            if late[1]:
                await stage.settle(6)
            await stage.answers(stage.dialled()[-1] if late[1] else stage.dialled()[0])
            talking = stage.leg(1).peer
            assert talking is not None
            await stage.ringing(cancelled, *late)
            assert stage.leg(1).peer is talking
            assert stage.leg(1).playing == []
            stage.fake.sip.open.add(DialogId(cancelled))
            await stage.hang_up(cancelled, cause="cancelled", status=487)
            assert stage.leg(1).peer is talking

    run_virtual(main())


def test_a_dial_that_is_left_while_its_ringing_tone_is_made_leaves_no_row_open(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.prompter.ringback_s = 2.0
            stage.serve("voice", "<Dial><Number>+15550001111</Number><Number>+15550002222</Number></Dial>")
            await stage.call()
            redirect(stage)
            await stage.settle(5)
            assert stage.dialled() == []
            only_the_caller_is_left(stage)

    run_virtual(main())


@pytest.mark.parametrize("turns", range(30))
def test_a_dial_that_is_left_at_any_moment_leaves_nobody_behind(tmp_path: Path, turns: int) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve(
                "voice", "<Say>one</Say><Dial><Number>+15550001111</Number><Number>+15550002222</Number></Dial>"
            )
            await stage.call()
            stage.leg(1).finish_playing()
            await stage.turns(turns)
            redirect(stage)
            await stage.settle(5)
            only_the_caller_is_left(stage)

    run_virtual(main())


@pytest.mark.parametrize("by", ["caller", "callee"])
def test_a_transfer_that_is_left_while_its_ringing_tone_is_made_leaves_no_row_open(tmp_path: Path, by: str) -> None:
    async def main() -> None:
        async with talking(tmp_path) as (stage, callee):
            stage.prompter.ringback_s = 2.0
            assert await stage.refers(callee if by == "callee" else 1, CAROL) == 202
            redirect(stage)
            await stage.settle(5)
            assert len(stage.dialled()) == 1
            only_the_caller_is_left(stage)

    run_virtual(main())


@pytest.mark.parametrize("turns", range(12))
@pytest.mark.parametrize("first", ["refer", "redirect"])
def test_a_transfer_that_is_left_at_any_moment_leaves_nobody_behind(tmp_path: Path, first: str, turns: int) -> None:
    async def main() -> None:
        async with talking(tmp_path) as (stage, callee):
            if first == "refer":
                stage.fake.push(refer(callee))
                await stage.turns(turns)
                redirect(stage)
            else:
                redirect(stage)
                await stage.turns(turns)
                stage.fake.push(refer(callee))
            await stage.settle(5)
            only_the_caller_is_left(stage)

    run_virtual(main())


@pytest.mark.parametrize("turns", range(12))
@pytest.mark.parametrize("first", ["answer", "redirect"])
def test_who_answers_a_transfer_as_it_is_left_is_hung_up(tmp_path: Path, first: str, turns: int) -> None:
    async def main() -> None:
        async with talking(tmp_path) as (stage, callee):
            assert await stage.refers(callee, CAROL) == 202
            carol = stage.dialled()[-1]
            if first == "answer":
                stage.fake.push(answered(carol))
                await stage.turns(turns)
                redirect(stage)
            else:
                redirect(stage)
                await stage.turns(turns)
                stage.fake.push(answered(carol))
            await stage.settle(5)
            only_the_caller_is_left(stage)

    run_virtual(main())


def test_the_end_of_one_transfer_leaves_the_next_alone(tmp_path: Path) -> None:
    """Nobody answers the NOTIFY of the first; the second is under way when that is given up."""

    async def main() -> None:
        async with Stage(tmp_path, connect(), transfers=EVERYBODY).running() as stage:
            await stage.call()
            callee = stage.dialled()[-1]
            await stage.answers(callee)
            await stage.refers(callee, CAROL)
            await stage.hang_up(stage.dialled()[-1], cause="rejected", status=486)
            assert await stage.refers(callee, CAROL, cseq=8) == 202
            carol = stage.dialled()[-1]
            await stage.settle(5)
            assert await stage.refers(callee, CAROL, cseq=9) == 491
            await stage.answers(carol)
            assert stage.leg(1).peer is stage.leg(4)

    run_virtual(main())


def test_no_transfer_begins_once_the_time_for_talking_is_up(tmp_path: Path) -> None:
    """The first is told that it is over, which takes as long as nobody answers: the talk is over all the same."""

    async def main() -> None:
        async with Stage(tmp_path, connect(time_limit=20), transfers=EVERYBODY).running() as stage:
            await stage.call()
            callee = stage.dialled()[-1]
            await stage.answers(callee)
            await stage.settle(19)
            await stage.refers(callee, CAROL)
            await stage.settle(1.5)
            assert await stage.refers(1, CAROL) == 491
            await stage.settle(3)
            assert stage.calls.gauges()["calls_live"] == 0
            assert [row.status for row in stage.call_rows()] == ["completed", "completed", "canceled"]

    run_virtual(main())
