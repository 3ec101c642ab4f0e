"""`kill -9` at random moments, again and again: every stream that began is told exactly one end."""

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


async def listen(stream: Stream) -> None:
    async for _ in stream:
        pass


def rows(folder: Path, query: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(f"file:{folder / 'bridgetap.db'}?mode=ro", uri=True)) as store:
        store.row_factory = sqlite3.Row
        return [dict(row) for row in store.execute(query)]


def prepare(folder: Path, media: str, url: str) -> None:
    write_configuration(folder)
    configuration = folder / "bridgetap.toml"
    configuration.write_text(configuration.read_text() + MORE.format(token=TOKEN, url=url))
    states = [
        state("Trigger", "trigger", {"incomingCall": "one"}),
        fork("one", then="two", stream_url=media),
        fork("two", then="three", stream_url=media, stream_name="second"),
        state("three", "say-play", {"audioComplete": None}, play="a.wav", loop=99),
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
                prepare(tmp_path, f"wss://127.0.0.1:{receiver.port}/media", told.url)
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
