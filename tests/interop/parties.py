"""A caller and a callee made of raw sockets, and a server between them that runs the seed's flow."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from .raw_phone import Message, RawPhone, raw_phone
from .server import Server, connect_flow, serve
from .tones import CALLEE_HZ, CALLER_HZ, tone

TRUNK = """
[[trunks]]
name = "loopback"
uri = "sip:127.0.0.1:9"
allow_from = ["127.0.0.0/8"]
ping_s = 0
"""


@asynccontextmanager
async def parties(
    tmp_path: Path,
    *,
    stream_url: str | None = None,
    connector: str | None = None,
    streams: str = "",
    settings: str = "",
    sip: str = "",
    certificate: tuple[Path, Path] | None = None,
) -> AsyncIterator[tuple[Server, RawPhone, RawPhone]]:
    """A server whose flow forks to `stream_url` or `connector` and connects to the callee; caller and callee."""
    async with raw_phone() as callee:
        uri = f"sip:callee@127.0.0.1:{callee.sip_port}"
        flow = connect_flow(uri, stream_url=stream_url, connector=connector)
        with serve(
            tmp_path / "server",
            flow=flow,
            settings=TRUNK + settings,
            streams=streams,
            sip=sip,
            certificate=certificate,
        ) as server:
            callee.server = ("127.0.0.1", server.sip_port)
            async with raw_phone(callee.server) as caller:
                yield server, caller, callee


async def connect(caller: RawPhone, callee: RawPhone) -> tuple[Message, Message]:
    """Call and be answered: the caller's 200 and the callee's INVITE."""
    answering = asyncio.create_task(callee.answer())
    answer = await caller.call()
    assert answer.status == 200, answer.start
    return answer, await answering


async def talk(caller: RawPhone, callee: RawPhone, *, seconds: float) -> tuple[int, int]:
    """Call, be answered, both say their tone, the callee hangs up; how many packets each sent."""
    answer, invite = await connect(caller, callee)
    sent = await asyncio.gather(
        caller.speak(answer.rtp_port(), tone(CALLER_HZ, seconds)),
        callee.speak(invite.rtp_port(), tone(CALLEE_HZ, seconds)),
    )
    callee.hang_up(invite)
    assert (await callee.final()).status == 200
    return sent[0], sent[1]
