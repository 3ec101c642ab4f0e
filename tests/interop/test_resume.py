"""A receiver that is killed in the middle of a call and started again: what it has in the end."""

import asyncio
import itertools
import json
import socket
import sys
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .certificates import Authority
from .parties import TRUNK, connect
from .programs import Running, free_port, running
from .raw_phone import raw_phone
from .server import Server, connect_flow, serve
from .tones import CALLEE_HZ, CALLER_HZ, tone

ROOT = Path(__file__).parents[2]
CHUNK_MS = 20


@dataclass
class Receiver:
    """The program, and the file that outlives it."""

    port: int
    folder: Path
    name: str
    certificate: tuple[Path, Path]
    aware: bool = True

    @property
    def url(self) -> str:
        return f"wss://localhost:{self.port}/{self.name}"

    @property
    def file(self) -> Path:
        return self.folder / f"{self.name}.jsonl"

    @contextmanager
    def run(self) -> Iterator[Running]:
        command = [sys.executable, "-m", "tests.interop.keeping_receiver", str(self.port)]
        command += [*map(str, self.certificate), str(self.file), *(["aware"] if self.aware else [])]
        with running(command, self.folder / f"{self.name}.log", cwd=ROOT) as program:
            program.wait_for(self._listens, "a listening receiver")
            yield program

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def lines(self) -> list[dict[str, Any]]:
        found = []
        for line in self.file.read_text().splitlines() if self.file.exists() else ():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue  # cut short by the kill
        return found

    def messages(self) -> int:
        """How many it has kept."""
        return len(self.lines())

    def is_complete(self) -> bool:
        """Whether it has had the stream's `stop`."""
        return bool(lines := self.lines()) and lines[-1]["event"] == "stop"

    def media(self, track: str) -> list[dict[str, Any]]:
        return [line for line in self.lines() if line["event"] == "media" and line["media"]["track"] == track]


@dataclass
class KitReceiver(Receiver):
    """The stereo recorder of the examples: `bridgetap.receiver`, which keeps its place in a folder."""

    @contextmanager
    def run(self) -> Iterator[Running]:
        certificate, key = map(str, self.certificate)
        command = [sys.executable, str(ROOT / "examples" / "record_stereo.py"), "--port", str(self.port)]
        command += ["--folder", str(self.recordings), "--certificate", certificate, "--key", key]
        with running(command, self.folder / f"{self.name}.log", cwd=self.folder) as program:
            program.wait_for(self._listens, "a listening recorder")
            yield program

    @property
    def recordings(self) -> Path:
        return self.folder / self.name

    def messages(self) -> int:
        """By the length of its file: a frame of each track is 640 bytes."""
        return sum(path.stat().st_size // 640 * 2 for path in self.recordings.glob("*.wav"))

    def is_complete(self) -> bool:
        log = self.folder / f"{self.name}.log"
        return log.exists() and ": complete," in log.read_text()

    def samples(self) -> tuple[int, bytes]:
        """Bytes of a frame of both tracks, and all of them."""
        (path,) = self.recordings.glob("*.wav")
        with wave.open(str(path)) as wav:
            assert wav.getnchannels() == 2
            return 160 * wav.getsampwidth() * 2, wav.readframes(wav.getnframes())


def flow(callee: int, receiver: Receiver, control: Receiver) -> dict[str, Any]:
    """The seed's flow with two forks of the same call."""
    made = connect_flow(f"sip:callee@127.0.0.1:{callee}", stream_url=receiver.url)
    start = next(state for state in made["states"] if state["name"] == "start")
    start["transitions"] = [{"event": "next", "next": "control"}]
    properties = {**start["properties"], "stream_name": "control", "stream_url": control.url}
    made["states"].append(
        {
            "name": "control",
            "type": "fork-stream",
            "transitions": [{"event": "next", "next": "connect"}],
            "properties": properties,
        }
    )
    return made


async def call_with_an_outage(
    tmp_path: Path,
    authority: Authority,
    receiver: Receiver,
    control: Receiver,
    *,
    down_s: float,
    options: str,
    back_s: float = 4,
) -> dict[str, Any]:
    """Talk; after some seconds the receiver is killed (SIGKILL), `down_s` later started again, with `back_s` of talk
    to come. The stream's row."""
    seconds = 4 + down_s + back_s
    async with raw_phone() as callee:
        streams = f'trusted_ca = "{authority.path}"\n{options}'
        made = flow(callee.sip_port, receiver, control)
        with serve(tmp_path / "server", flow=made, settings=TRUNK, streams=streams) as server, control.run():
            callee.server = ("127.0.0.1", server.sip_port)
            async with raw_phone(callee.server) as caller:
                with receiver.run() as first:
                    answer, invite = await connect(caller, callee)
                    talking = asyncio.gather(
                        caller.speak(answer.rtp_port(), tone(CALLER_HZ, seconds)),
                        callee.speak(invite.rtp_port(), tone(CALLEE_HZ, seconds)),
                    )
                    await asyncio.to_thread(first.wait_for, lambda: receiver.messages() > 300, "three seconds")
                    first.process.kill()
                    first.process.wait()
                await asyncio.sleep(down_s)
                with receiver.run() as second:
                    await talking
                    callee.hang_up(invite)
                    assert (await callee.final()).status == 200
                    row = await asyncio.to_thread(ended, server)
                    # What the kernel has acknowledged the receiver may still have to read.
                    await asyncio.to_thread(second.wait_for, receiver.is_complete, "the stream's stop")
                    await asyncio.to_thread(second.wait_for, control.is_complete, "the control's stop")
                    return row


def ended(server: Server) -> dict[str, Any]:
    server.program.wait_for(lambda: all(row["ended_ns"] for row in server.rows("streams")), "the streams' ends")
    return next(row for row in server.rows("streams") if row["name"] == "tap")


@pytest.fixture
def receivers(tmp_path: Path, localhost: tuple[Path, Path]) -> tuple[Receiver, Receiver]:
    return (
        Receiver(free_port(), tmp_path, "tap", localhost),
        Receiver(free_port(), tmp_path, "control", localhost),
    )


def payloads(receiver: Receiver, track: str) -> list[str]:
    """By chunk number, each once."""
    found = {int(line["media"]["chunk"]): line["media"]["payload"] for line in receiver.media(track)}
    assert list(found) == sorted(found)
    return list(found.values())


def aligned(one: list[str] | list[bytes], other: list[str] | list[bytes]) -> bool:
    """Whether both heard the same, where the forks began and ended within a few chunks of each other."""
    for skip in range(6):
        for left, right in ((one[skip:], other), (one, other[skip:])):
            length = min(len(left), len(right))
            if abs(len(left) - len(right)) <= 5 and left[:length] == right[:length]:
                return True
    return False


async def test_killed_for_five_seconds_nothing_is_lost(
    tmp_path: Path, authority: Authority, receivers: tuple[Receiver, Receiver]
) -> None:
    receiver, control = receivers
    row = await call_with_an_outage(tmp_path, authority, receiver, control, down_s=5, options="resume = true")
    lines = receiver.lines()
    handshakes = [line["resume"] for line in lines if line["event"] == "handshake"]
    assert handshakes[0] == ""
    assert handshakes[-1].startswith("MZ")
    numbers = [int(line["sequenceNumber"]) for line in lines if "sequenceNumber" in line]
    assert numbers == list(range(1, len(numbers) + 1))
    assert lines[-1]["event"] == "stop"
    for track in ("inbound", "outbound"):
        assert aligned(payloads(receiver, track), payloads(control, track)), f"{track} differs from the control"
    assert row["end_reason"] in ("stopped", "call-ended")
    assert row["reconnects"] == 1
    assert (row["ms_dropped"], row["ms_missing"]) == (0, 0)


async def test_the_receiver_kit_is_killed_and_its_recording_is_whole(
    tmp_path: Path, authority: Authority, localhost: tuple[Path, Path]
) -> None:
    receiver, control = (KitReceiver(free_port(), tmp_path, name, localhost) for name in ("tap", "control"))
    row = await call_with_an_outage(tmp_path, authority, receiver, control, down_s=5, options="resume = true")
    assert (row["reconnects"], row["ms_dropped"], row["ms_missing"]) == (1, 0, 0)
    heard = []
    for recorder in (receiver, control):
        size, samples = recorder.samples()
        heard.append([samples[at : at + size] for at in range(0, len(samples), size)])
    assert len(heard[0]) > 500
    assert aligned(*heard), "the recording differs from the control's"


async def test_a_receiver_that_knows_nothing_of_it_misses_nothing(
    tmp_path: Path, authority: Authority, receivers: tuple[Receiver, Receiver]
) -> None:
    receiver, control = receivers
    receiver.aware = False
    row = await call_with_an_outage(tmp_path, authority, receiver, control, down_s=2, options="resume = true")
    lines = [line for line in receiver.lines() if line["event"] == "media"]
    numbers = [int(line["sequenceNumber"]) for line in lines]
    assert sorted(set(numbers)) == list(range(2, max(numbers) + 1)), "a sequence number is missing"
    back = next(at for at in range(1, len(numbers)) if numbers[at] <= numbers[at - 1])
    last = int(lines[back - 1]["media"]["timestamp"])
    repeated = [int(line["media"]["timestamp"]) for line in lines[back:] if int(line["media"]["timestamp"]) <= last]
    assert repeated
    assert last - min(repeated) <= 2000 + 2 * CHUNK_MS, "more came twice than the overlap"
    assert [line["event"] for line in receiver.lines()][-1] == "stop"
    starts = [line for line in receiver.lines() if line["event"] == "start"]
    assert len(starts) == 2
    assert starts[0] == starts[1]
    assert row["reconnects"] == 1
    assert row["ms_missing"] == 0


@pytest.mark.parametrize(
    ("down_s", "options", "back_s"),
    [
        pytest.param(7, "resume = true\nring_ms = 2000\nresume_overlap_ms = 500", 4, id="a short ring"),
        pytest.param(60, "resume = true", 14, id="a minute"),
    ],
)
async def test_what_the_ring_could_not_hold_is_one_gap_of_the_right_length(
    tmp_path: Path,
    authority: Authority,
    receivers: tuple[Receiver, Receiver],
    down_s: float,
    options: str,
    back_s: float,
) -> None:
    receiver, control = receivers
    row = await call_with_an_outage(
        tmp_path, authority, receiver, control, down_s=down_s, options=options, back_s=back_s
    )
    lines = receiver.lines()
    gaps = [line for line in lines if line["event"] == "gap"]
    assert len(gaps) == 1
    at = lines.index(gaps[0])
    gap = gaps[0]["gap"]
    for told in gap["tracks"]:
        before = [m for m in lines[:at] if m["event"] == "media" and m["media"]["track"] == told["track"]][-1]
        after = next(m for m in lines[at:] if m["event"] == "media" and m["media"]["track"] == told["track"])
        missing = int(after["media"]["timestamp"]) - int(before["media"]["timestamp"]) - CHUNK_MS
        assert abs(int(told["duration"]) - missing) <= CHUNK_MS
        assert missing > 3000
        chunks = int(after["media"]["chunk"]) - int(before["media"]["chunk"]) - 1
        assert chunks * CHUNK_MS == missing
    numbers = [int(line["sequenceNumber"]) for line in lines if "sequenceNumber" in line]
    jumps = [(a, b) for a, b in itertools.pairwise(numbers) if b != a + 1]
    assert jumps == [(int(gap["firstSequence"]) - 1, int(gap["lastSequence"]))]
    total = sum(int(told["duration"]) for told in gap["tracks"])
    assert row["ms_missing"] == total
    assert row["end_reason"] in ("stopped", "call-ended")
