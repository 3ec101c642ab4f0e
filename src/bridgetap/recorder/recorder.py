"""The recorder itself: its core, its folder, and every recording it was given."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from bridgetap.engine import Admission, Core, Inbox, IncomingCall, MediaConfig, SipConfig

from .conduct import Conduct
from .recording import Recording, Session

log = structlog.get_logger(__name__)

ANYBODY = (Admission(network="0.0.0.0/0", trunk="anybody"), Admission(network="::/0", trunk="anybody"))


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderConfig:
    """Where it listens and writes. `conducts` are for its first, second … recording; the last goes on."""

    folder: Path
    address: str = "127.0.0.1"
    listen: tuple[str, ...] = ("udp://127.0.0.1:0", "tcp://127.0.0.1:0")
    conducts: tuple[Conduct, ...] = field(default=(Conduct(),))


@asynccontextmanager
async def open_recorder(config: RecorderConfig) -> AsyncIterator["Recorder"]:
    """A recorder on a core of its own; `EngineError` names an address that cannot be bound."""
    from bridgetap.engine.native import open_core  # only here: whoever brings a core needs no Rust

    core = open_core(
        SipConfig(listen=list(config.listen), user_agent="Bridgetap recorder"),
        MediaConfig(threads=1, system_roots=False),
    )
    core.start()
    try:
        recorder = Recorder(core, config)
        async with asyncio.TaskGroup() as tasks:
            taking = tasks.create_task(recorder.run())
            yield recorder
            taking.cancel()
    finally:
        core.close()


class Recorder:
    """Takes recordings until cancelled."""

    def __init__(self, core: Core, config: RecorderConfig) -> None:
        self.recordings: list[Recording] = []  # all of them, the latest last
        self._core = core
        self._config = config
        self._waiting: Inbox[Session] = Inbox()
        self._arrived = asyncio.Event()
        core.on(IncomingCall, self._take)
        core.sip.set_admission(trunks=ANYBODY, users=())

    def uri(self, transport: str = "tcp") -> str:
        """Where it is called by that transport."""
        for bound in self._core.sip.addresses():
            kind, _, address = bound.partition("://")
            if kind == transport:
                return f"sip:recorder@{address};transport={transport}"
        raise LookupError(f"the recorder does not listen on {transport}")

    async def recording(self, number: int) -> Recording:
        """The recording of that number, from 0, once it has begun."""
        while len(self.recordings) <= number:
            self._arrived.clear()
            await self._arrived.wait()
        return self.recordings[number]

    async def run(self) -> None:
        """Run every recording that comes."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                tasks.create_task(self._run(await self._waiting.get()))

    async def _run(self, session: Session) -> None:
        """The root of a recording: what goes wrong with it ends no other."""
        try:
            await session.run()
        except Exception as error:
            log.exception("recorder.recording_failed", call_id=session.recording.call_id)
            session.recording.faults.append(f"the recorder itself failed: {error}")

    def _take(self, invite: IncomingCall) -> None:
        number = len(self.recordings)
        conducts = self._config.conducts
        folder = self._config.folder / f"recording-{number + 1}"
        folder.mkdir(parents=True, exist_ok=True)
        session = Session(
            self._core,
            invite,
            folder=folder,
            address=self._config.address,
            conduct=conducts[min(number, len(conducts) - 1)],
        )
        self.recordings.append(session.recording)
        self._waiting.put(session)
        self._arrived.set()
