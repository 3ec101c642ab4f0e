"""`bridgetap recorder` as people run it, with our own recording client over real SIP and RTP."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bridgetap.cli.recorder import _printable
from bridgetap.errors import InvalidInput
from bridgetap.recorder import Conduct
from bridgetap.recorder.conduct import MISBEHAVIOURS, read_conduct
from bridgetap.siprec.orders import Over, PassedOver, Started
from tests.interop.certificates import Authority
from tests.interop.tones import CALLEE_HZ, CALLER_HZ
from tests.recorder.stage import PATIENCE_S, Caller, assert_unhurt, seconds_of, speaking, until


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def localhost(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return authority.issue(tmp_path_factory.mktemp("localhost"), "localhost")


@dataclass
class Command:
    """A running `bridgetap recorder --json`."""

    process: asyncio.subprocess.Process
    folder: Path
    addresses: list[str]

    def uri(self, transport: str) -> str:
        (address,) = [text.partition("://")[2] for text in self.addresses if text.startswith(f"{transport}://")]
        return f"sip:recorder@{address.replace('127.0.0.1', 'localhost')};transport={transport}"

    async def line(self, what: str) -> dict[str, Any]:
        """The next one that tells of that; none of a fault before it."""
        while True:
            said = await self._read()
            assert said["what"] != "fault" or what == "fault", said
            if said["what"] == what:
                return said

    async def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            text = await self.process.stdout.readline()
        assert text, f"it ended: {await self.end()}"
        said: dict[str, Any] = json.loads(text)
        return said

    async def end(self) -> tuple[int, str]:
        """Exit code and standard error."""
        async with asyncio.timeout(PATIENCE_S):
            _, err = await self.process.communicate()
        return self.process.returncode or 0, err.decode()


@asynccontextmanager
async def recorder(folder: Path, *arguments: str, **environment: str) -> AsyncIterator[Command]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bridgetap", "recorder", "--json"),
        *arguments,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )
    try:
        command = Command(process, folder / "recordings", [])
        command.addresses = (await command.line("listening"))["addresses"]
        yield command
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def heard(caller: Caller, seconds: float) -> None:
    """Until the caller has heard so much more: then it has also been recorded."""
    enough = len(caller.heard) + 50 * seconds
    await until(lambda: len(caller.heard) >= enough)


async def started(caller: Caller) -> None:
    await until(lambda: any(isinstance(told, Started) for told in caller.told))


async def test_it_records_by_tls_tells_what_it_saw_and_ends_with_the_last_one(
    tmp_path: Path, authority: Authority, localhost: tuple[Path, Path]
) -> None:
    certificate, key = map(str, localhost)
    arguments = ("--listen", "tls://127.0.0.1:0", "--listen", "tcp://127.0.0.1:0", "--strict", "--count", "2")
    async with (
        recorder(tmp_path, *arguments, "--certificate", certificate, "--key", key) as command,
        speaking(trusted_ca=str(authority.path)) as caller,
    ):
        running = caller.record(command.uri("tls"))
        asked = await command.line("asked")
        metadata = await command.line("metadata")
        answered = await command.line("answered")
        await started(caller)
        await heard(caller, 1.5)
        await running.stop()
        over = await command.line("over")
        caller.told.clear()
        again = caller.record(command.uri("tcp"))
        await started(caller)
        await again.stop()
        assert (await command.line("over"))["recording"] == "recording-2"
        assert await command.end() == (0, "")
        assert_unhurt(caller)
    assert (asked["recording"], asked["transport"]) == ("recording-1", "tls")
    assert (metadata["mode"], metadata["parameters"], metadata["call_sids"]) == ("complete", ["tenant"], ["CA1"])
    assert [person["sends"] for person in metadata["participants"]] == [["1"], ["2"]]
    assert answered["tracks"] == [{"label": "1", "way": "recvonly"}, {"label": "2", "way": "recvonly"}]
    folder = command.folder / "recording-1"
    assert {path.name for path in folder.iterdir()} == {
        "track-1.wav",
        "track-2.wav",
        "metadata-1.xml",
        "recording.json",
    }
    summary = json.loads((folder / "recording.json").read_text())
    assert (summary["ended"], summary["faults"]) == ("bye", [])
    assert [track["lost"] for track in summary["tracks"]] == [0, 0]
    assert all(track["packets"] >= 50 for track in summary["tracks"])
    assert over["tracks"] == summary["tracks"]
    for number, hz in ((1, CALLER_HZ), (2, CALLEE_HZ)):
        assert seconds_of(folder / f"track-{number}.wav", hz) >= 0.5


async def test_digest_a_bad_recorder_and_a_later_run_in_the_same_folder(tmp_path: Path) -> None:
    """A password let in, the call dropped mid-way, and nothing of before written over."""
    (tmp_path / "recordings" / "recording-7").mkdir(parents=True)
    arguments = ("--listen", "tcp://127.0.0.1:0", "--username", "bridgetap", "--misbehave", "drops-mid-call")
    arguments += ("--misbehave", "multipart-200", "--misbehave", "no-labels", "--after", "0.5")
    async with (
        recorder(tmp_path, *arguments, BRIDGETAP_RECORDER_PASSWORD="s3cret") as command,
        speaking() as caller,
    ):
        wrong = caller.record(command.uri("tcp"), username="bridgetap", password="guess")
        await wrong.over()
        assert [type(told) for told in caller.told] == [PassedOver, Over]
        caller.told.clear()
        right = caller.record(command.uri("tcp"), username="bridgetap", password="s3cret")
        assert (await command.line("over"))["recording"] == "recording-8"
        await right.over()
        command.process.send_signal(signal.SIGTERM)
        code, err = await command.end()
        assert code == 0
        assert "wrong password" in err
        assert "guess" not in err
        assert_unhurt(caller)
    assert [type(told) for told in caller.told] == [Started, PassedOver, Over]


async def test_a_fault_is_told_with_its_rule_and_is_exit_1(tmp_path: Path) -> None:
    async with recorder(tmp_path, "--listen", "udp://127.0.0.1:0", "--count", "1") as command, speaking() as caller:
        caller.core.sip.invite(
            target=command.uri("udp").replace("localhost", "127.0.0.1"),
            from_="<sip:a@127.0.0.1>",
            to="<sip:b@127.0.0.1>",
            body=b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n",
        )
        assert "RFC 7866" in (await command.line("fault"))["fault"]
        command.process.send_signal(signal.SIGINT)
        code, _ = await command.end()
    assert code == 1
    summary = json.loads((command.folder / "recording-1" / "recording.json").read_text())
    assert any("a=label" in fault for fault in summary["faults"])


@pytest.mark.parametrize(
    ("words", "conduct"),
    [
        ((), Conduct()),
        (("silent",), Conduct(silent=True)),
        (("503",), Conduct(status=503)),
        (("inactive-first",), Conduct(inactive_first=True)),
        (("asks-snapshot",), Conduct(snapshot_after_s=2.0)),
        (("drops-mid-call",), Conduct(fail_after_s=2.0)),
        (("leaves-mid-call",), Conduct(leave_after_s=2.0)),
        (("multipart-200", "fewer-lines"), Conduct(multipart=True, lines=1)),
        (("no-labels",), Conduct(labels=False)),
    ],
)
def test_misbehaviours(words: tuple[str, ...], conduct: Conduct) -> None:
    assert set(words) <= MISBEHAVIOURS.keys()
    assert read_conduct(words, after_s=2.0, place="") == conduct


@pytest.mark.parametrize(
    ("word", "hint"), [("silnt", "did you mean silent?"), ("200", "must be one of"), ("", "one of")]
)
def test_one_that_nobody_knows(word: str, hint: str) -> None:
    with pytest.raises(InvalidInput, match=hint):
        read_conduct([word], after_s=1.0, place="--misbehave")


def test_a_peer_cannot_steer_the_terminal() -> None:
    assert _printable("Alice\x1b[2J\r\nBob") == "Alice�[2J��Bob"
