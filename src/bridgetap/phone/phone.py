"""The phone: its address and name, its registration, and the calls it makes and takes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from secrets import token_hex

from bridgetap.clock import Clock, SystemClock
from bridgetap.engine import (
    Admission,
    Core,
    Credentials,
    EngineError,
    Headers,
    Inbox,
    IncomingCall,
    MediaConfig,
    PromptId,
    SipConfig,
)
from bridgetap.errors import BridgetapError
from bridgetap.sdp import Policy
from bridgetap.voice import read_audio
from bridgetap.voice.audio import Rate

from .call import PhoneCall
from .report import Report
from .script import Play, Script

ANYBODY = (Admission(network="0.0.0.0/0", trunk="anybody"), Admission(network="::/0", trunk="anybody"))
BUSY, UNAVAILABLE = 486, 503
RATE: Rate = 8000
_WAITING = 16  # calls that ring a phone which is not answering; more are told 486


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneConfig:
    """Who a phone is and how it talks."""

    name: str
    address: str = "127.0.0.1"
    listen: tuple[str, ...] = ("udp://127.0.0.1:0",)
    trusted_ca: str | None = None
    username: str = ""
    password: str = field(default="", repr=False)
    policy: Policy = field(default_factory=Policy)

    @property
    def credentials(self) -> Credentials | None:
        return Credentials(username=self.username, password=self.password) if self.username else None


class RegistrationFailed(BridgetapError):
    """The registrar said no."""

    def __init__(self, registrar: str, status: int, reason: str) -> None:
        super().__init__(f"{registrar}: {status} {reason}".rstrip())
        self.registrar, self.status = registrar, status


@asynccontextmanager
async def open_phone(config: PhoneConfig, *, clock: Clock | None = None) -> AsyncIterator["Phone"]:
    """A phone on a core of its own; `EngineError` names an address that cannot be bound."""
    from bridgetap.engine.native import open_core  # only here: whoever brings a core needs no Rust

    core = open_core(
        SipConfig(listen=list(config.listen), trusted_ca=config.trusted_ca, user_agent="Bridgetap phone"),
        MediaConfig(threads=1, system_roots=False),
    )
    core.start()
    try:
        yield Phone(core, config, clock=clock or SystemClock())
    finally:
        core.close()


class Phone:
    """One phone on a started core."""

    def __init__(self, core: Core, config: PhoneConfig, *, clock: Clock) -> None:
        self.config = config
        self.calls: list[PhoneCall] = []  # all of them, the latest last
        self.reports: list[Report] = []  # of `take_calls`
        self._core = core
        self._now = clock.monotonic
        self._waiting: Inbox[PhoneCall] = Inbox(_WAITING)
        self._prompts: dict[Play, PromptId] = {}
        self._registration = (token_hex(16), 0)  # Call-ID and CSeq, kept between refreshes (RFC 3261 §10.2)
        core.on(IncomingCall, self._ring)
        core.sip.set_admission(trunks=ANYBODY, users=())

    @property
    def call(self) -> PhoneCall | None:
        """The latest call, live or over."""
        return self.calls[-1] if self.calls else None

    @property
    def uri(self) -> str:
        """Where it can be called."""
        transport, _, address = self._core.sip.addresses()[0].partition("://")
        return f"sip:{self.config.username or self.config.name}@{address};transport={transport}"

    async def register(self, registrar: str, *, expires_s: int = 3600) -> None:
        """REGISTER at `registrar` (`sip:host:port`), answering its challenge; `RegistrationFailed` if it says no."""
        call_id, cseq = self._registration
        self._registration = (call_id, cseq + 1)
        own = f"<sip:{self.config.username}@{registrar.partition(':')[2].partition(';')[0]}>"
        response = await self._core.request(
            method="REGISTER",
            target=registrar,
            from_=own,
            to=own,
            headers=[("Contact", f"<{self.uri}>"), ("Expires", str(expires_s))],
            credentials=self.config.credentials,
            call_id=call_id,
            cseq=cseq + 1,
        )
        if not 200 <= response.status < 300:
            raise RegistrationFailed(registrar, response.status, response.reason)

    async def dial(
        self, target: str, script: Script, *, heard: Path | None = None, from_: str = "", headers: Headers | None = None
    ) -> Report:
        """Call a SIP URI, do the script once it is answered, and say what came of it."""
        await self._load(script)
        call = self._open_call()
        call.heard = heard
        host = self.uri.partition("@")[2].partition(";")[0]
        user = from_ or self.config.username or self.config.name
        try:
            dialog = self._core.sip.invite(
                target=target,
                from_=f'"{self.config.name}" <sip:{user}@{host}>',
                to=f"<{target}>",
                body=call.our_offer(),
                headers=headers,
                credentials=self.config.credentials,
            )
        except EngineError:
            call.drop()
            raise
        self.calls.append(call)
        call.calling(dialog)
        return await call.run(script, self._prompts.__getitem__)

    async def take_call(self, script: Script, *, heard: Path | None = None) -> Report:
        """Wait to be called, then do the script (which rings, answers or rejects)."""
        await self._load(script)
        call = await self._waiting.get()
        self.calls.append(call)
        call.heard = heard
        return await call.run(script, self._prompts.__getitem__)

    async def take_calls(self, choose: Callable[[int], tuple[Script, Path | None]]) -> None:
        """Take every call that comes, several at a time, until cancelled. `choose` gives the script of
        the first, second … call, and where to write what is heard; `reports` says what came of them."""
        async with asyncio.TaskGroup() as tasks:
            for number in count(1):
                call = await self._waiting.get()
                self.calls.append(call)
                script, call.heard = choose(number)
                await self._load(script)
                tasks.create_task(self._keep(call, script))

    async def _keep(self, call: PhoneCall, script: Script) -> None:
        self.reports.append(await call.run(script, self._prompts.__getitem__))

    def _open_call(self) -> PhoneCall:
        config = self.config
        return PhoneCall(self._core, address=config.address, label=config.name, policy=config.policy, now=self._now)

    def _ring(self, invite: IncomingCall) -> None:
        """Keep the call until `take_call`. Its news is heard from now on: it may be cancelled at once."""
        if len(self._waiting) >= _WAITING:
            self._core.sip.reject(invite.dialog, status=BUSY, reason="Busy Here")
            return
        try:
            call = self._open_call()
        except EngineError:
            self._core.sip.reject(invite.dialog, status=UNAVAILABLE)
            return
        call.called(invite.dialog, invite.body)
        self._waiting.put(call)

    async def _load(self, script: Script) -> None:
        """Every file of the script, decoded before the call, so that no step waits for a disk."""
        for step in script:
            if isinstance(step, Play) and step not in self._prompts:
                pcm = await read_audio(step.path, rate=RATE)
                until_s = pcm.seconds if step.until_s is None else step.until_s
                part = pcm.samples[2 * round(step.from_s * RATE) : 2 * round(until_s * RATE)]
                self._prompts[step] = self._core.media.load_prompt(part, rate=RATE)
