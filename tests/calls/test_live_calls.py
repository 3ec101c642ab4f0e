"""Whole calls over real SIP and RTP on loopback: the server as `serve` runs it, phones that do one thing at a time."""

import asyncio
from pathlib import Path

import pytest

from bridgetap.calls import NewCall
from bridgetap.engine import CallProgress, DtmfPressed, ReofferReceived

from .live import live, until
from .stage import connect, say, sdp, state, stop_fork

pytest.importorskip("bridgetap._engine", reason="the compiled core was not built")


def dial(uris: list[str], **more: object) -> dict[str, object]:
    """Connect Call To, one phone or all of them."""
    if len(uris) == 1:
        return connect(noun="sip", sip_endpoint=uris[0], **more)
    return connect(noun="number-multi", to=",".join(uris), **more)


async def test_two_talk_and_the_callee_hangs_up(tmp_path: Path) -> None:
    async with live(tmp_path, lambda uris: [dial(uris)]) as stage:
        caller, callee = await stage.talk()
        caller.play(500)
        callee.play(900)
        await asyncio.gather(caller.hears_a_tone(), callee.hears_a_tone())
        callee.hang_up()
        assert (await caller.ended()).cause == "bye", "the flow has no next widget: the caller is hung up"
        rows = await stage.over()
        assert [(row.direction, row.status) for row in rows] == [
            ("inbound", "completed"),
            ("outbound-dial", "completed"),
        ]
        assert await stage.dial_status() == "completed"
        assert [call.stats().lost for call in (caller, callee)] == [0, 0]


async def test_the_caller_hangs_up_while_they_talk(tmp_path: Path) -> None:
    async with live(tmp_path, lambda uris: [dial(uris)]) as stage:
        caller, callee = await stage.talk()
        caller.hang_up()
        assert (await callee.ended()).cause == "bye"
        assert [row.status for row in await stage.over()] == ["completed", "completed"]
        assert [step.name for step in await stage.steps()] == ["incomingCall", "hangup"]


async def test_the_caller_gives_up_while_it_rings(tmp_path: Path) -> None:
    async with live(tmp_path, lambda uris: [dial(uris)], answer="on-bridge") as stage:
        caller = stage.caller.ring(f"sip:+15551230000@{stage.server.sip_address}")
        callee = await stage.callees[0].next_call()
        callee.progress(180)
        await caller.hear(CallProgress)
        caller.hang_up()
        assert (await callee.ended()).cause == "cancelled"
        assert [row.status for row in await stage.over()] == ["canceled", "canceled"]


async def test_nobody_answers(tmp_path: Path) -> None:
    async with live(tmp_path, lambda uris: [dial(uris, timeout=1)]) as stage:
        caller = await stage.call()
        callee = await stage.callees[0].next_call()
        callee.progress(180)
        assert (await callee.ended()).cause == "cancelled"
        await caller.ended()
        await stage.over()
        assert await stage.dial_status() == "no-answer"


@pytest.mark.parametrize(("status", "dial_status"), [(486, "busy"), (603, "busy"), (480, "no-answer"), (404, "failed")])
async def test_the_callee_refuses(tmp_path: Path, status: int, dial_status: str) -> None:
    async with live(tmp_path, lambda uris: [dial(uris)]) as stage:
        caller = await stage.call()
        (await stage.callees[0].next_call()).reject(status)
        await caller.ended()
        rows = await stage.over()
        assert await stage.dial_status() == dial_status
        assert rows[1].sip_status == status


async def test_all_ring_and_the_first_to_answer_wins(tmp_path: Path) -> None:
    async with live(tmp_path, lambda uris: [dial(uris)], callees=3) as stage:
        caller = await stage.call()
        calls = await asyncio.gather(*(phone.next_call() for phone in stage.callees))
        for call in calls:
            call.progress(180)
        calls[0].reject(486)
        calls[2].answer()
        assert (await calls[1].ended()).cause == "cancelled"
        calls[2].play(700)
        await caller.hears_a_tone()
        caller.hang_up()
        assert (await calls[2].ended()).cause == "bye"
        statuses = {row.to.rpartition(":")[2]: row.status for row in (await stage.over())[1:]}
        assert [statuses[phone.uri.rpartition(":")[2]] for phone in stage.callees] == ["busy", "canceled", "completed"]


async def test_ringback_then_the_callee(tmp_path: Path) -> None:
    async with live(tmp_path, lambda uris: [dial(uris)]) as stage:
        caller = await stage.call()
        callee = await stage.callees[0].next_call()
        callee.progress(180)
        await caller.hears_a_tone()
        callee.answer()
        await caller.hears_nothing()
        callee.play(900)
        await caller.hears_a_tone()
        caller.hang_up()
        await callee.ended()


@pytest.mark.parametrize("answer", ["at-once", "on-bridge"])
async def test_the_callees_early_media_reaches_the_caller(tmp_path: Path, answer: str) -> None:
    async with live(tmp_path, lambda uris: [dial(uris)], answer=answer) as stage:
        caller = stage.caller.ring(f"sip:+15551230000@{stage.server.sip_address}")
        if answer == "at-once":
            await caller.until_answered()
        callee = await stage.callees[0].next_call()
        callee.progress(183, early_media=True)
        callee.play(600)
        if answer == "on-bridge":
            await until(lambda: any(isinstance(e, CallProgress) and e.body for e in caller.events), "183 with SDP")
            early = next(e for e in caller.events if isinstance(e, CallProgress) and e.body)
            caller.accept(early.body)
        await caller.hears_a_tone()
        callee.answer()
        if answer == "on-bridge":
            await caller.until_answered()
        caller.play(400)
        await callee.hears_a_tone()
        callee.hang_up()
        await caller.ended()


async def test_hold_and_resume_by_the_caller(tmp_path: Path) -> None:
    async with live(tmp_path, lambda uris: [dial(uris)]) as stage:
        caller, callee = await stage.talk()
        caller.play(500)
        callee.play(900)
        await asyncio.gather(caller.hears_a_tone(), callee.hears_a_tone())
        held = asyncio.ensure_future(callee.answer_reoffer())
        assert (await caller.reoffer(direction="sendonly")).direction == "sendonly"
        assert (await held).direction == "recvonly", "the callee is told"
        await caller.hears_nothing()
        resumed = asyncio.ensure_future(callee.answer_reoffer())
        assert (await caller.reoffer()).direction == "sendrecv"
        assert (await resumed).direction == "sendrecv"
        await asyncio.gather(caller.hears_a_tone(), callee.hears_a_tone())
        caller.hang_up()
        await callee.ended()
        assert [row.status for row in await stage.over()] == ["completed", "completed"]


async def test_another_codec_on_one_side(tmp_path: Path) -> None:
    async with live(tmp_path, lambda uris: [dial(uris)]) as stage:
        caller, callee = await stage.talk()
        callee.play(900)
        await caller.hears_a_tone()
        agreed = await caller.reoffer(codecs=("PCMA",))
        assert agreed.codec == "PCMA"
        caller.play(500)
        before = caller.stats().packets_received
        await until(lambda: caller.stats().packets_received > before + 100, "packets go on")
        await asyncio.gather(caller.hears_a_tone(), callee.hears_a_tone())
        assert caller.stats().malformed == 0
        assert not any(isinstance(event, ReofferReceived) for event in callee.events), "the other side is left alone"
        callee.hang_up()
        await caller.ended()


async def test_a_flow_that_speaks_digits_and_hangs_up(tmp_path: Path) -> None:
    async with live(tmp_path, lambda _: [state("one", "say-play", {"audioComplete": None}, digits="12#")]) as stage:
        caller = await stage.call()
        await caller.ended()
        assert "".join(event.digit for event in caller.events if isinstance(event, DtmfPressed)) == "12#"


async def test_a_call_made_over_the_service(tmp_path: Path) -> None:
    async with live(tmp_path, lambda uris: [dial(uris[1:])], callees=2) as stage:
        sid = await stage.server.calls.create(NewCall(to=stage.callees[0].uri, from_="+15551230000"))
        first = await stage.callees[0].next_call()
        first.answer()
        second = await stage.callees[1].next_call()
        second.answer()
        second.play(800)
        await first.hears_a_tone()
        await stage.server.calls.end(sid, "completed")
        assert (await first.ended()).cause == "bye"
        assert (await second.ended()).cause == "bye"
        rows = await stage.over()
        assert [(row.direction, row.status) for row in rows] == [
            ("outbound-api", "completed"),
            ("outbound-dial", "completed"),
        ]


async def test_draining_ends_what_is_left_with_a_bye(tmp_path: Path) -> None:
    async with live(tmp_path, lambda uris: [dial(uris)]) as stage:
        caller, callee = await stage.talk()
        drained = asyncio.ensure_future(stage.server.drain())
        refused = stage.caller.ring(f"sip:+15551230000@{stage.server.sip_address}")
        ended = await refused.ended()
        assert (ended.cause, ended.status) == ("rejected", 503)
        await drained
        assert (await caller.ended()).cause == "bye"
        assert (await callee.ended()).cause == "bye"


@pytest.mark.parametrize(("body", "status"), [(sdp(codecs="97"), 488), (b"no session description", 400)])
async def test_a_call_that_cannot_be_served(tmp_path: Path, body: bytes, status: int) -> None:
    async with live(tmp_path, lambda _: [say(), stop_fork()]) as stage:
        phone = stage.caller
        dialog = phone.core.sip.invite(
            target=f"sip:1@{stage.server.sip_address}", from_="<sip:a@test>", to="<sip:1@test>", body=body
        )
        seen: list[object] = []
        phone.core.hear_dialog(dialog, seen.append)
        await until(lambda: bool(seen), "an answer")
        assert getattr(seen[-1], "status", 0) == status
