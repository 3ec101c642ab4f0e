"""A real server and real phones on loopback: SIP over UDP, RTP, nothing pretended."""

import asyncio
import json
from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import pi, sin
from pathlib import Path
from typing import Any, TypeVar

from bridgetap.cli.wiring import RunningServer, open_server
from bridgetap.engine import (
    Admission,
    CallAcked,
    CallAnswered,
    CallEnded,
    Codec,
    Core,
    DialogEvent,
    DialogId,
    Direction,
    DtmfPressed,
    Headers,
    IncomingCall,
    LegEvent,
    LegMedia,
    LegStats,
    MediaConfig,
    ReofferAnswered,
    ReofferReceived,
    RequestReceived,
    SipConfig,
)
from bridgetap.receiver.authority import make_authority
from bridgetap.sdp import AgreedMedia, Negotiation, Policy
from bridgetap.settings import Settings
from bridgetap.store import CallFilter, CallRecord, Cut, DocumentRecord, StepRecord, StreamRecord

PATIENCE_S = 10.0
AUDIBLE = -40.0  # dBFS; silence is below -100
TOKEN = "0123456789abcdef"
E = TypeVar("E")

CONFIGURATION = """
[sip]
listen = [{listen}]
[media]
threads = 1
[http]
listen = "127.0.0.1:0"
[calls]
drain_s = 5
{calls}
[account]
auth_token = "{TOKEN}"
[streams]
trusted_ca = "ca.pem"
system_roots = false
allow_networks = ["127.0.0.0/8"]
{more}
[webhooks]
trusted_ca = "ca.pem"
timeout_s = 4
[[numbers]]
number = "*"
answer = "{answer}"
{runs}
[[trunks]]
name = "phones"
uri = "sip:127.0.0.1:9"
allow_from = ["127.0.0.0/8"]
ping_s = 0
"""


async def until(condition: Callable[[], bool], what: str) -> None:
    """Look again and again, not for ever."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # noqa: ASYNC110 - what is looked at is figures, nobody says when they change
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {PATIENCE_S:g} s: {what}") from None


def tone(hertz: int, seconds: float = 1.0) -> bytes:
    """A loud sine at 8 kHz, s16le."""
    return array("h", (round(12000 * sin(2 * pi * hertz * n / 8000)) for n in range(round(8000 * seconds)))).tobytes()


@dataclass
class Live:
    """The server, and phones that speak to it."""

    server: RunningServer
    caller: "LivePhone"
    callees: "list[LivePhone]"

    async def rows(self) -> list[CallRecord]:
        """Every call, oldest first."""
        await self.server.store.flush()
        page = await self.server.store.calls.search(CallFilter(), Cut(size=50))
        return sorted(page.rows, key=lambda row: row.created_ns)

    async def over(self) -> list[CallRecord]:
        """The rows, once every call has ended."""
        await until(lambda: self.server.calls.gauges()["calls_live"] == 0, "every call is over")
        return await self.rows()

    async def streams(self) -> list[StreamRecord]:
        await until(lambda: self.server.calls.gauges()["streams_live"] == 0, "every stream has ended")
        await self.server.store.flush()
        return [row for call in await self.rows() for row in await self.server.store.streams.of_call(call.sid)]

    async def steps(self) -> list[StepRecord]:
        (execution,) = await self.server.store.executions.of_call((await self.rows())[0].sid)
        return list(await self.server.store.steps.of_execution(execution.sid))

    async def dial_status(self, widget: str = "one") -> str:
        (execution,) = await self.server.store.executions.of_call((await self.rows())[0].sid)
        return str(execution.context["widgets"][widget]["DialCallStatus"])

    async def documents(self) -> list[DocumentRecord]:
        await self.server.store.flush()
        return [row for call in await self.rows() for row in await self.server.store.documents.of_call(call.sid)]

    async def call(self, **more: Any) -> "LiveCall":
        """The caller rings the server."""
        return await self.caller.call(f"sip:+15551230000@{self.server.sip_address}", **more)

    async def talk(self) -> "tuple[LiveCall, LiveCall]":
        """Caller and first callee, connected."""
        calling = asyncio.ensure_future(self.call())
        callee = await self.callees[0].next_call()
        callee.answer()
        caller = await calling
        await callee.hear(CallAcked)
        return caller, callee


@asynccontextmanager
async def live(
    folder: Path,
    flow: Callable[[list[str]], list[dict[str, Any]]],
    *,
    callees: int = 1,
    answer: str = "at-once",
    more: str = "",
    runs: str = 'flow = "flow.json"',
    calls: str = "",
    listen: str = '"udp://127.0.0.1:0"',
) -> AsyncIterator[Live]:
    """Streams trust the authority in `folder`. `flow` gets the callees' URIs and gives the states after
    the trigger, the first of them `one`; `runs` are other keys of the number."""
    if not (folder / "ca.pem").exists():
        make_authority(folder)
    phones = [LivePhone() for _ in range(callees + 1)]
    trigger = {"name": "Trigger", "type": "trigger", "transitions": [{"event": "incomingCall", "next": "one"}]}
    states = flow([phone.uri for phone in phones[1:]])
    definition = {"description": "", "initial_state": "Trigger", "states": [trigger | {"properties": {}}, *states]}
    (folder / "flow.json").write_text(json.dumps(definition))
    settings = CONFIGURATION.format(answer=answer, more=more, runs=runs, calls=calls, listen=listen, TOKEN=TOKEN)
    (folder / "bridgetap.toml").write_text(settings)
    try:
        async with open_server(Settings.load(folder / "bridgetap.toml", {}), folder=folder) as server:
            yield Live(server=server, caller=phones[0], callees=phones[1:])
    finally:
        for phone in phones:
            phone.core.close()


class LivePhone:
    """A phone that does exactly what a test says, and nothing by itself."""

    def __init__(self) -> None:
        from bridgetap.engine.native import open_core  # here: collecting tests needs no compiled core

        self.core: Core = open_core(
            SipConfig(listen=["udp://127.0.0.1:0"], user_agent="test phone"), MediaConfig(threads=1, system_roots=False)
        )
        self.core.sip.set_admission(trunks=[Admission(network="127.0.0.0/8", trunk="any")], users=[])
        self.core.on(IncomingCall, self._ring)
        self.core.start()
        self._ringing: asyncio.Queue[LiveCall] = asyncio.Queue()

    @property
    def uri(self) -> str:
        return f"sip:phone@{self.core.sip.addresses()[0].partition('://')[2]}"

    async def call(self, target: str, **more: Any) -> "LiveCall":
        """Send an INVITE; returns once it was answered."""
        call = self.ring(target, **more)
        await call.until_answered()
        return call

    def ring(self, target: str, *, headers: Headers | None = None, **more: Any) -> "LiveCall":
        """Send an INVITE and wait for nothing; `more` is for the `LiveCall`."""
        call = LiveCall(self.core, **more)
        from_, to = "<sip:+15559998888@test>", f"<{target}>"
        call.start(self.core.sip.invite(target=target, from_=from_, to=to, headers=headers, body=call.offer()))
        return call

    async def next_call(self) -> "LiveCall":
        async with asyncio.timeout(PATIENCE_S):
            return await self._ringing.get()

    def _ring(self, invite: IncomingCall) -> None:
        call = LiveCall(self.core, offer=invite.body)
        call.start(invite.dialog)
        self._ringing.put_nowait(call)


class LiveCall:
    """One side of a call, every step by hand."""

    def __init__(self, core: Core, offer: bytes = b"", codecs: tuple[Codec, ...] = ("PCMU", "PCMA")) -> None:
        self._core = core
        self._their_offer = offer
        self.rtp = core.media.open_leg(address="127.0.0.1", label="phone")
        self.negotiation = Negotiation(
            address="127.0.0.1", port=self.rtp.rtp_port, session_id=self.rtp.id, policy=Policy(codecs=codecs)
        )
        self.events: list[DialogEvent | LegEvent] = []
        self._hertz = 0
        self.dialog = DialogId(0)

    def start(self, dialog: DialogId) -> None:
        self.dialog = dialog
        self._core.hear_dialog(dialog, self.events.append)
        self._core.hear_leg(self.rtp.id, self.events.append)

    # -- commands --

    def offer(self, direction: Direction = "sendrecv") -> bytes:
        return self.negotiation.offer(direction=direction)

    def progress(self, status: int, *, early_media: bool = False) -> None:
        body = self._answered() if early_media else b""
        self._core.sip.progress(self.dialog, status=status, body=body)

    def answer(self, headers: Headers | None = None) -> None:
        self._core.sip.answer(self.dialog, body=self._answered(), headers=headers)

    def reject(self, status: int) -> None:
        self._core.sip.reject(self.dialog, status=status)

    def hang_up(self) -> None:
        self._core.sip.hang_up(self.dialog)

    def press(self, digits: str) -> None:
        self.rtp.send_dtmf(digits)

    async def press_by_info(self, digit: str) -> None:
        """As older phones do it."""
        answer = await self._core.request(
            method="INFO",
            dialog=self.dialog,
            body=f"Signal={digit}\r\nDuration=160\r\n".encode(),
            content_type="application/dtmf-relay",
        )
        assert answer.status == 200

    def digits(self) -> str:
        """Those that were heard."""
        return "".join(event.digit for event in self.events if isinstance(event, DtmfPressed))

    def play(self, hertz: int) -> None:
        """A tone without end."""
        self._hertz = hertz
        self.rtp.play([self._core.media.load_prompt(tone(hertz), rate=8000)], loop=0)

    async def reoffer(
        self, *, direction: Direction = "sendrecv", codecs: tuple[Codec, ...] | None = None
    ) -> AgreedMedia:
        """A re-INVITE, until it is answered."""
        if codecs is not None:
            self.negotiation._policy = Policy(codecs=codecs)
        seen = len(self.events)
        self._core.sip.reoffer(self.dialog, body=self.offer(direction))
        answered = await self.hear(ReofferAnswered, after=seen)
        assert answered.status == 200
        return self._configure(self.negotiation.accept(answered.body))

    async def move(self) -> AgreedMedia:
        """To another address: a new port, told by re-INVITE; the old one is silent from then on."""
        before, self.rtp = self.rtp, self._core.media.open_leg(address="127.0.0.1", label="phone, moved")
        self._core.hear_leg(self.rtp.id, self.events.append)
        self.negotiation._port = self.rtp.rtp_port
        if self._hertz:
            self.play(self._hertz)
        agreed = await self.reoffer()
        before.close()
        return agreed

    async def refer(self, target: str) -> list[str]:
        """Ask that the other party talk to `target`; what we are told of it, to the final word."""
        answer = await self._core.request(method="REFER", dialog=self.dialog, headers=[("Refer-To", f"<{target}>")])
        assert answer.status == 202, answer
        told: list[str] = []
        while not told or told[-1].split()[1] < "200":
            notify = await self.hear(RequestReceived)
            self.events.remove(notify)
            self._core.sip.respond(notify.request, status=200)
            told.append(notify.body.decode().strip())
        return told

    async def reoffered(self) -> ReofferReceived:
        """The server's re-INVITE."""
        received = await self.hear(ReofferReceived)
        self.events.remove(received)
        return received

    async def refuse_reoffer(self, status: int) -> ReofferReceived:
        """The server's re-INVITE, refused."""
        received = await self.reoffered()
        self._core.sip.respond(received.request, status=status)
        return received

    async def answer_reoffer(self, received: ReofferReceived | None = None) -> AgreedMedia:
        """The server's re-INVITE, answered."""
        received = received or await self.reoffered()
        answer = self.negotiation.answer(received.body)
        self._core.sip.respond(received.request, status=200, body=answer.body)
        return self._configure(answer.media)

    # -- what was heard --

    async def hear(self, kind: type[E], *, after: int = 0) -> E:
        """The first event of that kind, once it is there."""
        await until(lambda: any(isinstance(event, kind) for event in self.events[after:]), kind.__name__)
        return next(event for event in self.events[after:] if isinstance(event, kind))

    async def until_answered(self) -> None:
        answered = await self.hear(CallAnswered)
        self.accept(answered.body)

    def accept(self, body: bytes) -> AgreedMedia:
        return self._configure(self.negotiation.accept(body))

    async def ended(self) -> CallEnded:
        return await self.hear(CallEnded)

    def stats(self) -> LegStats:
        return self.rtp.stats() or LegStats(leg=self.rtp.id)

    async def hears_a_tone(self) -> None:
        await until(lambda: self.stats().level_in > AUDIBLE, "a tone is heard")

    async def hears_nothing(self) -> None:
        await until(lambda: self.stats().level_in < AUDIBLE, "silence is heard")

    def _answered(self) -> bytes:
        answer = self.negotiation.answer(self._their_offer)
        self._configure(answer.media)
        return answer.body

    def _configure(self, agreed: AgreedMedia) -> AgreedMedia:
        self.rtp.configure(
            LegMedia(
                remote=agreed.remote,
                codec=agreed.codec,
                payload_type=agreed.payload_type,
                receive=agreed.receive,
                telephone_event=agreed.telephone_event,
                receive_telephone_event=agreed.receive_telephone_event,
                direction=agreed.direction,
            )
        )
        return agreed
