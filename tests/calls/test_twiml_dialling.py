"""What only TwiML says of a dial: keys and documents for the called party, `*`, one after the other, early answers."""

from pathlib import Path

import pytest

from bridgetap.engine import CallAnswered
from bridgetap.engine.virtual_loop import run_virtual

from .stage import RINGBACK, VOICE, Stage, sdp

ONE, TWO = "+15550001111", "+15550002222"


def after(stage: Stage) -> dict[str, str]:
    """What the action of the dial was told."""
    assert stage.asked()[-1] == ("POST", "after")
    return {name: value for name, value in stage.parameters().items() if name.startswith("Dial")}


def test_keys_are_sent_before_the_bridge(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("voice", f"<Dial><Number sendDigits='ww42'>{ONE}</Number></Dial>")
            await stage.call()
            (callee,) = stage.dialled()
            await stage.ringing(callee)
            await stage.answers(callee)
            (sent,) = stage.fake.sent("send_dtmf")
            assert (sent.of, sent["digits"]) == (stage.leg(2).id, "ww42")
            assert stage.fake.sent("bridge") == []
            assert stage.leg(1).playing, "the caller hears it ring on"
            await stage.heard(2)
            assert len(stage.fake.sent("bridge")) == 1
            assert not stage.leg(1).playing

    run_virtual(main())


SCREENED = f"<Dial action='/after'><Number url='/screen'>{ONE}</Number></Dial>"


def test_the_called_party_hears_its_document_alone(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("voice", SCREENED)
            stage.serve("screen", "<Gather numDigits='1' action='/key'><Say>press one</Say></Gather><Hangup/>")
            stage.serve("key", "")
            stage.serve("after", "<Hangup/>")
            await stage.call()
            (callee,) = stage.dialled()
            await stage.answers(callee)
            assert stage.asked()[-1] == ("POST", "screen")
            told = stage.parameters()
            child = stage.call_rows()[1]
            assert (told["CallSid"], told["ParentCallSid"]) == (child.sid, stage.call_rows()[0].sid)
            assert (told["Direction"], told["To"], told["CallStatus"]) == ("outbound-dial", ONE, "in-progress")
            assert stage.fake.sent("play")[-1].of == stage.leg(2).id
            assert stage.fake.sent("bridge") == []
            await stage.presses(2, "1")
            assert len(stage.fake.sent("bridge")) == 1
            await stage.hang_up(callee)
            assert after(stage)["DialCallStatus"] == "completed"
            assert after(stage)["DialBridged"] == "true"
            assert [row.url.rpartition("/")[2] for row in stage.documents() if row.call_sid == child.sid] == [
                "screen",
                "key",
            ]

    run_virtual(main())


@pytest.mark.parametrize("document", ["<Hangup/>", "<Say>no", "<Reject/>"])
def test_the_called_party_does_not_want_it(tmp_path: Path, document: str) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("voice", SCREENED)
            stage.serve("screen", document)
            stage.serve("after", "<Say>sorry</Say>")
            await stage.call()
            (callee,) = stage.dialled()
            await stage.answers(callee)
            assert stage.fake.sent("hang_up")[0].of == callee
            assert stage.fake.sent("bridge") == []
            assert (after(stage)["DialCallStatus"], after(stage)["DialBridged"]) == ("completed", "false")
            assert stage.prompter.made == ["sorry"]

    run_virtual(main())


def test_the_called_party_leaves_while_it_listens(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("voice", SCREENED)
            stage.serve("screen", "<Say>a question</Say>")
            stage.serve("after", "<Hangup/>")
            await stage.call()
            (callee,) = stage.dialled()
            await stage.answers(callee)
            await stage.hang_up(callee)
            assert after(stage)["DialBridged"] == "false"

    run_virtual(main())


def test_the_caller_leaves_while_the_called_party_listens(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("voice", SCREENED)
            stage.serve("screen", "<Say>a question</Say>")
            await stage.call()
            (callee,) = stage.dialled()
            await stage.answers(callee)
            await stage.hang_up(1)
            assert stage.fake.sent("hang_up")[0].of == callee
            (told,) = stage.told.callbacks
            assert dict(told.parameters)["DialCallStatus"] == "canceled"
            assert told.to.url.called == "https://app.example/after"

    run_virtual(main())


def test_others_ring_on_until_somebody_wants_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            screened = "".join(f"<Number url='/screen'>{number}</Number>" for number in (ONE, TWO))
            stage.serve("voice", f"<Dial timeout='10'>{screened}</Dial>")
            stage.serve("screen", "<Gather numDigits='1' timeout='60' action='/key'/><Hangup/>")
            stage.serve("key", "")
            await stage.call()
            first, second = stage.dialled()
            await stage.answers(first)
            assert stage.fake.sent("hang_up") == [], "the other rings on"
            await stage.answers(second)
            await stage.settle(15)
            assert stage.fake.sent("hang_up") == [], "who has picked up is not hurried"
            await stage.presses(3, "1")
            assert stage.fake.sent("bridge")[0].args["other"] == stage.leg(3).id
            assert [command.of for command in stage.fake.sent("hang_up")] == [first]

    run_virtual(main())


def test_the_callers_star_ends_the_dialled_call(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("voice", f"<Dial hangupOnStar='true' action='/after'>{ONE}</Dial>")
            stage.serve("after", "<Say>back</Say>")
            await stage.call()
            (callee,) = stage.dialled()
            await stage.answers(callee)
            await stage.presses(2, "*")
            await stage.presses(1, "5")
            assert stage.fake.sent("hang_up") == []
            await stage.presses(1, "*")
            assert stage.fake.sent("hang_up")[0].of == callee
            assert after(stage)["DialCallStatus"] == "completed"
            assert stage.prompter.made == ["back"]

    run_virtual(main())


def test_one_after_the_other(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            numbers = f"<Number>{ONE}</Number><Number>{TWO}</Number><Number>+15550003333</Number>"
            stage.serve("voice", f"<Dial sequential='true' timeout='10' action='/after'>{numbers}</Dial>")
            stage.serve("after", "<Hangup/>")
            await stage.call()
            assert len(stage.dialled()) == 1
            await stage.hang_up(stage.dialled()[0], cause="rejected", status=486)
            assert len(stage.dialled()) == 2
            await stage.settle(10.1)
            assert [command.of for command in stage.fake.sent("hang_up")] == [stage.dialled()[1]]
            assert len(stage.dialled()) == 3
            await stage.answers(stage.dialled()[2])
            await stage.hang_up(stage.dialled()[2])
            assert after(stage)["DialCallStatus"] == "completed"
            assert [row.status for row in stage.call_rows()[1:]] == ["busy", "no-answer", "completed"]

    run_virtual(main())


def test_the_caller_rings_on_until_the_bridge(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("voice", f"<Dial answerOnBridge='true'>{ONE}</Dial>")
            await stage.call()
            (callee,) = stage.dialled()
            await stage.ringing(callee)
            assert stage.fake.sent("answer") == []
            assert [command["status"] for command in stage.fake.sent("progress")] == [180, 183]
            await stage.answers(callee)
            assert len(stage.fake.sent("answer")) == 1

    run_virtual(main())


@pytest.mark.parametrize(("tone", "prompt", "notes"), [("de", RINGBACK + 1, []), ("xx", RINGBACK, [("warning", 0)])])
def test_a_countrys_ringing(tmp_path: Path, tone: str, prompt: int, notes: list[tuple[str, int]]) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("voice", f"<Dial ringTone='{tone}'>{ONE}</Dial>")
            await stage.call()
            await stage.ringing(stage.dialled()[0])
            assert stage.fake.sent("play")[0]["prompts"] == [prompt]
            assert stage.notes() == notes

    run_virtual(main())


def test_early_media_gives_way_to_a_document_for_the_called_party(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("voice", SCREENED)
            stage.serve("screen", "<Say>for you alone</Say>")
            await stage.call()
            (callee,) = stage.dialled()
            await stage.ringing(callee, 183, sdp())
            assert stage.leg(1).peer is stage.leg(2)
            await stage.answers(callee)
            assert stage.leg(1).peer is None
            await stage.heard(2)
            assert stage.leg(1).peer is stage.leg(2)

    run_virtual(main())


def test_of_two_answers_in_one_moment_the_second_is_hung_up(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("voice", f"<Dial><Number>{ONE}</Number><Number>{TWO}</Number></Dial>")
            await stage.call()
            first, second = stage.dialled()
            for dialog in (first, second):
                stage.fake.push(
                    CallAnswered(
                        dialog=dialog,
                        headers=[],
                        content_type="application/sdp",
                        body=sdp(),
                        needs_ack=False,
                        contact="",
                        source="",
                    )
                )
            await stage.settle()
            assert [command.of for command in stage.fake.sent("hang_up")] == [second]

    run_virtual(main())
