"""What happens to a leg that is up: hold, resume, other codecs and addresses, keys, silence; every offer and answer."""

from pathlib import Path

import pytest

from bridgetap.calls import MediaAddress
from bridgetap.calls.leg import Leg
from bridgetap.calls.leg_states import Answered
from bridgetap.calls.session import SessionParts
from bridgetap.engine import PlayId, RtpTimedOut
from bridgetap.engine.virtual_loop import run_virtual
from bridgetap.flow.effects import NumberTarget
from bridgetap.ids import CallSid
from bridgetap.sdp import Policy

from .stage import Stage, connect, say, sdp

TALK = (connect(),)


async def talking(stage: Stage) -> int:
    """A call that is bridged; returns the callee's dialog."""
    await stage.call()
    (callee,) = stage.dialled()
    await stage.answers(callee)
    return callee


def direction(body: bytes) -> str:
    return next(
        line for line in body.decode().split("\r\n") if line[2:] in ("sendrecv", "sendonly", "recvonly", "inactive")
    )[2:]


@pytest.mark.parametrize(
    ("theirs", "answered", "reflected"),
    [("sendonly", "recvonly", "sendonly"), ("inactive", "inactive", "inactive"), ("recvonly", "sendonly", "recvonly")],
)
@pytest.mark.parametrize("side", ["caller", "callee"])
def test_a_hold_is_answered_and_shows_on_the_other_side(
    tmp_path: Path, side: str, theirs: str, answered: str, reflected: str
) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *TALK).running() as stage:
            callee = await talking(stage)
            holding, other = (1, callee) if side == "caller" else (callee, 1)
            response = await stage.reoffers(holding, sdp(direction=theirs, version=2))
            assert (response["status"], direction(response["body"])) == (200, answered)
            leg = stage.leg(1 if side == "caller" else 2)
            assert leg.media is not None
            assert leg.media.direction == answered
            (reoffer,) = stage.fake.sent("reoffer")
            assert (reoffer.of, direction(reoffer["body"])) == (other, reflected)
            await stage.answers_reoffer(other, body=sdp(direction=answered))
            await stage.reoffers(holding, sdp(version=3))
            again = stage.fake.sent("reoffer")[-1]
            assert (again.of, direction(again["body"])) == (other, "sendrecv")
            await stage.answers_reoffer(other, body=sdp())
            assert {leg.media.direction for leg in (stage.leg(1), stage.leg(2)) if leg.media} == {"sendrecv"}

    run_virtual(main())


def test_the_old_kind_of_hold_is_one_too(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *TALK).running() as stage:
            await talking(stage)
            body = sdp(version=2).replace(b"c=IN IP4 198.51.100.2", b"c=IN IP4 0.0.0.0")
            response = await stage.reoffers(1, body)
            assert direction(response["body"]) == "recvonly"
            assert direction(stage.fake.sent("reoffer")[0]["body"]) == "sendonly"

    run_virtual(main())


def test_a_leg_held_from_its_first_offer_is_told_nobodys_address(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *TALK).running() as stage:
            await stage.call(body=sdp().replace(b"c=IN IP4 198.51.100.2", b"c=IN IP4 0.0.0.0"))
            media = stage.leg(1).media
            assert media is not None
            assert (media.remote, media.direction) == ("192.0.2.1:9", "recvonly")

    run_virtual(main())


def test_a_refresh_without_a_change_is_not_passed_on(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *TALK).running() as stage:
            callee = await talking(stage)
            await stage.reoffers(1, sdp())
            await stage.reoffers(callee, sdp())
            assert stage.fake.sent("reoffer") == []

    run_virtual(main())


def test_the_caller_is_taken_back_when_the_callee_that_held_it_hangs_up(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect(then="after"), say("after")).running() as stage:
            callee = await talking(stage)
            await stage.reoffers(callee, sdp(direction="inactive", version=2))
            await stage.answers_reoffer(1, body=sdp(direction="inactive"))
            await stage.hang_up(callee)
            last = stage.fake.sent("reoffer")[-1]
            assert (last.of, direction(last["body"])) == (1, "sendrecv")

    run_virtual(main())


def test_a_caller_that_held_while_it_rang_holds_the_callee_too(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *TALK).running() as stage:
            await stage.call()
            (callee,) = stage.dialled()
            await stage.reoffers(1, sdp(direction="sendonly", version=2))
            assert stage.fake.sent("reoffer") == []
            await stage.answers(callee)
            (reoffer,) = stage.fake.sent("reoffer")
            assert (reoffer.of, direction(reoffer["body"])) == (callee, "sendonly")

    run_virtual(main())


def test_another_codec_and_address_change_that_leg_alone(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *TALK).running() as stage:
            await talking(stage)
            other = stage.leg(2).media
            response = await stage.reoffers(1, sdp(codecs="8 101", port=60000, version=2))
            assert b"RTP/AVP 8 101" in response["body"]
            media = stage.leg(1).media
            assert media is not None
            assert (media.codec, media.remote) == ("PCMA", "198.51.100.2:60000")
            assert stage.leg(2).media is other
            assert stage.leg(1).peer is stage.leg(2)
            assert stage.fake.sent("reoffer") == []

    run_virtual(main())


@pytest.mark.parametrize(("body", "status"), [(sdp(codecs="97"), 488), (b"nonsense", 400)])
def test_a_reoffer_that_cannot_be_answered_leaves_the_call_as_it_was(tmp_path: Path, body: bytes, status: int) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *TALK).running() as stage:
            await talking(stage)
            before = stage.leg(1).media
            response = await stage.reoffers(1, body)
            assert response["status"] == status
            assert stage.leg(1).media is before
            assert stage.leg(1).peer is stage.leg(2)

    run_virtual(main())


def test_they_ask_for_our_offer_in_the_middle_of_a_call(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *TALK).running() as stage:
            await talking(stage)
            response = await stage.reoffers(1, b"")
            assert response["status"] == 200
            assert b"m=audio 20002 RTP/AVP 0 8 9 101" in response["body"]
            await stage.acks(1, sdp(codecs="8 101", port=61000))
            media = stage.leg(1).media
            assert media is not None
            assert (media.codec, media.remote) == ("PCMA", "198.51.100.2:61000")

    run_virtual(main())


def test_an_invite_without_an_offer_is_answered_with_ours(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, say(loop=5)).running() as stage:
            await stage.call(body=b"")
            (answer,) = stage.fake.sent("answer")
            assert b"m=audio 20002 RTP/AVP 0 8 9 101" in answer["body"]
            assert stage.leg(1).media is None
            await stage.acks(1, sdp())
            assert stage.leg(1).media is not None

    run_virtual(main())


def test_an_ack_without_the_answer_ends_the_call(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, say(loop=5)).running() as stage:
            await stage.call(body=b"")
            await stage.acks(1)
            assert stage.fake.sent("hang_up")[0].of == 1
            assert stage.call_rows()[0].status == "completed"

    run_virtual(main())


def test_an_ordinary_ack_changes_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, say(loop=5)).running() as stage:
            await stage.call()
            await stage.acks(1)
            assert stage.fake.sent("hang_up") == []

    run_virtual(main())


def test_an_answer_that_is_an_offer_is_acknowledged_with_ours(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *TALK).running() as stage:
            await stage.call()
            (callee,) = stage.dialled()
            await stage.answers(callee, needs_ack=True)
            (ack,) = stage.fake.sent("ack")
            assert b"RTP/AVP 0 101" in ack["body"]
            assert stage.leg(1).peer is stage.leg(2)

    run_virtual(main())


def test_an_invite_of_ours_without_an_offer(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *TALK).running() as stage:
            heard: list[object] = []
            destination = stage.exchange.router.branches(NumberTarget(number="+15550001111"), caller_id="")[0][0]
            parts = SessionParts(
                sid=CallSid("CA1"),
                address=MediaAddress(bind="192.0.2.1", advertised="192.0.2.1"),
                policy=Policy(),
                session_id=1,
                cname="c",
            )
            leg = Leg.outgoing(
                destination,
                core=stage.core,
                parts=parts,
                sink=lambda leg, event: heard.extend(leg.handle(event)),
                delayed_offer=True,
            )
            assert stage.fake.sent("invite")[0]["body"] == b""
            await stage.answers(leg.dialog, needs_ack=True)
            assert b"RTP/AVP 0 101" in stage.fake.sent("ack")[0]["body"]
            assert heard == [Answered()]
            leg.close()

    run_virtual(main())


@pytest.mark.parametrize("needs_ack", [False, True])
def test_an_answer_without_a_codec_of_ours_is_hung_up(tmp_path: Path, needs_ack: bool) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *TALK).running() as stage:
            await stage.call()
            (callee,) = stage.dialled()
            await stage.answers(callee, sdp(codecs="97"), needs_ack=needs_ack)
            assert stage.fake.sent("hang_up")[0].of == callee
            assert stage.outcome("one")["DialCallStatus"] == "failed"

    run_virtual(main())


def test_a_reinvite_of_ours_that_is_refused_leaves_the_leg_as_it_was(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *TALK).running() as stage:
            callee = await talking(stage)
            await stage.reoffers(1, sdp(direction="sendonly", version=2))
            before = stage.leg(2).media
            await stage.answers_reoffer(callee, 488)
            assert stage.leg(2).media is before
            assert stage.leg(1).peer is stage.leg(2)
            assert stage.fake.sent("hang_up") == []

    run_virtual(main())


@pytest.mark.parametrize("status", [408, 481])
def test_a_dialog_that_is_gone_is_ended(tmp_path: Path, status: int) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *TALK).running() as stage:
            callee = await talking(stage)
            await stage.reoffers(1, sdp(direction="sendonly", version=2))
            await stage.answers_reoffer(callee, status)
            assert stage.fake.sent("hang_up")[0].of == callee

    run_virtual(main())


def test_a_session_description_in_a_multipart_body_is_found(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, say(loop=5)).running() as stage:
            body = (
                b"--x\r\nContent-Type: application/isup\r\n\r\n\x01\x00\r\n--x\r\nContent-Type: application/sdp\r\n\r\n"
                + sdp()
                + b"\r\n--x--\r\n"
            )
            await stage.call(body=body, content_type="multipart/mixed; boundary=x")
            media = stage.leg(1).media
            assert media is not None
            assert media.remote == "198.51.100.2:50000"

    run_virtual(main())


# -- keys --


def test_keys_by_info_reach_the_other_side(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *TALK).running() as stage:
            await talking(stage)
            body = b"Signal= 7\r\nDuration= 160\r\n"
            assert (await stage.requests(1, "INFO", "application/dtmf-relay", body))["status"] == 200
            (sent,) = stage.fake.sent("send_dtmf")
            assert (sent.of, sent["digits"]) == (2, "7")
            (told,) = stage.fake.sent("tell_key")
            assert (told.of, told["key"]) == (1, "7"), "streams of the call are told of it"

    run_virtual(main())


def test_keys_in_rtp_are_relayed_by_the_core_alone(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *TALK).running() as stage:
            await talking(stage)
            await stage.presses(1, "7")
            assert stage.fake.sent("send_dtmf") == []
            assert stage.fake.sent("tell_key") == [], "the core tells streams itself"

    run_virtual(main())


@pytest.mark.parametrize(
    ("method", "content_type", "body", "status"),
    [
        ("INFO", "application/dtmf", b"#", 200),
        ("INFO", "application/dtmf-relay", b"Signal=11\r\nDuration=100", 200),
        ("INFO", "application/dtmf-relay", b"Signal=banana", 400),
        ("INFO", "", b"", 200),
        ("INFO", "application/media_control+xml", b"<x/>", 415),
        ("REFER", "", b"", 400),
        ("NOTIFY", "", b"", 489),
        ("MESSAGE", "text/plain", b"hi", 405),
        ("PUBLISH", "", b"", 501),
    ],
)
def test_a_request_in_the_call_has_its_answer(
    tmp_path: Path, method: str, content_type: str, body: bytes, status: int
) -> None:
    async def main() -> None:
        async with Stage(tmp_path, say(loop=5)).running() as stage:
            await stage.call()
            assert (await stage.requests(1, method, content_type, body))["status"] == status

    run_virtual(main())


# -- silence --


def test_a_leg_that_fell_silent_is_ended_and_said(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *TALK).running() as stage:
            callee = await talking(stage)
            stage.fake.push(RtpTimedOut(leg=stage.leg(2).id, silent_ms=60_000))
            await stage.settle()
            assert stage.fake.sent("hang_up")[0].of == callee
            assert ("warning", 31953) in stage.notes()
            assert stage.outcome("one")["DialCallStatus"] == "completed"

    run_virtual(main())


def test_plays_are_numbered_by_leg(tmp_path: Path) -> None:
    """Two calls play at once: the end of one prompt is not taken for the other's."""

    async def main() -> None:
        async with Stage(tmp_path, say(then="two"), say("two", "bye")).running() as stage:
            await stage.call(1)
            await stage.call(2)
            assert [command["play"] for command in stage.fake.sent("play")] == [PlayId(1), PlayId(1)]
            await stage.heard(1)
            assert len(stage.leg(2).playing) == 1
            assert [command.of for command in stage.fake.sent("play")] == [1, 2, 1]

    run_virtual(main())
