"""What strangers and broken phones send: a clear answer or none, and the next call goes through."""

import asyncio
import random
from pathlib import Path

import pytest

from .parties import TRUNK, connect, parties, talk
from .raw_phone import RawPhone, raw_phone
from .server import connect_flow, serve

AUDIO_LESS = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=video 4000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param("v=0\r\nnonsense", 400, id="broken SDP"),
        pytest.param(AUDIO_LESS, 488, id="no audio"),
        pytest.param(
            RawPhone(("", 0)).sdp(port=4000, formats="97", audio="a=rtpmap:97 iLBC/8000\r\n"), 488, id="no usable codec"
        ),
        pytest.param(RawPhone(("", 0)).sdp(port=4000).replace("RTP/AVP", "RTP/SAVP"), 488, id="encrypted audio"),
    ],
)
async def test_sdp_that_cannot_be_used(tmp_path: Path, body: str, status: int) -> None:
    async with parties(tmp_path) as (_, caller, callee):
        answer = await caller.call(body=body)
        assert answer.status == status, answer.start
        assert answer.get("Warning") or answer.status == 400 or "488" in answer.start
        await _still_works(callee, caller)


async def _still_works(callee: RawPhone, caller: RawPhone) -> None:
    async with raw_phone(caller.server) as other:
        await talk(other, callee, seconds=0.5)
        assert other.missing() == 0


async def test_truncated_oversize_and_random_messages(tmp_path: Path) -> None:
    dice = random.Random(7)
    async with parties(tmp_path) as (server, caller, callee):
        whole = caller.request("INVITE", body=caller.sdp()).encode()
        for length in range(0, len(whole), 7):
            caller.send(whole[:length])
        for _ in range(200):
            caller.send(dice.randbytes(dice.randrange(1, 1400)))
        for _ in range(200):
            broken = bytearray(whole)
            for _ in range(dice.randrange(1, 8)):
                broken[dice.randrange(len(broken))] = dice.randrange(256)
            caller.send(bytes(broken))
        oversize = caller.request("INVITE", body=caller.sdp(), headers="X-Long: " + "a" * 60_000 + "\r\n")
        caller.send(oversize)
        await asyncio.sleep(1)
        assert server.program.process.poll() is None, server.program.text()[-3000:]
        async with raw_phone(caller.server) as other:
            other.number = "+15551239999"
            while not callee.messages.empty():
                callee.messages.get_nowait()
            await _calls_from(other, callee)


async def _calls_from(caller: RawPhone, callee: RawPhone) -> None:
    """A good call; the callee passes over INVITEs that mutated messages brought about."""
    calling = asyncio.create_task(caller.call())
    while not calling.done():
        getting = asyncio.create_task(callee.messages.get())
        await asyncio.wait({calling, getting}, return_when=asyncio.FIRST_COMPLETED)
        if getting.done() and getting.result().method == "INVITE":
            callee.tag = callee.tag or "r"
            callee.reply(getting.result(), "200 OK", body=callee.sdp())
        getting.cancel()
    assert calling.result().status == 200


async def test_headers_of_64_kib_over_tcp_are_refused_and_closed(tmp_path: Path) -> None:
    async with parties(tmp_path) as (server, caller, callee):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.sip_port)
        head = caller.request("OPTIONS").replace("/UDP", "/TCP").split("\r\nContent-Length")[0]
        writer.write(head.encode() + b"\r\nX-Long: " + b"a" * 70_000)
        await writer.drain()
        answer = await asyncio.wait_for(reader.read(65536), 5)
        assert answer == b"" or answer.startswith((b"SIP/2.0 400", b"SIP/2.0 513")), answer[:100]
        assert await asyncio.wait_for(reader.read(), 5) is not None
        writer.close()
        await _still_works(callee, caller)


async def test_rtp_garbage_and_a_stranger_are_not_heard(tmp_path: Path) -> None:
    dice = random.Random(11)
    async with parties(tmp_path) as (_, caller, callee), raw_phone() as stranger:
        answer, invite = await connect(caller, callee)
        await caller.speak(answer.rtp_port(), [1000] * 1600)
        await asyncio.sleep(0.2)
        before = len(callee.packets)
        assert caller.rtp is not None
        for _ in range(300):
            caller.rtp.sendto(dice.randbytes(dice.randrange(0, 11)), ("127.0.0.1", answer.rtp_port()))
        await stranger.speak(answer.rtp_port(), [8000] * 4000, ssrc=0x9999)
        await asyncio.sleep(0.2)
        assert not [
            p for p in callee.packets[before:] if len(p.payload) == 160 and p.payload[0] == p.payload[80] != 0xFF
        ]
        await caller.speak(answer.rtp_port(), [1000] * 1600, sequence=110)
        callee.hang_up(invite)
        assert callee.missing() == 0


async def test_strangers_are_kept_out(tmp_path: Path) -> None:
    flow = connect_flow("sip:nobody@127.0.0.1:9")
    with serve(tmp_path / "closed", flow=flow) as server:
        async with raw_phone(("127.0.0.1", server.sip_port)) as stranger:
            assert (await stranger.call()).status == 403
    users = '[[users]]\nusername = "alice"\npassword = "wonderland"\n'
    with serve(tmp_path / "users", flow=flow, settings=users) as server:
        async with raw_phone(("127.0.0.1", server.sip_port)) as stranger:
            answer = await stranger.call()
            assert answer.status == 401
            assert "Digest" in answer.get("WWW-Authenticate")


async def test_a_number_nobody_has(tmp_path: Path) -> None:
    flow = connect_flow("sip:nobody@127.0.0.1:9")
    with serve(tmp_path / "server", flow=flow, settings=TRUNK, number="+15550000000") as server:
        async with raw_phone(("127.0.0.1", server.sip_port)) as caller:
            assert (await caller.call()).status == 404


async def test_a_flood_of_invites_leaves_live_calls_alone(tmp_path: Path) -> None:
    async with (
        parties(tmp_path, sip="calls_per_second = 20\n") as (server, caller, callee),
        raw_phone(("127.0.0.1", 9)) as flooder,
    ):
        flooder.server = caller.server
        answer, invite = await connect(caller, callee)
        refused = 0
        for _ in range(40):
            for _ in range(25):
                flooder.call_id = ""
                flooder.number = "+15559990000"
                flooder.send(flooder.request("INVITE", body=flooder.sdp()))
            await caller.speak(answer.rtp_port(), [1000] * 160)
        await asyncio.sleep(0.5)
        while not flooder.messages.empty():
            message = flooder.messages.get_nowait()
            refused += message.status == 503
        assert refused > 500, "the gate let the flood through"
        callee.hang_up(invite)
        while not callee.messages.empty():
            callee.messages.get_nowait()
        assert server.program.process.poll() is None
