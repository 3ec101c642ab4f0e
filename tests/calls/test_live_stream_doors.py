"""Streams through their other doors, on real calls: Twilio's own SDK, the command line, and what servers are told."""

import asyncio
import json
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from twilio.rest import Client

import bridgetap
from bridgetap.receiver import Faults, Receiver, Stream
from bridgetap.receiver.authority import make_authority

from .blocking_sdk import ask, refused
from .callback_server import CallbackServer, callback_server
from .live import TOKEN, Live, LiveCall, live, until
from .stage import connect, fork

pytest.importorskip("bridgetap._engine", reason="the compiled core was not built")


class Listeners:
    """What the far end got, by stream."""

    def __init__(self) -> None:
        self.frames: defaultdict[str, int] = defaultdict(int)
        self.parameters: dict[str, dict[str, str]] = {}
        self.faults: dict[str, Faults] = {}  # of those that have ended
        self.stopped: set[str] = set()

    async def __call__(self, stream: Stream) -> None:
        sid = stream.start.stream_sid
        self.parameters[sid] = dict(stream.start.custom_parameters)
        async for _ in stream:
            self.frames[sid] += 1
        self.faults[sid] = sum((figures.faults for figures in stream.tracks.values()), stream.faults)
        if stream.stop is not None:
            self.stopped.add(sid)


@dataclass
class Talk:
    """A call that talks, and everything around it."""

    stage: Live
    caller: LiveCall
    callee: LiveCall
    client: Client
    far: Listeners
    media: str  # the far end's URL
    callbacks: CallbackServer
    folder: Path

    async def sids(self) -> tuple[str, str]:
        """Of the caller's call and of the callee's."""
        parent, child = await self.stage.rows()
        return parent.sid, child.sid


@asynccontextmanager
async def talking(folder: Path, *, forked: bool = False, more: str = "") -> AsyncIterator[Talk]:
    authority, far = make_authority(folder), Listeners()
    with callback_server(TOKEN) as callbacks:
        async with Receiver.serve(far, ssl=authority.server_context(), auth_token=TOKEN, exact=True) as receiver:
            media = f"wss://127.0.0.1:{receiver.port}/media"

            def flow(uris: list[str]) -> list[dict[str, object]]:
                states = [connect("two" if forked else "one", noun="sip", sip_endpoint=uris[0])]
                return [fork(then="two", stream_url=media), *states] if forked else states

            async with live(folder, flow, more=more.format(callbacks=callbacks.url)) as stage:
                caller, callee = await stage.talk()
                url = f"http://{stage.server.http_address}"
                client = Client(
                    stage.server.account.sid, TOKEN, http_client=bridgetap.twilio_http_client(url, timeout=30)
                )
                yield Talk(stage, caller, callee, client, far, media, callbacks, folder)
    assert callbacks.unsigned == 0


async def test_twilios_sdk_starts_and_stops_streams_on_a_live_call(tmp_path: Path) -> None:
    async with talking(tmp_path) as talk:
        sid, _ = await talk.sids()
        streams = talk.client.calls(sid).streams
        made = await ask(
            lambda: streams.create(
                url=talk.media,
                name="tap",
                track="both_tracks",
                status_callback=talk.callbacks.url,
                parameter1_name="tenant",
                parameter1_value="42",
            )
        )
        assert (made.name, made.status, made.call_sid) == ("tap", "in-progress", sid)
        await until(lambda: talk.far.frames[made.sid] > 20, "audio comes")
        assert talk.far.parameters[made.sid] == {"tenant": "42"}
        assert await refused(lambda: streams.create(url=talk.media, name="tap")) == (409, 20409)
        await ask(lambda: streams.create(url=talk.media, track="both_tracks"))
        assert await refused(lambda: streams.create(url=talk.media)) == (400, 31941)
        assert await refused(lambda: streams.create(url="ws://127.0.0.1/")) == (400, 31922)
        assert await refused(lambda: streams("other").update(status="stopped")) == (404, 20404)
        stopped = await ask(lambda: streams("tap").update(status="stopped"))
        assert (stopped.sid, stopped.status) == (made.sid, "stopped")
        await until(lambda: made.sid in talk.far.stopped, "the far end was told")
        await until(lambda: len(talk.callbacks.events(made.sid)) == 2, "who asked was told")
        assert talk.callbacks.events(made.sid) == ["stream-started", "stream-stopped"]
        assert list(talk.callbacks.taken[0]) == [
            "AccountSid",
            "CallSid",
            "StreamSid",
            "StreamName",
            "StreamEvent",
            "Timestamp",
        ]
        talk.caller.hang_up()
        await talk.stage.over()
        assert await refused(lambda: streams.create(url=talk.media)) == (400, 21220)


async def test_a_dialled_party_is_a_call_too(tmp_path: Path) -> None:
    async with talking(tmp_path) as talk:
        _, child = await talk.sids()
        talk.caller.play(500)
        talk.callee.play(900)
        made = await ask(lambda: talk.client.calls(child).streams.create(url=talk.media, name="b"))
        await until(lambda: talk.far.frames[made.sid] > 10, "audio comes")
        talk.callee.hang_up()
        await talk.caller.ended()
        rows = {row.sid: row for row in await talk.stage.streams()}
        assert (rows[made.sid].call_sid, rows[made.sid].end_reason) == (child, "call-ended")
        async with asyncio.timeout(10):
            while any(row.packets_received is None for row in await talk.stage.over()):
                pass  # a leg's last figures come right after its end
        for row in await talk.stage.over():
            assert (row.packets_lost, (row.packets_received or 0) > 0) == (0, True)


async def test_a_widgets_stream_is_stopped_over_rest_and_told_to_the_common_callback(tmp_path: Path) -> None:
    more = 'status_callback = "{callbacks}"'
    async with talking(tmp_path, forked=True, more=more) as talk:
        sid, _ = await talk.sids()
        await until(lambda: len(talk.far.frames) == 1, "the widget's stream is open")
        stopped = await ask(lambda: talk.client.calls(sid).streams("tap").update(status="stopped"))
        await until(lambda: len(talk.callbacks.taken) == 2, "its life was told")
        assert talk.callbacks.events(stopped.sid) == ["stream-started", "stream-stopped"]


async def test_one_of_eight_streams_is_stopped_and_seven_notice_nothing(tmp_path: Path) -> None:
    async with talking(tmp_path, more="max_tracks_per_call = 32") as talk:
        sid, _ = await talk.sids()
        streams = talk.client.calls(sid).streams
        made = [
            await ask(lambda number=number: streams.create(url=talk.media, name=f"s{number}", track="both_tracks"))
            for number in range(8)
        ]
        await until(lambda: all(talk.far.frames[one.sid] > 10 for one in made), "all of them run")
        gone = await ask(lambda: streams("s3").update(status="stopped"))
        assert gone.sid == made[3].sid
        await until(lambda: gone.sid in talk.far.stopped, "it was stopped")
        seen = dict(talk.far.frames)
        await until(
            lambda: all(talk.far.frames[one.sid] > seen[one.sid] + 20 for one in made if one.sid != gone.sid),
            "the others go on",
        )
        assert talk.far.frames[gone.sid] == seen[gone.sid]
        talk.caller.hang_up()
        rows = {row.name: row for row in await talk.stage.streams()}
        assert {name: row.end_reason for name, row in rows.items() if name != "s3"} == dict.fromkeys(
            [f"s{number}" for number in range(8) if number != 3], "call-ended"
        )
        assert rows["s3"].end_reason == "stopped"
        await until(lambda: len(talk.far.faults) == 8, "all have said stop")
        assert set(talk.far.faults.values()) == {Faults()}, "nothing missing, nothing twice, on any of them"


async def test_the_command_line_starts_lists_and_stops(tmp_path: Path) -> None:
    async with talking(tmp_path) as talk:
        sid, _ = await talk.sids()
        server = f"http://{talk.stage.server.account.sid}:{TOKEN}@{talk.stage.server.http_address}"

        async def command(*words: str) -> tuple[int, str]:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "bridgetap",
                "stream",
                *words,
                env={"BRIDGETAP_URL": server, "PYTHONPATH": "src", "PATH": ""},
                stdout=asyncio.subprocess.PIPE,
            )
            out, _ = await process.communicate()
            return process.returncode or 0, out.decode().strip()

        code, stream = await command("start", sid, talk.media, "--name", "tap", "--parameter", "a=b")
        assert (code, stream[:2]) == (0, "MZ")
        await until(lambda: talk.far.frames[stream] > 0, "audio comes")
        assert talk.far.parameters[stream] == {"a": "b"}
        assert await command("start", sid, talk.media, "--name", "tap") == (1, "")
        assert await command("stop", sid, "tap") == (0, stream)
        assert await command("stop", sid, "tap") == (1, "")
        await talk.stage.streams()
        code, listed = await command("list", sid, "--json")
        assert (code, json.loads(listed)["sid"], json.loads(listed)["end_reason"]) == (0, stream, "stopped")
