"""Dial: who rings, for how long, what the caller hears meanwhile, and what the flow is told."""

from pathlib import Path
from typing import Any

import pytest

from bridgetap.engine import CallAnswered, DialogId, FlowId, RegisterReceived, RequestId
from bridgetap.engine.virtual_loop import run_virtual

from .stage import RINGBACK, Stage, connect, say, sdp


def dial_status(stage: Stage) -> str:
    return str(stage.outcome("one")["DialCallStatus"])


@pytest.mark.parametrize(
    ("status", "dial_status_", "row_status"),
    [
        (486, "busy", "busy"),
        (600, "busy", "busy"),
        (603, "busy", "busy"),
        (480, "no-answer", "no-answer"),
        (408, "no-answer", "no-answer"),
        (404, "failed", "failed"),
        (500, "failed", "failed"),
        (403, "failed", "failed"),
    ],
)
def test_a_refusal_by_its_status(tmp_path: Path, status: int, dial_status_: str, row_status: str) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect(then="after"), say("after")).running() as stage:
            await stage.call()
            (callee,) = stage.dialled()
            await stage.hang_up(callee, cause="rejected", status=status)
            assert stage.prompter.made == ["hello"], "the flow goes on with the caller still there"
            await stage.heard()
            assert dial_status(stage) == dial_status_
            row = stage.call_rows()[1]
            assert (row.status, row.sip_status) == (row_status, status)
            assert stage.outcome("one")["DialCallSid"] == row.sid

    run_virtual(main())


def test_nobody_answers_within_the_timeout(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect(timeout=20)).running() as stage:
            await stage.call()
            (callee,) = stage.dialled()
            await stage.ringing(callee)
            await stage.settle(19.9)
            assert stage.fake.sent("hang_up") == []
            await stage.settle(0.2)
            assert stage.fake.sent("hang_up")[0].of == callee, "CANCEL"
            assert dial_status(stage) == "no-answer"
            assert stage.call_rows()[1].status == "no-answer"

    run_virtual(main())


def test_thirty_seconds_is_the_timeout_where_the_flow_names_none(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect()).running() as stage:
            await stage.call()
            await stage.settle(29.9)
            assert stage.fake.sent("hang_up") == []
            await stage.settle(0.2)
            assert dial_status(stage) == "no-answer"

    run_virtual(main())


def test_the_caller_hangs_up_while_it_rings(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect(then="after"), say("after")).running() as stage:
            await stage.call()
            (callee,) = stage.dialled()
            await stage.ringing(callee)
            await stage.hang_up(1)
            assert stage.fake.sent("hang_up")[0].of == callee, "CANCEL to the callee"
            assert stage.steps()[-1] == ("one", "hangup", "Ended")
            assert dial_status(stage) == "canceled"
            assert [row.status for row in stage.call_rows()] == ["completed", "canceled"]
            assert stage.prompter.made == []

    run_virtual(main())


def test_an_answer_that_crosses_with_the_callers_hang_up_is_ended_too(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect()).running() as stage:
            await stage.call()
            (callee,) = stage.dialled()
            stage.fake.sip.end(DialogId(1), cause="bye")
            await stage.answers(callee)
            assert [command.of for command in stage.fake.sent("hang_up")] == [callee]
            assert stage.leg(1).peer is None
            assert dial_status(stage) == "canceled"
            assert stage.fake.media.stats()["legs"] == 0

    run_virtual(main())


@pytest.mark.parametrize("later", ["hangs up", "time limit"])
def test_talking_ends_by_either_or_by_the_clock(tmp_path: Path, later: str) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect(time_limit="600")).running() as stage:
            await stage.call()
            (callee,) = stage.dialled()
            await stage.settle(5)
            await stage.answers(callee)
            if later == "hangs up":
                await stage.settle(300)
                await stage.hang_up(callee)
            else:
                await stage.settle(601)
                assert stage.fake.sent("hang_up")[0].of == callee
            assert dial_status(stage) == "completed"
            assert stage.outcome("one")["DialCallDuration"] == ("300" if later == "hangs up" else "600")

    run_virtual(main())


# -- several at once --


def test_all_ring_at_once_the_first_answer_wins_and_the_others_are_cancelled(tmp_path: Path) -> None:
    async def main() -> None:
        to = "+15550000001, +15550000002, +15550000003"
        async with Stage(tmp_path, connect(noun="number-multi", to=to)).running() as stage:
            await stage.call()
            first, second, third = stage.dialled()
            for dialog in (first, second, third):
                await stage.ringing(dialog)
            await stage.hang_up(first, cause="rejected", status=486)
            await stage.answers(third)
            assert [command.of for command in stage.fake.sent("hang_up")] == [second]
            assert stage.leg(1).peer is stage.leg(4)
            await stage.hang_up(third)
            assert dial_status(stage) == "completed"
            assert [row.status for row in stage.call_rows()[1:]] == ["busy", "canceled", "completed"]
            assert stage.outcome("one")["DialCallSid"] == stage.call_rows()[3].sid

    run_virtual(main())


def test_two_that_answer_in_the_same_moment_leave_one(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect(noun="number-multi", to="+15550000001,+15550000002")).running() as stage:
            await stage.call()
            first, second = stage.dialled()
            for dialog in (first, second):
                stage.fake.push(answered(dialog))
            await stage.settle()
            assert len(stage.fake.sent("hang_up")) == 1
            loser = stage.fake.sent("hang_up")[0].of
            winner = stage.leg(2) if loser == second else stage.leg(3)
            assert stage.leg(1).peer is winner
            await stage.hang_up(first if loser == second else second)
            assert stage.fake.media.stats()["legs"] == 0

    run_virtual(main())


@pytest.mark.parametrize(
    ("statuses", "told"), [((486, 480), "busy"), ((404, 480), "no-answer"), ((404, 503), "failed")]
)
def test_of_several_refusals_the_friendliest_is_told(tmp_path: Path, statuses: tuple[int, int], told: str) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect(noun="number-multi", to="+15550000001,+15550000002")).running() as stage:
            await stage.call()
            for dialog, status in zip(stage.dialled(), statuses, strict=True):
                await stage.hang_up(dialog, cause="rejected", status=status)
            assert dial_status(stage) == told

    run_virtual(main())


def test_one_number_that_cannot_be_dialled_leaves_the_others(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect(noun="number-multi", to="nobody, +15550000002")).running() as stage:
            await stage.call()
            (callee,) = stage.dialled()
            assert stage.notes() == [("warning", 13224)]
            await stage.answers(callee)
            await stage.hang_up(callee)
            assert dial_status(stage) == "completed"

    run_virtual(main())


def test_no_number_that_can_be_dialled_fails_and_the_flow_goes_on(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect(then="after", to="nobody"), say("after")).running() as stage:
            await stage.call()
            assert stage.dialled() == []
            await stage.heard()
            assert dial_status(stage) == "failed"
            assert ("error", 13224) in stage.notes()

    run_virtual(main())


# -- trunks --


@pytest.mark.parametrize("status", [503, 500, 408])
def test_the_next_trunk_is_tried_where_the_first_cannot(tmp_path: Path, status: int) -> None:
    async def main() -> None:
        trunks = ({"name": "first", "priority": 1}, {"name": "second", "priority": 2})
        async with Stage(tmp_path, connect(), trunks=trunks).running() as stage:
            await stage.call(trunk=None, user="alice")
            (first,) = stage.dialled()
            await stage.hang_up(first, cause="rejected", status=status)
            _, second = stage.dialled()
            targets = [command["target"] for command in stage.fake.sent("invite")]
            assert targets == ["sip:+15550001111@198.51.100.50", "sip:+15550001111@198.51.100.51"]
            await stage.answers(second)
            await stage.hang_up(second)
            assert dial_status(stage) == "completed"
            row = stage.call_rows()[1]
            assert (row.trunk, row.status, len(stage.call_rows())) == ("second", "completed", 2)

    run_virtual(main())


def test_a_busy_number_is_not_tried_on_another_trunk(tmp_path: Path) -> None:
    async def main() -> None:
        trunks = ({"name": "first", "priority": 1}, {"name": "second", "priority": 2})
        async with Stage(tmp_path, connect(), trunks=trunks).running() as stage:
            await stage.call(trunk=None, user="alice")
            (first,) = stage.dialled()
            await stage.hang_up(first, cause="rejected", status=486)
            assert len(stage.dialled()) == 1
            assert dial_status(stage) == "busy"

    run_virtual(main())


def test_two_dials_at_once_cannot_share_the_last_place(tmp_path: Path) -> None:
    async def main() -> None:
        trunks = ({"name": "small", "max_calls": 1, "priority": 1}, {"name": "big", "priority": 2})
        to = "+15550000001,+15550000002"
        async with Stage(tmp_path, connect(noun="number-multi", to=to), trunks=trunks).running() as stage:
            await stage.call(trunk=None, user="alice")
            assert sorted(str(row.trunk) for row in stage.call_rows()[1:]) == ["big", "small"]
            await stage.hang_up(1)
            assert [trunk.calls for trunk in stage.trunks.all()] == [0, 0]

    run_virtual(main())


def test_a_full_trunk_is_passed_over_and_a_place_comes_free_again(tmp_path: Path) -> None:
    async def main() -> None:
        trunks = ({"name": "small", "max_calls": 1, "priority": 1}, {"name": "big", "priority": 2})
        async with Stage(tmp_path, connect(), trunks=trunks).running() as stage:
            for dialog in (1, 2):
                await stage.call(dialog, trunk=None, user="alice")
            assert [row.trunk for row in stage.call_rows() if row.parent_call_sid] == ["small", "big"]
            await stage.hang_up(stage.dialled()[0], cause="rejected", status=486)
            await stage.call(3, trunk=None, user="alice")
            dialled = [row.trunk for row in stage.call_rows() if row.parent_call_sid]
            assert dialled == ["small", "big", "small"]

    run_virtual(main())


def test_a_trunk_has_its_own_codecs_credentials_and_keys(tmp_path: Path) -> None:
    async def main() -> None:
        trunk = {"name": "carrier", "codecs": ["PCMA"], "dtmf": "info", "username": "u", "password": "secret"}
        async with Stage(tmp_path, connect(), trunks=(trunk,)).running() as stage:
            await stage.call(trunk=None, user="alice")
            (invite,) = stage.fake.sent("invite")
            assert b"m=audio 20004 RTP/AVP 8\r\n" in invite["body"], "no PCMU, no telephone-event"
            assert invite["credentials"].username == "u"
            await stage.answers(invite.of or 0, sdp(codecs="8"))
            await stage.presses(1, "5")
            info = stage.fake.sent("request")[-1]
            assert (info["method"], info["dialog"], info["body"]) == (
                "INFO",
                invite.of,
                b"Signal=5\r\nDuration=100\r\n",
            )

    run_virtual(main())


# -- phones and addresses --


def test_a_client_rings_on_all_its_phones_as_one_call(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect(noun="client", to="alice")).running() as stage:
            for number in (5, 6):
                stage.registrar.register(
                    RegisterReceived(
                        request=RequestId(1),
                        user="alice",
                        to="<sip:alice@pbx.example>",
                        contacts=[f"<sip:alice@10.0.0.{number}>"],
                        expires=600,
                        call_id=f"c{number}",
                        cseq=1,
                        headers=[],
                        transport="tcp",
                        source="203.0.113.5:40000",
                        flow=FlowId(number),
                    )
                )
                await stage.settle(1)
            await stage.call()
            assert [command["flow"] for command in stage.fake.sent("invite")] == [6, 5]
            desk, mobile = stage.dialled()
            await stage.answers(mobile)
            assert [command.of for command in stage.fake.sent("hang_up")] == [desk]
            await stage.hang_up(mobile)
            assert [(row.to, row.status) for row in stage.call_rows()[1:]] == [("client:alice", "completed")]

    run_virtual(main())


@pytest.mark.parametrize(
    ("properties", "target", "from_"),
    [
        (
            {"noun": "sip", "sip_endpoint": "sip:bob@198.51.100.9:5080"},
            "sip:bob@198.51.100.9:5080",
            '"+15551230000" <sip:+15551230000@pbx.example>',
        ),
        (
            {"noun": "number", "caller_id": ""},
            "sip:+15550001111@198.51.100.50",
            '"+15559998888" <sip:+15559998888@198.51.100.50>',
        ),
    ],
)
def test_where_it_goes_and_what_the_callee_sees(
    tmp_path: Path, properties: dict[str, Any], target: str, from_: str
) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect(**properties)).running() as stage:
            await stage.call()
            (invite,) = stage.fake.sent("invite")
            assert (invite["target"], invite["from_"]) == (target, from_)

    run_virtual(main())


# -- what the caller hears --


def test_ringback_until_the_answer(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect()).running() as stage:
            await stage.call()
            (callee,) = stage.dialled()
            assert stage.fake.sent("play") == [], "nothing rings yet"
            await stage.ringing(callee)
            await stage.ringing(callee)
            (play,) = stage.fake.sent("play")
            assert (play.of, play["prompts"], play["loop"]) == (1, [RINGBACK], 0)
            await stage.answers(callee)
            assert [name for name in stage.fake.names() if name in ("stop_play", "bridge")] == ["stop_play", "bridge"]

    run_virtual(main())


def test_ringback_stops_when_nobody_answers(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect(then="after"), say("after")).running() as stage:
            await stage.call()
            (callee,) = stage.dialled()
            await stage.ringing(callee)
            await stage.hang_up(callee, cause="rejected", status=486)
            names = [name for name in stage.fake.names() if name in ("play", "stop_play")]
            assert names == ["play", "stop_play", "play"]

    run_virtual(main())


def test_the_callees_early_media_takes_the_place_of_ringback(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect()).running() as stage:
            await stage.call()
            (callee,) = stage.dialled()
            await stage.ringing(callee)
            await stage.ringing(callee, 183, sdp())
            assert stage.leg(1).playing == []
            assert stage.leg(1).peer is stage.leg(2), "the caller hears the far network"
            await stage.ringing(callee)
            assert stage.leg(1).playing == [], "a 180 after it starts no tone"
            await stage.answers(callee, b"")
            assert len(stage.fake.sent("bridge")) == 1
            await stage.hang_up(callee)
            assert stage.leg(1).peer is None

    run_virtual(main())


def test_early_media_that_ends_in_a_refusal_lets_go_of_the_caller(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect(then="after"), say("after")).running() as stage:
            await stage.call()
            (callee,) = stage.dialled()
            await stage.ringing(callee, 183, sdp())
            await stage.hang_up(callee, cause="rejected", status=486)
            assert stage.leg(1).peer is None
            assert stage.fake.names()[-1] == "play"

    run_virtual(main())


def test_with_several_ringing_no_early_media_is_preferred(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect(noun="number-multi", to="+15550000001,+15550000002")).running() as stage:
            await stage.call()
            first, second = stage.dialled()
            await stage.ringing(first, 183, sdp())
            await stage.ringing(second)
            assert stage.leg(1).peer is None
            assert len(stage.leg(1).playing) == 1

    run_virtual(main())


# -- answered when the callee answers --


def test_on_bridge_the_caller_is_answered_with_the_callee(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect(), answer="on-bridge").running() as stage:
            await stage.call()
            (callee,) = stage.dialled()
            assert stage.fake.sent("answer") == []
            await stage.ringing(callee)
            assert [command["status"] for command in stage.fake.sent("progress")] == [180, 183]
            assert len(stage.leg(1).playing) == 1, "ringback, before the answer"
            await stage.answers(callee)
            (answer,) = stage.fake.sent("answer")
            assert answer["body"] == stage.fake.sent("progress")[1]["body"], "the same answer as in the 183"
            await stage.hang_up(callee)
            assert stage.call_rows()[0].status == "completed"

    run_virtual(main())


def test_on_bridge_a_busy_callee_leaves_the_caller_unanswered_until_something_is_said(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect(then="after"), say("after"), answer="on-bridge").running() as stage:
            await stage.call()
            (callee,) = stage.dialled()
            await stage.hang_up(callee, cause="rejected", status=486)
            assert stage.fake.sent("answer") == []
            assert stage.fake.sent("progress")[-1]["status"] == 183, "the sentence is heard as early media"
            await stage.heard()
            assert stage.fake.sent("answer") == []
            assert stage.fake.sent("reject")[0]["status"] == 486, "and the caller is told why"
            assert stage.call_rows()[0].status == "busy"

    run_virtual(main())


def test_on_bridge_without_an_offer_the_caller_only_hears_ringing(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect(), answer="on-bridge").running() as stage:
            await stage.call(body=b"")
            (callee,) = stage.dialled()
            await stage.ringing(callee)
            assert {command["status"] for command in stage.fake.sent("progress")} == {180}
            await stage.answers(callee)
            assert len(stage.fake.sent("answer")) == 1

    run_virtual(main())


def answered(dialog: int) -> CallAnswered:
    return CallAnswered(
        dialog=DialogId(dialog),
        headers=[],
        content_type="application/sdp",
        body=sdp(),
        needs_ack=False,
        contact="",
        source="198.51.100.2:5060",
    )
