"""The phone on a fake core, in virtual time: what it says, in what order, and what it reports."""

import asyncio
import wave
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from bridgetap.engine import (
    CallAcked,
    CallAnswered,
    CallEnded,
    CallProgress,
    Cause,
    DialogId,
    DtmfPressed,
    Event,
    FlowId,
    IncomingCall,
    LegId,
    LegStats,
    ReofferReceived,
    RequestId,
    RequestReceived,
    Response,
)
from bridgetap.engine.fake import fake_core
from bridgetap.engine.virtual_loop import LoopClock, run_virtual
from bridgetap.phone import (
    CALLER_WAV,
    Answer,
    HangUp,
    Phone,
    PhoneConfig,
    Play,
    RegistrationFailed,
    Reject,
    Report,
    Ring,
    Script,
    SendDigits,
    UntilHungUp,
    Wait,
)
from bridgetap.sdp import Negotiation, Policy

TARGET = "sip:+15551230000@127.0.0.1:5060"
THEIRS = DialogId(7)


def their_sdp(offer: bytes = b"") -> bytes:
    """An offer of the far side, or its answer to ours."""
    far = Negotiation(address="127.0.0.1", port=30000, session_id=1, policy=Policy(codecs=("PCMA",)))
    return far.answer(offer).body if offer else far.offer()


class Line:
    """A phone and the far side's hand on the fake core."""

    def __init__(self) -> None:
        self.core, self.fake = fake_core()
        self.core.start()
        config = PhoneConfig(name="Alice", username="alice", password="secret")
        self.phone = Phone(self.core, config, clock=LoopClock())

    async def push(self, *events: Event) -> None:
        self.fake.push(*events)
        for _ in range(8):
            await asyncio.sleep(0)

    async def until_sent(self, name: str, *, times: int = 1) -> Any:
        """That command, once it has been given so often; waiting costs no time here."""
        while len(self.fake.sent(name)) < times:  # noqa: ASYNC110 -- the fake has no way to tell
            await asyncio.sleep(0.01)
        return self.fake.sent(name)[-1]

    async def answered(self) -> DialogId:
        """Wait for the INVITE and answer it."""
        invite = await self.until_sent("invite")
        await self.push(
            CallAnswered(
                dialog=invite.of,
                headers=[],
                content_type="application/sdp",
                body=their_sdp(invite["body"]),
                needs_ack=False,
                contact="",
                source="",
            )
        )
        return DialogId(invite.of)

    async def called(self, body: bytes | None = None, *, dialog: DialogId = THEIRS) -> None:
        """INVITE the phone."""
        self.fake.sip.open.add(dialog)
        await self.push(
            IncomingCall(
                dialog=dialog,
                trunk="anybody",
                user=None,
                request_uri="sip:alice@127.0.0.1",
                from_="<sip:x@y>",
                to="<sip:alice@127.0.0.1>",
                contact="",
                call_id="c",
                headers=[],
                content_type="application/sdp",
                body=their_sdp() if body is None else body,
                transport="udp",
                source="127.0.0.1:5060",
                local="127.0.0.1:5062",
                flow=FlowId(1),
            )
        )

    async def ends(self, dialog: DialogId, cause: Cause = "bye", status: int = 0) -> None:
        self.fake.sip.open.discard(dialog)
        await self.push(CallEnded(dialog=dialog, cause=cause, status=status, reason="", headers=[]))


def on_a_line(test: Callable[[Line], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    async def main() -> None:
        await test(Line())

    def run() -> None:
        run_virtual(main())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@pytest.fixture(scope="module")
def wav(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("audio") / "hello.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(1600))
    return path


def texts(report: Report) -> list[str]:
    return [moment.text for moment in report.moments]


def test_it_calls_speaks_presses_and_hangs_up(wav: Path, tmp_path: Path) -> None:
    async def main() -> None:
        line = Line()
        script: Script = (Wait(seconds=1), Play(path=wav), SendDigits(digits="12"), HangUp())
        async with asyncio.TaskGroup() as tasks:
            call = tasks.create_task(line.phone.dial(TARGET, script, heard=tmp_path / "heard.wav"))
            invite = await line.until_sent("invite")
            assert (invite["target"], invite["to"]) == (TARGET, f"<{TARGET}>")
            assert invite["from_"] == '"Alice" <sip:alice@127.0.0.1:5060>'
            assert invite["credentials"].password == "secret"
            await line.push(
                CallProgress(
                    dialog=invite.of,
                    status=180,
                    reason="Ringing",
                    headers=[],
                    content_type="",
                    body=b"",
                    reliable=False,
                    early="",
                )
            )
            await asyncio.sleep(2)
            await line.answered()
            (leg,) = line.fake.media.legs
            await line.until_sent("play")
            await line.push(DtmfPressed(leg=leg.id, digit="5", duration_ms=100, inband=False))
            leg.finish_playing()
            assert (await line.until_sent("send_dtmf"))["digits"] == "12"
            leg.finish_playing()
        report = call.result()
        assert report.answered
        assert report.setup_ms == pytest.approx(2000, abs=50)
        assert (report.cause, report.digits, report.heard) == ("hung-up", "5", tmp_path / "heard.wav")
        assert texts(report) == [
            "calls",
            "hears 180 Ringing",
            "is connected",
            "says hello.wav",
            "hears key 5",
            "presses 12",
            "hangs up",
            "the call is over: hung-up",
        ]
        assert line.fake.names() == ["invite", "configure", "record", "play", "send_dtmf", "hang_up", "close_leg"]
        assert line.fake.sent("record")[0].args == {"path": str(tmp_path / "heard.wav"), "tracks": ["inbound"]}
        assert line.fake.sent("configure")[0]["media"].codec == "PCMA"

    run_virtual(main())


@on_a_line
async def test_the_far_side_hanging_up_ends_the_script(line: Line) -> None:
    async with asyncio.TaskGroup() as tasks:
        call = tasks.create_task(line.phone.dial(TARGET, (Wait(seconds=3600),)))
        await line.ends(await line.answered())
    assert (call.result().cause, "hang_up" in line.fake.names()) == ("bye", False)
    assert call.result().duration_s < 10


@on_a_line
async def test_a_busy_far_side_is_reported(line: Line) -> None:
    async with asyncio.TaskGroup() as tasks:
        call = tasks.create_task(line.phone.dial(TARGET, (Wait(seconds=1),)))
        invite = await line.until_sent("invite")
        await line.ends(invite.of, cause="rejected", status=486)
    report = call.result()
    assert (report.answered, report.status, report.cause) == (False, 486, "rejected")


@on_a_line
async def test_it_rings_and_answers(line: Line) -> None:
    async with asyncio.TaskGroup() as tasks:
        call = tasks.create_task(line.phone.take_call((Ring(seconds=1.5), Answer(), UntilHungUp(at_most_s=60))))
        await asyncio.sleep(5)
        await line.called()
        assert (await line.until_sent("progress"))["status"] == 180
        answer = await line.until_sent("answer")
        assert b"PCMA" in answer["body"]
        await line.push(CallAcked(dialog=THEIRS, body=b""))
        await line.ends(THEIRS)
    report = call.result()
    assert report.setup_ms == pytest.approx(1500, abs=50)
    assert texts(report) == ["is called", "rings", "is connected", "the call is over: bye"]


@on_a_line
async def test_a_call_that_is_given_up_before_it_is_taken(line: Line) -> None:
    await line.called()
    await line.ends(THEIRS, cause="cancelled")
    report = await line.phone.take_call((Ring(seconds=1), Answer()))
    assert (report.answered, report.cause) == (False, "cancelled")


@on_a_line
async def test_it_refuses_by_script(line: Line) -> None:
    await line.called()
    report = await line.phone.take_call((Reject(status=603, reason="Decline"),))
    assert not report.answered
    assert line.fake.sent("reject")[0].args["status"] == 603


@on_a_line
async def test_an_offer_without_a_common_codec_is_refused(line: Line) -> None:
    await line.called(body=their_sdp().replace(b"RTP/AVP 8 101", b"RTP/AVP 18").replace(b"PCMA", b"G729"))
    report = await line.phone.take_call((Answer(),))
    assert not report.answered
    assert line.fake.sent("reject")[0].args["status"] == 488


@on_a_line
async def test_a_delayed_offer_is_answered_by_the_ack(line: Line) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(line.phone.take_call((Answer(), UntilHungUp(at_most_s=60))))
        await line.called(body=b"")
        offer = (await line.until_sent("answer"))["body"]
        assert b"PCMU" in offer
        await line.push(CallAcked(dialog=THEIRS, body=their_sdp(offer)))
        assert line.fake.sent("configure")[0]["media"].codec == "PCMA"
        await line.ends(THEIRS)


@on_a_line
async def test_it_goes_along_with_hold_and_answers_what_it_does_not_know(line: Line) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(line.phone.dial(TARGET, (UntilHungUp(at_most_s=60),)))
        dialog = await line.answered()
        hold = their_sdp().replace(b"sendrecv", b"sendonly")
        await line.push(
            ReofferReceived(dialog=dialog, request=RequestId(5), method="INVITE", headers=[], body=hold),
            RequestReceived(dialog=dialog, request=RequestId(6), method="REFER", headers=[], content_type="", body=b""),
        )
        assert [(c.of, c["status"]) for c in line.fake.sent("respond")] == [(5, 200), (6, 405)]
        assert b"a=recvonly" in line.fake.sent("respond")[0]["body"]
        await line.ends(dialog)


@on_a_line
async def test_more_calls_than_it_keeps_waiting_are_busy(line: Line) -> None:
    for _ in range(17):
        await line.called()
    assert [command["status"] for command in line.fake.sent("reject")] == [486]


@on_a_line
async def test_who_stops_waiting_for_a_call_hangs_it_up(line: Line) -> None:
    call = asyncio.ensure_future(line.phone.dial(TARGET, (Wait(seconds=3600),)))
    dialog = await line.answered()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert [command.of for command in line.fake.sent("hang_up")] == [dialog]
    assert line.fake.media.legs[0].closed


@on_a_line
async def test_it_registers_with_one_call_id_and_a_growing_cseq(line: Line) -> None:
    for times, status in enumerate((200, 200, 403), start=1):
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(_registered(line))
            request = (await line.until_sent("request", times=times)).of
            answer: Any = {"reason": "", "headers": [], "body": b"", "flow": FlowId(0), "local": "", "source": ""}
            await line.push(Response(request=request, status=status, **answer))
        assert task.result() == status
    requests = line.fake.sent("request")
    assert requests[0]["from_"] == "<sip:alice@127.0.0.1:5070>"
    assert ("Contact", "<sip:alice@127.0.0.1:5060;transport=udp>") in requests[0]["headers"]
    assert len({request["call_id"] for request in requests}) == 1
    assert [request["cseq"] for request in requests] == [1, 2, 3]


async def _registered(line: Line) -> int:
    try:
        await line.phone.register("sip:127.0.0.1:5070;transport=udp")
    except RegistrationFailed as error:
        return error.status
    return 200


def test_a_report_tells_a_gapless_call() -> None:
    def report(stats: LegStats | None) -> Report:
        return Report(
            setup_ms=None,
            duration_s=0,
            cause="bye",
            status=0,
            reason="",
            digits="",
            stats=stats,
            heard=None,
            moments=(),
        )

    assert report(LegStats(leg=LegId(1), packets_received=1)).gapless
    assert not report(LegStats(leg=LegId(1), packets_received=1, lost=1)).gapless
    assert not report(LegStats(leg=LegId(1))).gapless
    assert not report(None).gapless


@on_a_line
async def test_a_part_of_a_file_is_what_is_said(line: Line) -> None:
    part = Play(path=CALLER_WAV, from_s=1.0, until_s=1.5)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(line.phone.dial(TARGET, (part,)))
        await line.answered()
        await line.until_sent("play")
        ((pcm, rate),) = line.fake.media.prompts.values()
        line.fake.media.legs[0].finish_playing()
    assert (len(pcm), rate) == (8000, 8000)


@on_a_line
async def test_it_takes_several_calls_at_a_time_each_by_its_own_script(line: Line) -> None:
    scripts: dict[int, Script] = {1: (Answer(), UntilHungUp(at_most_s=60)), 2: (Reject(),)}
    taking = asyncio.ensure_future(line.phone.take_calls(lambda number: (scripts[number], None)))
    await line.called()
    await line.push(CallAcked(dialog=THEIRS, body=b""))
    await line.called(dialog=DialogId(8))
    assert line.fake.sent("reject")[0].of == 8
    await line.ends(THEIRS)
    await asyncio.sleep(3)
    assert [(report.answered, report.cause) for report in line.phone.reports] == [(False, "hung-up"), (True, "bye")]
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
