"""`bridgetap serve` as a process: what it prints, what signals do to it, and what it refuses to start with."""

import asyncio
import json
import signal
import sqlite3
import sys
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.calls.live import LivePhone, tone, until
from tests.calls.stage import fork, state

pytest.importorskip("bridgetap._engine", reason="the compiled core was not built")

CONFIGURATION = """
[sip]
listen = ["udp://127.0.0.1:0"]
[media]
threads = 1
[http]
listen = "127.0.0.1:0"
[calls]
drain_s = 20
[voice]
audio_folder = "."
[[numbers]]
number = "*"
flow = "flow.json"
[[trunks]]
name = "phones"
uri = "sip:127.0.0.1:9"
allow_from = ["127.0.0.0/8"]
ping_s = 0
"""
FLOW: dict[str, Any] = {
    "description": "",
    "initial_state": "Trigger",
    "states": [
        state("Trigger", "trigger", {"incomingCall": "one"}),
        state("one", "say-play", {"audioComplete": None}, play="a.wav", loop=99),
    ],
}


def write_configuration(folder: Path) -> None:
    (folder / "bridgetap.toml").write_text(CONFIGURATION)
    (folder / "flow.json").write_text(json.dumps(FLOW))
    with wave.open(str(folder / "a.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(tone(440))


@dataclass
class Served:
    """A running `bridgetap serve`."""

    process: asyncio.subprocess.Process
    printed: list[str]

    @property
    def sip(self) -> str:
        return next(line.partition("udp://")[2] for line in self.printed if line.startswith("SIP"))

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def exit_code(self) -> int:
        async with asyncio.timeout(15):
            return await self.process.wait()


@asynccontextmanager
async def served(folder: Path, *options: str) -> AsyncIterator[Served]:
    with (folder / "server.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bridgetap", "serve", *options, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=log
        )
    assert process.stdout is not None
    server = Served(process, [])
    try:
        async with asyncio.timeout(20):
            while not any(line.startswith("account") for line in server.printed):
                line = (await process.stdout.readline()).decode()
                assert line, (folder / "server.log").read_text()
                server.printed.append(line.strip())
        yield server
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined]


@asynccontextmanager
async def phone() -> AsyncIterator[LivePhone]:
    found = LivePhone()
    try:
        yield found
    finally:
        found.core.close()


def rows(folder: Path, table: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(folder / "bridgetap.db")) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute(f"SELECT * FROM {table}")]


async def test_it_says_where_it_listens_and_ends_by_sigterm(tmp_path: Path) -> None:
    write_configuration(tmp_path)
    async with served(tmp_path, "--trace-sip", "sip.pcap") as server, phone() as caller:
        assert [line.split()[0] for line in server.printed] == ["SIP", "HTTP", "account"]
        call = await caller.call(f"sip:1@{server.sip}")
        await call.hears_a_tone()
        call.hang_up()
        await call.ended()
        server.send(signal.SIGTERM)
        assert await server.exit_code() == 0
        assert b"INVITE sip:1@" in (tmp_path / "sip.pcap").read_bytes()
        assert [row["status"] for row in rows(tmp_path, "calls")] == ["completed"]
        assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600


async def test_draining_lets_the_live_call_end_by_itself(tmp_path: Path) -> None:
    write_configuration(tmp_path)
    async with served(tmp_path) as server, phone() as caller:
        call = await caller.call(f"sip:1@{server.sip}")
        server.send(signal.SIGTERM)
        await until(lambda: b"calls.draining" in (tmp_path / "server.log").read_bytes(), "it drains")
        refused = await caller.ring(f"sip:1@{server.sip}").ended()
        assert (refused.cause, refused.status) == ("rejected", 503)
        await call.hears_a_tone()
        assert server.process.returncode is None
        call.hang_up()
        assert await server.exit_code() == 0


async def test_a_second_signal_ends_everything_at_once(tmp_path: Path) -> None:
    write_configuration(tmp_path)
    async with served(tmp_path) as server, phone() as caller:
        call = await caller.call(f"sip:1@{server.sip}")
        server.send(signal.SIGTERM)
        await until(lambda: b"calls.draining" in (tmp_path / "server.log").read_bytes(), "it drains")
        server.send(signal.SIGINT)
        assert await server.exit_code() == 130
        assert (await call.ended()).cause == "bye"
        assert [row["status"] for row in rows(tmp_path, "calls")] == ["completed"]


async def test_what_a_killed_server_left_open_is_closed_at_the_next_start(tmp_path: Path) -> None:
    write_configuration(tmp_path)
    flow = json.loads(json.dumps(FLOW))
    flow["states"][0]["transitions"][0]["next"] = "fork"
    flow["states"].append(fork("fork", then="one"))
    (tmp_path / "flow.json").write_text(json.dumps(flow))
    async with served(tmp_path) as server, phone() as caller:
        call = await caller.call(f"sip:1@{server.sip}")
        await call.hears_a_tone()
        await until(lambda: len(rows(tmp_path, "calls")) == 1, "the call's row is there")
        await until(lambda: rows(tmp_path, "calls")[0]["answered_ns"] is not None, "and says that it was answered")
        server.send(signal.SIGKILL)
        await server.exit_code()
    async with served(tmp_path) as server:
        (row,) = rows(tmp_path, "calls")
        assert (row["status"], row["end_reason"]) == ("completed", "crashed")
        (execution,) = rows(tmp_path, "executions")
        assert execution["end_reason"] == "crashed"
        (stream,) = rows(tmp_path, "streams")
        assert stream["ended_ns"] is not None
        server.send(signal.SIGTERM)
        assert await server.exit_code() == 0


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("bridgetap.toml", "udp://127.0.0.1:0", "udp://192.0.2.77:5060", "cannot bind udp://192.0.2.77:5060"),
        ("bridgetap.toml", 'listen = "127.0.0.1:0"', 'listen = "192.0.2.77:80"', "http.listen"),
        ("bridgetap.toml", "drain_s", "drian_s", "drain_s"),
        ("bridgetap.toml", "flow.json", "missing.json", "missing.json"),
        ("flow.json", '"next": "one"', '"next": "two"', "states[0].transitions[0].next"),
        ("flow.json", "{", "", "broken JSON"),
    ],
)
async def test_what_cannot_be_used_is_named_and_nothing_starts(
    tmp_path: Path, file: str, old: str, new: str, told: str
) -> None:
    write_configuration(tmp_path)
    text = (tmp_path / file).read_text()
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new, 1))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bridgetap", "serve",
        cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, error = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 2
    assert out == b""
    assert told in error.decode()
    assert "Traceback" not in error.decode()
