"""The recorder itself: its core, its folder, and every recording it was given."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from bridgetap.engine import Admission, Core, Inbox, IncomingCall, MediaConfig, SipConfig, User

from .conduct import Conduct
from .news import News
from .recording import Recording
from .session import Session

log = structlog.get_logger(__name__)

ANYBODY = (Admission(network="0.0.0.0/0", trunk="anybody"), Admission(network="::/0", trunk="anybody"))
REALM = "bridgetap"
MAX_AT_ONCE = 1000
PATIENCE_MS = 1000  # for what is late: nobody hears a recording while it is made
TOLERANCE_MS = 200  # its time is the sender's, and ours only where that is clearly another
KEPT = 100  # recordings that are over and still looked at; the folder has them all


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderConfig:
    """Where it listens and writes. `conducts` are for its first, second … recording; the last goes on.

    `address` takes the audio; empty: whatever the INVITE came to. With a `username` every INVITE is
    challenged (digest). `certificate` and `key` are PEM files, for `tls://`, `client_ca` one of the authorities one
    of which must have signed the certificate of whoever comes that way."""

    folder: Path
    address: str = ""
    listen: tuple[str, ...] = ("udp://127.0.0.1:0", "tcp://127.0.0.1:0")
    conducts: tuple[Conduct, ...] = field(default=(Conduct(),))
    certificate: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None
    username: str = ""
    password: str = field(default="", repr=False)
    trace: Path | None = None


@asynccontextmanager
async def open_recorder(
    config: RecorderConfig, *, told: Callable[[News], None] = lambda news: None
) -> AsyncIterator["Recorder"]:
    """A recorder on a core of its own; `EngineError` names an address that cannot be bound."""
    from bridgetap.engine.native import open_core  # only here: whoever brings a core needs no Rust

    sip = SipConfig(
        listen=list(config.listen),
        tls_certificate=None if config.certificate is None else str(config.certificate),
        tls_key=None if config.key is None else str(config.key),
        client_ca=None if config.client_ca is None else str(config.client_ca),
        user_agent="Bridgetap recorder",
        realm=REALM,
        max_dialogs=MAX_AT_ONCE,
        trace=None if config.trace is None else str(config.trace),
    )
    core = open_core(sip, MediaConfig(threads=1, system_roots=False, reorder_ms=PATIENCE_MS, tolerance_ms=TOLERANCE_MS))
    core.start()
    try:
        recorder = Recorder(core, config, told=told)
        async with asyncio.TaskGroup() as tasks:
            taking = tasks.create_task(recorder.run())
            yield recorder
            taking.cancel()
    finally:
        core.close()


class Recorder:
    """Takes recordings until cancelled. `told` hears what happens to each."""

    def __init__(self, core: Core, config: RecorderConfig, *, told: Callable[[News], None] = lambda news: None) -> None:
        self.count = 0  # of all that came
        self._core = core
        self._config = config
        self._told = told
        self._first = _first_free(config.folder)
        self._kept: dict[int, Recording] = {}  # by number; of those that are over, the last `KEPT`
        self._waiting: Inbox[Session] = Inbox()
        self._changed = asyncio.Event()
        core.on(IncomingCall, self._take)
        core.sip.set_admission(trunks=() if config.username else ANYBODY, users=_users(config))

    @property
    def recordings(self) -> list[Recording]:
        """The latest last."""
        return list(self._kept.values())

    @property
    def addresses(self) -> list[str]:
        """What it listens on, `tcp://127.0.0.1:5070`."""
        return self._core.sip.addresses()

    def uri(self, transport: str = "tcp") -> str:
        """Where it is called by that transport."""
        for bound in self.addresses:
            kind, _, address = bound.partition("://")
            if kind == transport:
                return f"sip:recorder@{address};transport={transport}"
        raise LookupError(f"the recorder does not listen on {transport}")

    async def recording(self, number: int) -> Recording:
        """The recording of that number, from 0, once it has begun."""
        while self.count <= number:
            await self._change()
        return self._kept[number]

    async def over(self, count: int) -> None:
        """Until so many recordings are over."""
        while self.count - sum(not recording.done.is_set() for recording in self._kept.values()) < count:
            await self._change()

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
            session.find_fault(f"the recorder itself failed: {error}")
        finally:
            self._changed.set()

    def _take(self, invite: IncomingCall) -> None:
        conducts = self._config.conducts
        host = self._config.address or invite.local.rpartition(":")[0].strip("[]")
        session = Session(
            self._core,
            invite,
            folder=self._config.folder / f"recording-{self._first + self.count}",
            address=host,
            conduct=conducts[min(self.count, len(conducts) - 1)],
            told=self._told,
        )
        self._forget()
        self._kept[self.count] = session.recording
        self.count += 1
        self._waiting.put(session)
        self._changed.set()

    def _forget(self) -> None:
        """What has been over the longest."""
        over = [number for number, recording in self._kept.items() if recording.done.is_set()]
        if len(over) > KEPT:
            del self._kept[over[0]]

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


def _first_free(folder: Path) -> int:
    """A number behind those of recordings that an earlier run left there."""
    taken = [re.fullmatch(r"recording-([0-9]{1,9})", path.name) for path in folder.glob("recording-*")]
    return max((int(match[1]) for match in taken if match), default=0) + 1


def _users(config: RecorderConfig) -> tuple[User, ...]:
    if not config.username:
        return ()
    secret = f"{config.username}:{REALM}:{config.password}".encode()
    md5 = hashlib.md5(secret, usedforsecurity=False).hexdigest()
    return (User(username=config.username, ha1=md5, ha1_sha256=hashlib.sha256(secret).hexdigest()),)
