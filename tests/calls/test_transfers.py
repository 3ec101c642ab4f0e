"""Transfer (REFER): who may, where it leads, what everybody hears and is told, and who is connected in the end."""

from pathlib import Path

import pytest

from bridgetap.calls import SipUri, TransferPolicy
from bridgetap.engine import ForkId
from bridgetap.engine.virtual_loop import run_virtual
from bridgetap.flow.effects import ClientTarget, SipTarget
from bridgetap.store import StreamRecord

from .stage import RINGBACK, SEED, VOICE, Stage, connect, say, sdp

EVERYBODY = TransferPolicy(by="everybody", to=("client", "number", "sip"))
CAROL = "<sip:carol@203.0.113.7>"
CALLER, A, B, C = 1, 1, 2, 3  # a dialog, and RTP legs in the order they are opened


async def talking(stage: Stage) -> int:
    """Caller and callee are connected; the callee's dialog."""
    await stage.call()
    callee = stage.dialled()[-1]
    await stage.answers(callee)
    assert stage.leg(A).peer is stage.leg(B)
    return callee


def test_the_callee_transfers_and_the_caller_talks_to_the_new_party(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *SEED, transfers=EVERYBODY).running() as stage:
            bob = await talking(stage)
            (fork,) = stage.leg(A).forks
            assert await stage.refers(bob, CAROL) == 202
            carol = stage.dialled()[-1]
            assert await stage.notified(bob) == ["SIP/2.0 100 Trying"]
            assert stage.leg(A).peer is stage.leg(B), "until somebody rings, they talk"
            await stage.ringing(carol)
            assert stage.leg(A).peer is None
            assert stage.fake.sent("play")[-1].of == A
            assert stage.fake.sent("play")[-1]["prompts"] == [RINGBACK]
            await stage.answers(carol)
            assert stage.leg(A).peer is stage.leg(C)
            assert stage.leg(A).playing == []
            told = await stage.notified(bob)
            assert told == ["SIP/2.0 100 Trying", "SIP/2.0 180 Ringing", "SIP/2.0 200 OK"]
            assert [command.of for command in stage.fake.sent("hang_up")] == [bob], "the transferor is let go"
            assert list(stage.leg(A).forks) == [fork], "the stream has noticed nothing"
            await stage.hang_up(carol)
            assert [step[1] for step in stage.steps()] == ["incomingCall", "next", "callCompleted", "next"]
            assert stage.outcome("two")["DialCallStatus"] == "completed"
            caller, first, second = stage.call_rows()
            assert (first.to, first.status) == ("+15550001111", "completed")
            assert (second.to, second.status) == ("sip:carol@203.0.113.7", "completed")
            assert second.parent_call_sid == caller.sid

    run_virtual(main())


def test_the_caller_transfers_and_the_new_party_takes_its_place(tmp_path: Path) -> None:
    """Flow, SID and stream go on; the stream stays on the RTP leg, and Carol is at its end."""

    async def main() -> None:
        async with Stage(tmp_path, *SEED[:2], say("stop", "goodbye"), transfers=EVERYBODY).running() as stage:
            await talking(stage)
            (fork,) = stage.leg(A).forks
            assert await stage.refers(CALLER, CAROL) == 202
            carol = stage.dialled()[-1]
            await stage.ringing(carol)
            assert stage.fake.sent("play")[-1].of == B, "the callee waits"
            await stage.answers(carol, sdp(port=50004))
            (exchange,) = stage.fake.sent("exchange")
            assert (exchange.of, exchange["other"]) == (A, C)
            assert stage.leg(A).peer is stage.leg(B)
            assert stage.leg(A).media is not None
            assert stage.leg(A).media.remote == "198.51.100.2:50004", "Carol's audio is on the caller's RTP leg"
            assert (await stage.notified(CALLER))[-1] == "SIP/2.0 200 OK"
            assert [command.of for command in stage.fake.sent("hang_up")] == [CALLER]
            assert stage.leg(C).closed, "with the party that left"
            assert not stage.leg(A).closed
            assert list(stage.leg(A).forks) == [fork]
            await stage.hang_up(stage.dialled()[0])
            assert stage.prompter.made == ["goodbye"], "the flow goes on with Carol"
            await stage.heard(A)
            assert stage.fake.sent("hang_up")[-1].of == carol
            caller, callee, new = stage.call_rows()
            assert [row.status for row in (caller, callee, new)] == ["completed"] * 3
            (stream,) = stage.stream_rows()
            assert isinstance(stream, StreamRecord)
            assert (stream.call_sid, stream.end_reason) == (caller.sid, "call-ended")

    run_virtual(main())


def test_who_took_the_callers_place_has_its_keys_and_each_row_its_own_audio(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE, transfers=EVERYBODY).running() as stage:
            stage.serve("voice", "<Dial hangupOnStar='true'>+15550001111</Dial>")
            bob = await talking(stage)
            for leg, packets in ((A, 100), (B, 200)):
                stage.leg(leg).packets_received = packets
            for packets in (300, 400):
                await stage.refers(stage.dialled()[-1] if packets == 400 else CALLER, CAROL)
                await stage.answers(stage.dialled()[-1])
                stage.leg(A).packets_received = packets
                await stage.settle(5)
            assert stage.leg(A).peer is stage.leg(B)
            await stage.presses(A, "*")
            assert bob in [command.of for command in stage.fake.sent("hang_up")]
            await stage.settle(5)
            assert [row.packets_received for row in stage.call_rows()] == [100, 200, 300, 400]

    run_virtual(main())


def test_a_caller_who_leaves_at_once_keeps_its_place_for_the_new_party(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *SEED, transfers=EVERYBODY).running() as stage:
            await talking(stage)
            (fork,) = stage.leg(A).forks
            await stage.refers(CALLER, CAROL)
            await stage.hang_up(CALLER)
            carol = stage.dialled()[-1]
            assert not stage.leg(A).closed
            await stage.ringing(carol)
            assert stage.fake.sent("play")[-1].of == B
            await stage.answers(carol)
            assert stage.leg(A).peer is stage.leg(B)
            assert list(stage.leg(A).forks) == [fork]
            assert stage.leg(C).closed
            await stage.hang_up(carol)
            assert [step[1] for step in stage.steps()][-1] == "hangup"
            assert stage.leg(A).closed

    run_virtual(main())


@pytest.mark.parametrize("by", ["callee", "caller"])
def test_a_transfer_that_fails_gives_them_back_to_each_other(tmp_path: Path, by: str) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect(), transfers=EVERYBODY).running() as stage:
            bob = await talking(stage)
            who = bob if by == "callee" else CALLER
            await stage.refers(who, CAROL)
            carol = stage.dialled()[-1]
            await stage.ringing(carol)
            await stage.hang_up(carol, cause="rejected", status=486)
            assert stage.leg(A).peer is stage.leg(B)
            assert stage.leg(A).playing == stage.leg(B).playing == []
            assert (await stage.notified(who))[-1] == "SIP/2.0 486 Busy Here"
            assert stage.fake.sent("hang_up") == []
            assert stage.call_rows()[2].status == "busy"
            assert await stage.refers(who, CAROL, cseq=9) == 202, "and it may be tried again"
            await stage.notified(who)
            events = [dict(c["headers"])["Event"] for c in stage.fake.sent("request") if c["method"] == "NOTIFY"]
            assert events[0] == "refer"
            assert events[-1] == "refer;id=9", "the second of a dialog has a name (RFC 3515 §2.4.6)"

    run_virtual(main())


@pytest.mark.parametrize(
    ("by", "then"),
    [("callee", "callCompleted"), ("caller", "hangup")],
)
def test_a_transferor_who_left_and_a_target_that_refuses(tmp_path: Path, by: str, then: str) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect(), transfers=EVERYBODY).running() as stage:
            bob = await talking(stage)
            who = bob if by == "callee" else CALLER
            await stage.refers(who, CAROL)
            await stage.hang_up(who)
            await stage.hang_up(stage.dialled()[-1], cause="rejected", status=603)
            assert [step[1] for step in stage.steps()] == ["incomingCall", then]
            assert [row.status for row in stage.call_rows()] == ["completed", "completed", "busy"]
            assert all(leg.closed for leg in stage.fake.media.legs)

    run_virtual(main())


def test_nobody_answers_the_transfer(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect(timeout=15), transfers=EVERYBODY).running() as stage:
            bob = await talking(stage)
            await stage.refers(bob, CAROL)
            carol = stage.dialled()[-1]
            await stage.settle(15)
            assert stage.fake.sent("hang_up")[0].of == carol
            assert (await stage.notified(bob))[-1] == "SIP/2.0 408 Request Timeout"
            assert stage.leg(A).peer is stage.leg(B)
            assert stage.call_rows()[2].status == "no-answer"

    run_virtual(main())


@pytest.mark.parametrize("gone", ["the other", "the call", "the time"])
def test_what_ends_the_talk_ends_the_ringing(tmp_path: Path, gone: str) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect(time_limit=20), transfers=EVERYBODY).running() as stage:
            bob = await talking(stage)
            await stage.refers(bob, CAROL)
            carol = stage.dialled()[-1]
            match gone:
                case "the other":
                    await stage.hang_up(CALLER)
                case "the call":
                    next(iter(stage.calls._live.values())).hang_up("api")
                    await stage.settle()
                case _:
                    await stage.settle(20)
            hung_up = {command.of for command in stage.fake.sent("hang_up")}
            assert carol in hung_up
            await stage.settle(5)  # nobody answers a NOTIFY
            assert all(leg.closed for leg in stage.fake.media.legs)
            assert stage.call_rows()[2].status == "canceled"
            assert stage.calls.gauges()["calls_live"] == 0

    run_virtual(main())


def test_early_media_of_the_new_party_is_heard(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect(), transfers=EVERYBODY).running() as stage:
            bob = await talking(stage)
            await stage.refers(bob, CAROL)
            carol = stage.dialled()[-1]
            await stage.ringing(carol, 183, sdp())
            assert stage.leg(A).peer is stage.leg(C)
            assert (await stage.notified(bob))[-1] == "SIP/2.0 183 Session Progress"
            await stage.answers(carol)
            assert stage.leg(A).peer is stage.leg(C)

    run_virtual(main())


def test_a_held_party_is_taken_back_before_it_hears_anything(tmp_path: Path) -> None:
    """Phones hold before they transfer."""

    async def main() -> None:
        async with Stage(tmp_path, connect(), transfers=EVERYBODY).running() as stage:
            bob = await talking(stage)
            await stage.reoffers(bob, sdp(direction="sendonly", version=2))
            assert b"a=sendonly" in stage.fake.sent("reoffer")[-1]["body"]
            await stage.answers_reoffer(CALLER, body=sdp(direction="recvonly"))
            await stage.refers(bob, CAROL)
            carol = stage.dialled()[-1]
            await stage.ringing(carol)
            last = stage.fake.sent("reoffer")[-1]
            assert last.of == CALLER
            assert b"a=sendrecv" in last["body"]
            await stage.answers_reoffer(CALLER, body=sdp())
            await stage.hang_up(carol, cause="rejected", status=486)
            assert b"a=sendonly" in stage.fake.sent("reoffer")[-1]["body"], "held again: that is how Bob left it"

    run_virtual(main())


@pytest.mark.parametrize(
    ("policy", "user", "trunk", "status"),
    [
        (TransferPolicy(), "bob", {}, 202),
        (TransferPolicy(), None, {}, 603),
        (TransferPolicy(), None, {"transfer": True}, 202),
        (TransferPolicy(by="nobody"), "bob", {"transfer": True}, 603),
        (TransferPolicy(by="everybody"), None, {}, 202),
        (TransferPolicy(to=("client",)), "bob", {}, 603),
    ],
)
def test_who_may(tmp_path: Path, policy: TransferPolicy, user: str | None, trunk: dict[str, bool], status: int) -> None:
    async def main() -> None:
        stage = Stage(tmp_path, connect(), trunks=[{"name": "carrier"} | trunk], transfers=policy)
        async with stage.running():
            await stage.call(user=user, trunk=None if user else "carrier")
            await stage.answers(stage.dialled()[-1])
            assert await stage.refers(CALLER, "<sip:+15557770000@pbx.example>") == status
            assert len(stage.dialled()) == (2 if status == 202 else 1)

    run_virtual(main())


@pytest.mark.parametrize(
    ("refer_to", "target", "flow"),
    [
        ("<sip:+15557770000@pbx.example>", "sip:+15557770000@198.51.100.50", None),
        ("<sip:0015557770000@198.51.100.50;user=phone>", "sip:+15557770000@198.51.100.50", None),
        ("tel:+15557770000", "sip:+15557770000@198.51.100.50", None),
        ("<sip:carol@pbx.example>", "sip:phone@198.51.100.9", 9),
        ('"Carol" <sip:carol@pbx.example;method=INVITE?Subject=hello>', "sip:phone@198.51.100.9", 9),
        ("sip:carol@203.0.113.7", "sip:carol@203.0.113.7", None),
    ],
)
def test_where_it_leads(tmp_path: Path, refer_to: str, target: str, flow: int | None) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect(), transfers=EVERYBODY).running() as stage:
            stage.registers("carol")
            await talking(stage)
            assert await stage.refers(CALLER, refer_to, ("Referred-By", "<sip:bob@pbx.example>")) == 202
            invite = stage.fake.sent("invite")[-1]
            assert (invite["target"], invite["flow"]) == (target, flow)
            assert ("Referred-By", "<sip:bob@pbx.example>") in invite["headers"]

    run_virtual(main())


def test_our_host_at_another_port_is_somebody_else(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect()).running() as stage:
            stage.registers("carol")
            await stage.call(request_uri="sip:+15551230000@192.0.2.1:5070")
            for text, target in (
                ("sip:carol@192.0.2.1:5070", ClientTarget(identity="carol")),
                ("sip:carol@192.0.2.1", ClientTarget(identity="carol")),
                ("sip:carol@192.0.2.1:5090", SipTarget(uri="sip:carol@192.0.2.1:5090")),
            ):
                assert stage.exchange.router.referred(SipUri.parse(text)) == target

    run_virtual(main())


@pytest.mark.parametrize(
    ("refer_to", "more", "status"),
    [
        ("<sip:nobody@pbx.example>", (), 404),
        ("<sip:carol@203.0.113.7;method=BYE>", (), 400),
        ("no address", (), 400),
        ("<sip:carol@203.0.113.7>", (("Refer-To", "<sip:dave@203.0.113.8>"),), 400),
        ("<sip:carol@203.0.113.7?Replaces=abc%3Bto-tag%3D1%3Bfrom-tag%3D2>", (), 603),
    ],
)
def test_what_cannot_be_done_is_refused(
    tmp_path: Path, refer_to: str, more: tuple[tuple[str, str], ...], status: int
) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect(), transfers=EVERYBODY).running() as stage:
            bob = await talking(stage)
            assert await stage.refers(bob, refer_to, *more) == status
            assert stage.leg(A).peer is stage.leg(B)
            assert len(stage.dialled()) == 1
            assert await stage.notified(bob) == []

    run_virtual(main())


def test_one_at_a_time(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect(), transfers=EVERYBODY).running() as stage:
            bob = await talking(stage)
            assert await stage.refers(bob, CAROL) == 202
            assert await stage.refers(bob, CAROL) == 491
            assert await stage.refers(CALLER, CAROL) == 491

    run_virtual(main())


def test_who_wants_no_news_gets_none(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect(), transfers=EVERYBODY).running() as stage:
            bob = await talking(stage)
            await stage.refers(bob, CAROL, ("Refer-Sub", "false"))
            assert stage.fake.sent("respond")[-1]["headers"] == [("Refer-Sub", "false")]
            await stage.answers(stage.dialled()[-1])
            assert await stage.notified(bob) == []
            assert [command.of for command in stage.fake.sent("hang_up")] == [bob]

    run_virtual(main())


def test_who_talks_to_nobody_cannot_transfer(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, say(), transfers=EVERYBODY).running() as stage:
            await stage.call()
            assert await stage.refers(CALLER, CAROL) == 603

    run_virtual(main())


def test_transfers_in_a_row(tmp_path: Path) -> None:
    """Each side transfers once; the fork stays where it is."""

    async def main() -> None:
        async with Stage(tmp_path, *SEED, transfers=EVERYBODY).running() as stage:
            bob = await talking(stage)
            fork = ForkId(next(iter(stage.leg(A).forks)))
            await stage.refers(bob, CAROL)
            carol = stage.dialled()[-1]
            await stage.answers(carol)
            await stage.refers(CALLER, "<sip:dave@203.0.113.8>")
            dave = stage.dialled()[-1]
            await stage.answers(dave)
            assert stage.leg(A).peer is stage.leg(C)
            assert await stage.refers(dave, "<sip:erin@203.0.113.9>") == 202, "Dave is the caller now"
            await stage.answers(stage.dialled()[-1])
            assert stage.leg(A).peer is stage.leg(C)
            assert list(stage.leg(A).forks) == [fork]
            await stage.settle(5)
            assert [leg.closed for leg in stage.fake.media.legs] == [False, True, False, True, True]

    run_virtual(main())
