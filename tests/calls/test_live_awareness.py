"""Phones that want to know whether they are recorded, on real calls at our own recorder (checklist 67)."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bridgetap.engine import CallAcked, ReofferAnswered, ReofferOvertaken, ReofferReceived
from bridgetap.sdp import parse
from tests.interop.tones import CALLEE_HZ, CALLER_HZ

from .live import LiveCall, until
from .stage import connect
from .test_live_siprec import Studio, studio, unhurt, widget

pytest.importorskip("bridgetap._engine", reason="the compiled core was not built")

AWARE = [("Supported", "record-aware")]


def word(received: ReofferReceived) -> str | None:
    (line,) = parse(received.body).media
    found = line.attribute("record")
    return found.value if found is not None else None


async def talk(room: Studio, *, caller: Any = None, callee: Any = None) -> tuple[LiveCall, LiveCall]:
    """Both talk, each aware or not."""
    one = room.stage.caller.ring(f"sip:+15551230000@{room.stage.server.sip_address}", headers=caller)
    other = await room.stage.callees[0].next_call()
    other.answer(callee)
    await one.until_answered()
    await other.hear(CallAcked)
    one.play(CALLER_HZ)
    other.play(CALLEE_HZ)
    return one, other


async def told(call: LiveCall) -> str | None:
    received = await call.reoffered()
    await call.answer_reoffer(received)
    return word(received)


def version(body: bytes) -> int:
    """Of a description of ours."""
    origin = parse(body).origin
    assert origin is not None
    return int(origin.version)


def answered(call: LiveCall) -> list[ReofferAnswered]:
    return [event for event in call.events if isinstance(event, ReofferAnswered)]


def overtaken(call: LiveCall) -> bool:
    return any(isinstance(event, ReofferOvertaken) for event in call.events)


def unbothered(call: LiveCall) -> bool:
    return not any(isinstance(event, ReofferReceived) for event in call.events)


async def pause(room: Studio, *, paused: bool) -> None:
    (call,) = room.stage.server.calls._live.values()
    call.streams.of_call(call.sid).pause("rec", paused=paused)


async def test_both_are_told_of_the_beginning_the_pause_and_the_end(tmp_path: Path) -> None:
    def flow(uris: list[str]) -> list[dict[str, Any]]:
        *recorded, stop = widget(uris)
        stop["transitions"] = [{"event": "next", "next": "more"}]
        again = connect("more", noun="sip", sip_endpoint=uris[0])
        return [*recorded, stop, again]

    async with studio(tmp_path, flow) as room:
        caller, callee = await talk(room, caller=AWARE, callee=AWARE)
        await room.recording()
        assert [await told(caller), await told(callee)] == ["on", "on"]
        await pause(room, paused=True)
        assert [await told(caller), await told(callee)] == ["paused", "paused"]
        await pause(room, paused=False)
        assert [await told(caller), await told(callee)] == ["on", "on"]
        await caller.hears_a_tone()
        await callee.hears_a_tone()
        await unhurt(caller, callee)
        callee.hang_up()
        second = await room.stage.callees[0].next_call()
        assert await told(caller) == "off"
        assert b"a=record" not in second._their_offer
        caller.hang_up()
        await room.stage.over()


async def test_who_did_not_ask_sees_not_a_word(tmp_path: Path) -> None:
    async with studio(tmp_path, widget) as room:
        caller, callee = await talk(room, callee=AWARE)
        await room.recording()
        assert await told(callee) == "on"
        await caller.reoffer(direction="sendonly")
        assert await told(callee) == "on", "the hold, and still on"
        assert unbothered(caller)
        caller.hang_up()
        await room.stage.over()


@pytest.mark.parametrize("status", [488, 503])
async def test_a_phone_that_refuses_to_hear_it_talks_on(tmp_path: Path, status: int) -> None:
    async with studio(tmp_path, widget) as room:
        caller, callee = await talk(room, caller=AWARE)
        assert word(await caller.refuse_reoffer(status)) == "on"
        await caller.hears_a_tone()
        agreed = await caller.reoffer()
        assert agreed.direction == "sendrecv"
        await callee.hears_a_tone()
        await unhurt(caller, callee)
        caller.hang_up()
        await room.stage.over()


async def test_what_we_describe_after_glare_is_newer_than_what_we_described_before(tmp_path: Path) -> None:
    """RFC 3264 §8: ours waits after a 491 (who made the Call-ID, for 2 s), theirs is answered first; each version of
    ours is above the one before."""
    async with studio(tmp_path, widget) as room:
        caller, callee = await talk(room, callee=AWARE)
        ours = await callee.reoffered()
        seen = [version(ours.body)]
        callee._core.sip.respond(ours.request, status=491)
        await callee.reoffer()
        seen.append(version(answered(callee)[-1].body))
        await pause(room, paused=True)
        later = await callee.reoffered()
        await callee.answer_reoffer(later)
        seen.append(version(later.body))
        await callee.reoffer()
        seen.append(version(answered(callee)[-1].body))
        assert seen == sorted(set(seen)), seen
        assert word(later) == "paused", "what the answer has said is not said again"
        await unhurt(caller, callee)
        caller.hang_up()
        await room.stage.over()


async def test_glare_ends_with_both_re_invites_done(tmp_path: Path) -> None:
    """The phone re-INVITEs when it hears ours: each refuses the other's with 491. Whichever comes again first is
    answered; the phone's, where that overtook it, is written anew."""
    async with studio(tmp_path, widget) as room:
        caller, callee = await talk(room, caller=AWARE)
        await caller.hear(ReofferReceived)
        caller._core.sip.reoffer(caller.dialog, body=caller.offer())
        ours = await caller.reoffered()
        assert word(ours) == "on"
        caller._core.sip.respond(ours.request, status=491)

        async def answer_whatever_comes() -> None:
            while True:
                await caller.answer_reoffer()

        answering = asyncio.ensure_future(answer_whatever_comes())
        await until(lambda: answered(caller) != [] or overtaken(caller), "one of the two went through")
        await asyncio.wait([answering], timeout=3)
        if overtaken(caller):
            await caller.reoffer()
        (own,) = answered(caller)
        assert own.status == 200
        answering.cancel()
        await caller.hears_a_tone()
        await callee.hears_a_tone()
        await unhurt(caller, callee)
        caller.hang_up()
        await room.stage.over()
