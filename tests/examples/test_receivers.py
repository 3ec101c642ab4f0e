"""The examples run as a newcomer runs them: a program with a certificate, and a live call that streams to it."""

import asyncio
import json
import struct
import sys
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bridgetap.phone import CALLEE_WAV, CALLER_WAV
from bridgetap.phone.likeness import OTHER, SAME, find_sentence
from tests.interop.certificates import Authority
from tests.interop.parties import connect, parties
from tests.interop.server import TOKEN

EXAMPLES = Path(__file__).parents[2] / "examples"
SENTENCES = {
    "inbound": "hello i would like to change the delivery address of my order please",
    "outbound": "good morning this is the support desk how can i help you today",
}
NOBODY_SAYS = "the weather in the mountains will be cold and windy tomorrow"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("ca"))


class Program:
    """A running example and what it prints."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.lines: list[str] = []

    async def line(self, words: str) -> str:
        """The next line with these words."""
        assert self._process.stdout is not None
        async with asyncio.timeout(30):
            while True:
                line = (await self._process.stdout.readline()).decode()
                assert line, f"it ended; it had said {self.lines}"
                self.lines.append(line)
                if words in line:
                    return line

    @property
    def port(self) -> int:
        return int(self.lines[-1].split()[-1])


@asynccontextmanager
async def example(name: str, *options: str, folder: Path, authority: Authority) -> AsyncIterator[Program]:
    certificate, key = authority.issue(folder, "localhost")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLES / name),
        *("--port", "0", "--token", TOKEN, "--certificate", str(certificate), "--key", str(key)),
        *options,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
    )
    program = Program(process)
    try:
        await program.line("listens on port")
        yield program
    finally:
        process.kill()
        await process.wait()


def said(path: Path) -> bytes:
    with wave.open(str(path), "rb") as file:
        return file.readframes(file.getnframes())


async def call(folder: Path, program: Program, authority: Authority) -> None:
    """A live call through a server: each party says its sentence, while both tracks are streamed."""
    url = f"wss://localhost:{program.port}/in"
    streams = f'trusted_ca = "{authority.path}"'
    async with parties(folder, stream_url=url, streams=streams) as (server, caller, callee):
        answer, invite = await connect(caller, callee)
        voices = [
            [*struct.unpack(f"<{len(pcm) // 2}h", pcm), *[0] * 8000] for pcm in map(said, (CALLER_WAV, CALLEE_WAV))
        ]
        await asyncio.gather(
            caller.speak(answer.rtp_port(), voices[0]),
            callee.speak(invite.rtp_port(), voices[1]),
        )
        callee.hang_up(invite)
        assert server.ended_stream()["end_reason"] == "stopped"


async def test_the_recorder_writes_both_parties_beside_each_other(tmp_path: Path, authority: Authority) -> None:
    async with example("record_stereo.py", folder=tmp_path, authority=authority) as program:
        await call(tmp_path, program, authority)
        line = await program.line("complete")
        assert line.endswith("frames, 0 missing\n")
    (path,) = (tmp_path / "recordings").glob("*.wav")
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 8000, 2)
        both = file.readframes(file.getnframes())
    left = b"".join(both[at : at + 2] for at in range(0, len(both), 4))
    right = b"".join(both[at : at + 2] for at in range(2, len(both), 4))
    caller, callee = said(CALLER_WAV), said(CALLEE_WAV)
    heard = find_sentence(left, caller), find_sentence(right, callee)
    assert min(found.likeness for found in heard) >= SAME
    assert find_sentence(left, callee).likeness < OTHER
    assert find_sentence(right, caller).likeness < OTHER
    assert abs(heard[0].at_s - heard[1].at_s) < 0.3  # they began one after the other, while audio was coded


async def test_the_recogniser_hears_commands_on_both_tracks(tmp_path: Path, authority: Authority) -> None:
    (tmp_path / "commands.txt").write_text("\n".join([*SENTENCES.values(), NOBODY_SAYS]))
    options = ("--commands", str(tmp_path / "commands.txt"))
    async with example("voice_commands.py", *options, folder=tmp_path, authority=authority) as program:
        await call(tmp_path, program, authority)
        lines = [json.loads(await program.line("said")) for _ in SENTENCES]
    assert {line["track"]: line["said"] for line in lines} == SENTENCES
    assert all(line["call"].startswith("CA") and 2 < line["at_s"] < 10 for line in lines)
