"""A call's leg with a tone on each track, recorded over real SIP and RTP by our own recorder."""

import asyncio
import secrets
import socket
import struct
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bridgetap.clock import SystemClock
from bridgetap.engine import Core, LegHandle, LegMedia, MediaConfig, SipConfig
from bridgetap.engine.native import open_core
from bridgetap.recorder import Conduct, Recorder, RecorderConfig, open_recorder
from bridgetap.siprec import RecordedCall
from bridgetap.siprec.happenings import StopWanted
from bridgetap.siprec.recorder_uri import parse_recorder
from bridgetap.streams.connectors import Connector
from bridgetap.streams.siprec import RecordingParts, SiprecRecording
from tests.interop.tones import CALLEE_HZ, CALLER_HZ, heard, tone, ulaw
from tests.siprec.calls import CALL

PATIENCE_S = 20.0


@dataclass(frozen=True)
class _Loopback:
    bind: str = "127.0.0.1"
    advertised: str = "127.0.0.1"

    async def towards(self, host: str) -> "_Loopback":
        return self


@dataclass
class Caller:
    """A call's leg: the caller says one tone and hears another, for as long as the block stands."""

    core: Core
    leg: LegHandle
    told: list[Any] = field(default_factory=list)
    heard: list[bytes] = field(default_factory=list)  # the datagrams that the caller got

    def record(self, *targets: str, call: RecordedCall = CALL, **changes: Any) -> "Running":
        """Begin to record at the first of these recorders that takes it."""
        connector = Connector(
            name="srs", recorders=tuple(parse_recorder(uri, place="recorders") for uri in targets), **changes
        )
        recording = SiprecRecording(
            parts=RecordingParts(
                core=self.core, addresses=_Loopback(), clock=SystemClock(), entropy=secrets.token_bytes
            ),
            connector=connector,
            call=call,
            leg=self.leg,
            tracks=(("1", "inbound"), ("2", "outbound")),
            told=self.told.append,
        )
        return Running(recording, asyncio.create_task(recording.run()))


@dataclass
class Stage:
    """A caller and a recorder."""

    caller: Caller
    recorder: Recorder
    folder: Path

    def record(self, *targets: str, **changes: Any) -> "Running":
        """As the caller's; the recorder of the stage where none is named."""
        return self.caller.record(*(targets or (self.recorder.uri(),)), **changes)

    @property
    def told(self) -> list[Any]:
        return self.caller.told


@dataclass
class Running:
    recording: SiprecRecording
    task: asyncio.Task[None]

    async def stop(self) -> None:
        self.recording.tell(StopWanted())
        await self.over()

    async def over(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self.task


@asynccontextmanager
async def speaking(**sip: Any) -> AsyncIterator[Caller]:
    """A caller on a core of its own; `sip` are fields of its `SipConfig`."""
    core = open_core(
        SipConfig(**{"listen": ["udp://127.0.0.1:0", "tcp://127.0.0.1:0"], **sip}),
        MediaConfig(threads=2, system_roots=False),
    )
    core.start()
    try:
        caller = Caller(core, core.media.open_leg(address="127.0.0.1"))
        talking = asyncio.create_task(_talk(caller))
        try:
            yield caller
        finally:
            talking.cancel()
            with suppress(asyncio.CancelledError):
                await talking
    finally:
        core.close()


@asynccontextmanager
async def stage(folder: Path, *conducts: Conduct) -> AsyncIterator[Stage]:
    config = RecorderConfig(folder=folder, conducts=conducts or (Conduct(),))
    async with speaking() as caller, open_recorder(config) as recorder:
        yield Stage(caller, recorder, folder)


async def _talk(caller: Caller) -> None:
    """The caller's phone: 50 packets a second of one tone; we play it the other."""
    leg, loop = caller.leg, asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", 0))
        phone.setblocking(False)
        leg.configure(
            LegMedia(remote=f"127.0.0.1:{phone.getsockname()[1]}", codec="PCMU", payload_type=0, receive=((0, "PCMU"),))
        )
        samples = tone(CALLEE_HZ, 1)
        prompt = caller.core.media.load_prompt(struct.pack(f"<{len(samples)}h", *samples), rate=8000)
        leg.play([prompt], loop=0)
        voice = ulaw(tone(CALLER_HZ, 1))
        began = loop.time()
        for number in range(100_000):
            await asyncio.sleep(began + number * 0.02 - loop.time())
            at = number * 160 % len(voice)
            head = struct.pack("!BBHII", 0x80, 0, number & 0xFFFF, number * 160, 0xCAFE)
            phone.sendto(head + voice[at : at + 160], ("127.0.0.1", leg.rtp_port))
            with suppress(BlockingIOError):
                while True:
                    caller.heard.append(phone.recv(2048))


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(int(PATIENCE_S / 0.02)):
        if condition():
            return
        await asyncio.sleep(0.02)
    pytest.fail("what was waited for never came")


def samples_of(path: Path) -> list[int]:
    with wave.open(str(path)) as wav:
        assert (wav.getnchannels(), wav.getframerate()) == (1, 8000)
        raw = wav.readframes(wav.getnframes())
    return list(struct.unpack(f"<{len(raw) // 2}h", raw))


def seconds_of(path: Path, hz: int) -> float:
    """For how long that tone, and little else, is heard. A machine that is busy may make the caller pause."""
    return sum(heard(samples_of(path), hz)) / 10


def assert_unhurt(made: Stage | Caller) -> None:
    """No packet to the caller is missing: a recorder never costs the call one."""
    caller = made.caller if isinstance(made, Stage) else made
    numbers = [struct.unpack("!H", datagram[2:4])[0] for datagram in caller.heard if datagram[1] & 0x7F == 0]
    assert len(numbers) > 10
    assert all((later - earlier) & 0xFFFF == 1 for earlier, later in pairwise(numbers))
