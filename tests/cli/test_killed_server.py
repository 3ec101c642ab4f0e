"""`kill -9` at random moments, again and again: every stream that began is told exactly one end. A recorder keeps
what it heard until then."""

import asyncio
import json
import random
import signal
import sqlite3
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bridgetap.receiver import Receiver, Stream
from bridgetap.receiver.authority import make_authority
from tests.calls.callback_server import CallbackServer, callback_server
from tests.calls.live import TOKEN, LivePhone, until
from tests.calls.stage import fork, state
from tests.interop.tones import CALLER_HZ
from tests.recorder.stage import seconds_of

from .test_recorder import Command, recorder
from .test_serve import served, write_configuration

pytest.importorskip("bridgetap._engine", reason="the compiled core was not built")

ROUNDS = 6
LONGEST_S = 0.5  # from the call to the kill
MORE = """
[account]
auth_token = "{token}"
[streams]
trusted_ca = "ca.pem"
system_roots = false
allow_networks = ["127.0.0.0/8"]
status_callback = "{url}"
"""


CONNECTOR = """
[[connectors]]
name = "srs"
recorders = ["{uri}"]
"""


async def listen(stream: Stream) -> None:
    async for _ in stream:
        pass


def rows(folder: Path, query: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(f"file:{folder / 'bridgetap.db'}?mode=ro", uri=True)) as store:
        store.row_factory = sqlite3.Row
        return [dict(row) for row in store.execute(query)]


def prepare(folder: Path, url: str, *forks: dict[str, Any], more: str = "") -> None:
    """A flow that starts these, of which the last goes on to `say`."""
    write_configuration(folder)
    configuration = folder / "bridgetap.toml"
    configuration.write_text(configuration.read_text() + MORE.format(token=TOKEN, url=url) + more)
    states = [
        state("Trigger", "trigger", {"incomingCall": "one"}),
        *forks,
        state("say", "say-play", {"audioComplete": None}, play="a.wav", loop=99),
    ]
    flow = {"description": "", "initial_state": "Trigger", "states": states}
    (folder / "flow.json").write_text(json.dumps(flow))


async def live_and_die(folder: Path, phone: LivePhone, dice: random.Random) -> None:
    """A server, a call, in half of the rounds its end too, and the kill."""
    async with served(folder) as server:
        call = phone.ring(f"sip:+15551230000@{server.sip}")
        await asyncio.sleep(dice.uniform(0, LONGEST_S))
        if dice.random() < 0.5:
            call.hang_up()
            await asyncio.sleep(dice.uniform(0, 0.1))
        server.send(signal.SIGKILL)
        assert await server.exit_code() == -signal.SIGKILL


def verify(folder: Path, told: CallbackServer) -> int:
    """Each stream's story, as its server heard it; how many there are."""
    began = {row["sid"]: row for row in rows(folder, "SELECT * FROM streams")}
    stories: defaultdict[str, dict[str, str]] = defaultdict(dict)  # by stream: token → event
    for form, token in zip(told.taken, told.tokens, strict=True):
        stories[form["StreamSid"]].setdefault(token, form["StreamEvent"])
    assert set(stories) == set(began), "whoever began is told of, and nobody else"
    for sid, events in stories.items():
        story = list(events.values())
        assert story in (
            ["stream-started", "stream-stopped"],
            ["stream-started", "stream-error"],
            ["stream-stopped"],
            ["stream-error"],
        ), story
        assert began[sid]["ended_ns"] is not None
        if began[sid]["end_reason"] == "crashed" and story[-1] == "stream-stopped":
            pytest.fail(f"{sid} crashed by its row, and stopped by what was told")
    return len(stories)


# Another seed each time, under one name: workers must collect the same tests. A failure shows its value.
@pytest.mark.parametrize("seed", [pytest.param(random.SystemRandom().randrange(2**32), id="seed")])
async def test_every_stream_has_one_end_though_its_server_is_killed(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    authority, phone = make_authority(tmp_path), LivePhone()
    try:
        with callback_server(TOKEN) as told:
            async with Receiver.serve(listen, ssl=authority.server_context(), auth_token=TOKEN) as receiver:
                media = f"wss://127.0.0.1:{receiver.port}/media"
                one = fork("one", then="two", stream_url=media)
                two = fork("two", then="say", stream_url=media, stream_name="second")
                prepare(tmp_path, told.url, one, two)
                for _ in range(ROUNDS):
                    await live_and_die(tmp_path, phone, dice)
                async with served(tmp_path) as server:
                    await until(lambda: not rows(tmp_path, "SELECT id FROM callbacks"), "all is told")
                    call = await phone.call(f"sip:+15551230000@{server.sip}")
                    await until(
                        lambda: sum(form["StreamEvent"] == "stream-started" for form in told.taken[-2:]) == 2,
                        "a new call goes as ever",
                    )
                    call.hang_up()
                    server.send(signal.SIGTERM)
                    assert await server.exit_code() == 0
            assert told.unsigned == 0
            assert verify(tmp_path, told) >= 2
    finally:
        phone.core.close()


def siprec(told: CallbackServer) -> list[tuple[str, str]]:
    """Event and SID of what was told, each token once."""
    once = dict(zip(told.tokens, told.taken, strict=True))
    return [(form["SiprecEvent"], form["SiprecSid"]) for form in once.values()]


async def record_and_die(folder: Path, phone: LivePhone, told: CallbackServer, command: Command, *, taken: bool) -> str:
    """A call whose recorder has heard its caller for a second and more, or has only been asked; then the kill.
    Returns the stream's SID."""
    make_authority(folder)  # the configuration names one
    start = fork("one", then="say", stream_url="", stream_transport_type="siprec", stream_connector="srs")
    prepare(folder, told.url, start, more=CONNECTOR.format(uri=command.uri("tcp")))
    async with served(folder) as server:
        call = await phone.call(f"sip:+15551230000@{server.sip}")
        await command.line("asked")
        if taken:
            await until(lambda: [event for event, _ in siprec(told)] == ["siprec-started"], "it is recorded")
            before = call.stats().packets_sent
            call.play(CALLER_HZ)
            await until(lambda: call.stats().packets_sent - before >= 90, "something was said")
        server.send(signal.SIGKILL)
        assert await server.exit_code() == -signal.SIGKILL
        call.hang_up()
    (row,) = rows(folder, "SELECT sid, ended_ns FROM streams")
    assert row["ended_ns"] is None, "nothing but the next start can close it"
    return str(row["sid"])


async def closed_by_the_next_start(folder: Path, told: CallbackServer, story: list[tuple[str, str]]) -> None:
    """Each end once, however often it is started."""
    for _ in range(2):
        async with served(folder) as server:
            await until(lambda: siprec(told) == story, "its end is told")
            await until(lambda: not rows(folder, "SELECT id FROM callbacks"), "and nothing more")
            server.send(signal.SIGTERM)
            assert await server.exit_code() == 0
    (row,) = rows(folder, "SELECT transport, end_reason, ended_ns FROM streams")
    assert (row["transport"], row["end_reason"]) == ("siprec", "crashed")
    assert row["ended_ns"] is not None
    assert siprec(told) == story
    assert told.taken[-1]["SiprecErrorCode"] == "31900"
    assert told.unsigned == 0


async def test_a_recording_has_one_end_and_its_audio_though_its_server_is_killed(tmp_path: Path) -> None:
    phone = LivePhone()
    try:
        with callback_server(TOKEN) as told:
            async with recorder(tmp_path, "--listen", "tcp://127.0.0.1:0") as command:
                sid = await record_and_die(tmp_path, phone, told, command, taken=True)
                await closed_by_the_next_start(tmp_path, told, [("siprec-started", sid), ("siprec-error", sid)])
                command.process.send_signal(signal.SIGTERM)
                over = await command.line("over")
                code, _ = await command.end()  # it may say that nobody is there to hear its goodbye
    finally:
        phone.core.close()
    assert (code, over["ended"], over["faults"]) == (0, "closed", [])
    track, _ = over["tracks"]  # the caller, and what it heard
    assert track["packets"] >= 75
    assert seconds_of(command.folder / "recording-1" / track["wav"], CALLER_HZ) >= 1.4


async def test_a_recording_that_nobody_had_taken_has_one_end_too(tmp_path: Path) -> None:
    phone = LivePhone()
    try:
        with callback_server(TOKEN) as told:
            silent = ("--listen", "tcp://127.0.0.1:0", "--misbehave", "silent")
            async with recorder(tmp_path, *silent) as command:
                sid = await record_and_die(tmp_path, phone, told, command, taken=False)
                await closed_by_the_next_start(tmp_path, told, [("siprec-error", sid)])
    finally:
        phone.core.close()
