"""A server on a fake core, in virtual time: tests say what phones do, and read what they were told."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Literal

from bridgetap.calls import (
    CallLimits,
    Calls,
    Exchange,
    FlowBook,
    Ledger,
    MediaAddresses,
    Registrar,
    Router,
    TransferPolicy,
    Trunks,
)
from bridgetap.calls.registrar import Binding
from bridgetap.engine import (
    CallAcked,
    CallAnswered,
    CallEnded,
    CallProgress,
    Cause,
    DialogId,
    DtmfPressed,
    FlowId,
    IncomingCall,
    RegisterReceived,
    ReofferAnswered,
    ReofferOvertaken,
    ReofferReceived,
    RequestId,
    RequestReceived,
    Response,
)
from bridgetap.engine.fake import Command, FakeLeg, fake_core
from bridgetap.engine.virtual_loop import LoopClock
from bridgetap.errors import InvalidInput
from bridgetap.flow.effects import HttpRequest
from bridgetap.flow.events import HttpEnded
from bridgetap.ids import AccountSid
from bridgetap.settings import NumberSettings, TrunkSettings
from bridgetap.store import (
    CallRecord,
    DocumentRecord,
    ExecutionRecord,
    NotificationRecord,
    StepRecord,
    StoreFull,
    StoreUnavailable,
    StreamRecord,
)
from bridgetap.streams import (
    Connector,
    Connectors,
    RecorderParts,
    Recorders,
    RecordingParts,
    StreamParts,
    StreamPolicy,
    Streams,
)
from bridgetap.voice import VoiceError
from bridgetap.webhooks import Callback, StatusCallback, WebhookAnswer, WebhookFailed, WebhookRequest

ACCOUNT = AccountSid("AC" + "1" * 32)
OFFER = (
    "v=0\r\no=- 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"
)
RINGBACK = 99


def sdp(*, direction: str = "sendrecv", codecs: str = "0 101", port: int = 50000, version: int = 1) -> bytes:
    """A description of a phone's."""
    return (
        f"v=0\r\no=- 2 {version} IN IP4 198.51.100.2\r\ns=-\r\nc=IN IP4 198.51.100.2\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP {codecs}\r\na=rtpmap:101 telephone-event/8000\r\na={direction}\r\n"
    ).encode()


@dataclass
class MemoryRecords:
    """A store in memory."""

    rows: dict[str, Any] = field(default_factory=dict)
    versions: list[Any] = field(default_factory=list)
    commit_s: float = 0.0
    full: bool = False
    away: bool = False  # what is put is kept, and nobody hears that it is written

    def put(self, record: Any) -> None:
        key = f"{record.call_sid}/{record.index}" if isinstance(record, DocumentRecord) else record.sid
        history = NotificationRecord | StepRecord | DocumentRecord
        if self.full and key not in self.rows and not isinstance(record, history):
            raise StoreFull(1)
        self.rows[key] = record
        self.versions.append(record)

    async def commit_now(self, record: Any) -> None:
        self.put(record)
        await asyncio.sleep(self.commit_s)
        if self.away:
            raise StoreUnavailable("calls", self.commit_s)

    def of(self, kind: type[Any]) -> list[Any]:
        return [row for row in self.rows.values() if isinstance(row, kind)]


@dataclass(frozen=True)
class Sound:
    """A prompt."""

    id: int


class Prompter:
    """Makes prompts of anything, except of what is in `broken`."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.broken: set[str] = set()
        self.ringback_s = 0.0  # how long it takes to make one

    async def say(self, text: str, *, voice: str = "default", language: str = "") -> Sound:
        return self._make(text)

    async def play(self, source: str) -> Sound:
        return self._make(source)

    async def ringback(self, country: str = "") -> Sound:
        await asyncio.sleep(self.ringback_s)
        if country not in ("", "de"):
            raise InvalidInput("ringback", country, "is not known")
        return Sound(RINGBACK + 1 if country else RINGBACK)

    def _make(self, what: str) -> Sound:
        if what in self.broken:
            raise VoiceError(what, "is broken", code=11200)
        self.made.append(what)
        return Sound(len(self.made))


class Web:
    """Answers every request with 200."""

    async def ask(self, request: HttpRequest) -> HttpEnded:
        return HttpEnded(effect=request.id, status=200, body="ok")


@dataclass
class Servers:
    """Web servers, by URL: each answers with the next of its documents, the last one again and again.
    What is no answer is why there is none."""

    answers: dict[str, list[str | WebhookFailed]] = field(default_factory=dict)
    asked: list[WebhookRequest] = field(default_factory=list)
    timeouts: list[float] = field(default_factory=list)
    delay_s: float = 0.0

    async def send(self, request: WebhookRequest, *, timeout_s: float, max_bytes: int) -> WebhookAnswer:
        self.asked.append(request)
        self.timeouts.append(timeout_s)
        await asyncio.sleep(self.delay_s)
        left = self.answers.get(request.url.called)
        if left is None:
            return WebhookAnswer(url=request.url, status=404, headers={}, body=b"")
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, WebhookFailed):
            raise answer
        body = f"<Response>{answer}</Response>".encode()
        return WebhookAnswer(url=request.url, status=200, headers={"content-type": "text/xml"}, body=body)


@dataclass
class Told:
    """An outbox that keeps what it is given."""

    callbacks: list[Callback] = field(default_factory=list)

    def put(self, callback: Callback) -> None:
        self.callbacks.append(callback)

    def close(self, to: StatusCallback) -> str:
        return f"sealed {to.url.shown}"

    def gauges(self) -> dict[str, float]:
        return {"callbacks_waiting": len(self.callbacks)}


class Nowhere:
    async def load(self) -> Sequence[Binding]:
        return []

    def save(self, user: str, bindings: object) -> None:
        pass


class Stage:
    """The server, its core, and short names for what phones do."""

    def __init__(
        self,
        folder: Path,
        *states: dict[str, Any],
        number: dict[str, Any] | None = None,
        answer: str = "at-once",
        trunks: Sequence[dict[str, Any]] = ({"name": "carrier"},),
        limits: CallLimits | None = None,
        transfers: TransferPolicy | None = None,
        connectors: Sequence[Connector] = (),
    ) -> None:
        path = folder / "flow.json"
        trigger = {"name": "Trigger", "type": "trigger", "transitions": [{"event": "incomingCall", "next": "one"}]}
        flow = {"description": "", "initial_state": "Trigger", "states": [trigger | {"properties": {}}, *states]}
        path.write_text(json.dumps(flow))
        self.core, self.fake = fake_core()
        self.records = MemoryRecords()
        self.prompter = Prompter()
        entropy = count(1)

        def dice(size: int) -> bytes:
            return next(entropy).to_bytes(size, "big")

        clock = LoopClock()
        self.ledger = Ledger(records=self.records, account_sid=ACCOUNT, clock=clock, entropy=dice)
        base = {"match": ["+"], "ping_s": 0}
        settings = [
            TrunkSettings.model_validate({"uri": f"sip:198.51.100.{50 + index}"} | base | trunk)
            for index, trunk in enumerate(trunks)
        ]
        self.trunks = Trunks(core=self.core, settings=settings, dice=lambda: 0.5)
        self.registrar = Registrar(core=self.core, clock=clock, store=Nowhere())
        runs = {"flow": str(path)} if number is None else number
        entry = NumberSettings.model_validate({"number": "+15551230000", "answer": answer} | runs)
        self.servers, self.told = Servers(), Told()
        router = Router(numbers=[entry], trunks=self.trunks, registrar=self.registrar, domain="pbx.example")
        addresses = MediaAddresses(clock=clock)
        recording = RecordingParts(core=self.core, addresses=addresses, clock=clock, entropy=dice)
        known = Connectors({connector.name: connector for connector in connectors})
        self.recorders = Recorders(RecorderParts(connectors=known, recording=recording, domain="pbx.example"))
        parts = StreamParts(
            core=self.core,
            recorders=self.recorders,
            records=self.records,
            notifier=self.ledger,
            callbacks=self.told,
            sealed=self.told,
            clock=clock,
            entropy=dice,
            sign=lambda url: f"signed {url}",
            account_sid=ACCOUNT,
            policy=StreamPolicy(),
        )
        self.exchange = Exchange(
            core=self.core,
            ledger=self.ledger,
            router=router,
            streams=Streams(parts),
            prompter=self.prompter,
            http=Web(),
            webhooks=self.servers,
            callbacks=self.told,
            sealed=self.told,
            addresses=addresses,
            transfers=transfers or TransferPolicy(),
        )
        self.calls = Calls(
            exchange=self.exchange,
            flows=FlowBook(folder=folder, known=[path]),
            trunks=self.trunks,
            limits=limits or CallLimits(),
        )
        self._requests = count(7001)
        self._answered: set[int | None] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Stage"]:
        self.core.start()
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(self.calls.run())
            recording = tasks.create_task(self.recorders.run())
            await self.settle()
            yield self
            serving.cancel()
            await asyncio.wait([serving])  # recordings say goodbye after their calls
            recording.cancel()

    async def settle(self, seconds: float = 0.01) -> None:
        """Let everything that is due happen."""
        await asyncio.sleep(seconds)

    async def turns(self, count: int) -> None:
        """Let the loop turn so many times: what is due happens up to a point."""
        for _ in range(count):
            await asyncio.sleep(0)

    # -- what phones do --

    async def call(self, dialog: int = 1, **changes: Any) -> None:
        """An INVITE from the carrier."""
        values: dict[str, Any] = {
            "dialog": DialogId(dialog),
            "trunk": "carrier",
            "user": None,
            "request_uri": "sip:+15551230000@pbx.example",
            "from_": '"Bob" <sip:+15559998888@carrier.example>;tag=1',
            "to": "<sip:+15551230000@pbx.example>",
            "contact": "<sip:b@198.51.100.1>",
            "call_id": f"call-{dialog}",
            "headers": [],
            "content_type": "application/sdp",
            "body": OFFER.encode(),
            "transport": "udp",
            "source": "198.51.100.1:5060",
            "local": "192.0.2.1:5060",
            "flow": FlowId(1),
        }
        self.fake.sip.open.add(DialogId(dialog))
        self.fake.push(IncomingCall(**(values | changes)))
        await self.settle()

    async def hang_up(self, dialog: int, *, cause: Cause = "bye", status: int = 0) -> None:
        self.fake.sip.end(DialogId(dialog), cause=cause, status=status)
        await self.settle()

    async def ringing(self, dialog: int, status: int = 180, body: bytes = b"") -> None:
        self.fake.push(
            CallProgress(
                dialog=DialogId(dialog),
                status=status,
                reason="",
                headers=[],
                content_type="application/sdp" if body else "",
                body=body,
                reliable=False,
                early="a",
            )
        )
        await self.settle()

    async def answers(
        self,
        dialog: int,
        body: bytes | None = None,
        *,
        needs_ack: bool = False,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.fake.push(
            CallAnswered(
                dialog=DialogId(dialog),
                headers=list(headers),
                content_type="application/sdp",
                body=sdp() if body is None else body,
                needs_ack=needs_ack,
                contact="<sip:callee@198.51.100.2>",
                source="198.51.100.2:5060",
            )
        )
        await self.settle()

    async def acks(self, dialog: int, body: bytes = b"") -> None:
        self.fake.push(CallAcked(dialog=DialogId(dialog), body=body))
        await self.settle()

    async def reoffers(
        self,
        dialog: int,
        body: bytes,
        headers: Sequence[tuple[str, str]] = (),
        *,
        method: Literal["INVITE", "UPDATE"] = "INVITE",
    ) -> Command:
        """A re-INVITE; returns how it was answered."""
        request = RequestId(next(self._requests))
        self.fake.push(
            ReofferReceived(dialog=DialogId(dialog), request=request, method=method, headers=list(headers), body=body)
        )
        await self.settle()
        return next(command for command in self.fake.sent("respond") if command.of == request)

    async def answers_reoffer(self, dialog: int, status: int = 200, body: bytes = b"") -> None:
        self.fake.push(ReofferAnswered(dialog=DialogId(dialog), status=status, reason="", body=body))
        await self.settle()

    async def overtaken(self, dialog: int) -> None:
        """The core drops what waits of ours: our answer to theirs has gone out since it was written."""
        self.fake.push(ReofferOvertaken(dialog=DialogId(dialog)))
        await self.settle()

    async def requests(
        self,
        dialog: int,
        method: str,
        content_type: str = "",
        body: bytes = b"",
        headers: Sequence[tuple[str, str]] = (),
    ) -> Command:
        """A request inside the call; returns how it was answered."""
        request = RequestId(next(self._requests))
        self.fake.push(
            RequestReceived(
                dialog=DialogId(dialog),
                request=request,
                method=method,
                headers=list(headers),
                content_type=content_type,
                body=body,
            )
        )
        await self.settle()
        return next(command for command in self.fake.sent("respond") if command.of == request)

    async def refers(self, dialog: int, to: str, *more: tuple[str, str], cseq: int = 7) -> int:
        """A REFER; returns the status it was answered with."""
        headers = [("CSeq", f"{cseq} REFER"), ("Refer-To", to), *more]
        answer = await self.requests(dialog, "REFER", headers=headers)
        return int(answer["status"])

    async def notified(self, dialog: int) -> list[str]:
        """Answer every NOTIFY that this dialog was sent until now; what they all said, in order."""
        while pending := [c for c in self._notifies() if c.of not in self._answered]:
            for command in pending:
                self._answered.add(command.of)
                self.fake.push(
                    Response(
                        request=RequestId(command.of or 0),
                        status=200,
                        reason="",
                        headers=[],
                        body=b"",
                        flow=FlowId(1),
                        local="",
                        source="",
                    )
                )
            await self.settle()
        return [command["body"].decode().strip() for command in self._notifies() if command["dialog"] == dialog]

    def _notifies(self) -> list[Command]:
        return [command for command in self.fake.sent("request") if command["method"] == "NOTIFY"]

    def registers(
        self, user: str, contact: str = "sip:phone@198.51.100.9", headers: Sequence[tuple[str, str]] = ()
    ) -> None:
        """A phone of a user's, over connection 9."""
        answer = self.registrar.register(
            RegisterReceived(
                request=RequestId(next(self._requests)),
                user=user,
                to=f"<sip:{user}@pbx.example>",
                contacts=[f"<{contact}>"],
                expires=600,
                call_id=f"register-{user}",
                cseq=1,
                headers=list(headers),
                transport="udp",
                source="198.51.100.9:5060",
                flow=FlowId(9),
            )
        )
        assert answer.status == 200

    async def presses(self, leg: int, digit: str) -> None:
        self.fake.push(DtmfPressed(leg=self.leg(leg).id, digit=digit, duration_ms=100, inband=False))
        await self.settle()

    async def heard(self, leg: int = 1) -> None:
        """All prompts were played to the end."""
        self.leg(leg).finish_playing()
        await self.settle()

    def serve(self, path: str, *documents: "str | WebhookFailed") -> None:
        """What `https://app.example/PATH` answers, one after the other."""
        self.servers.answers[f"https://app.example/{path}"] = list(documents)

    # -- what they were told --

    def asked(self) -> list[tuple[str, str]]:
        """Method and path of each request for a document."""
        return [
            (request.method, request.url.called.removeprefix("https://app.example/")) for request in self.servers.asked
        ]

    def parameters(self, index: int = -1) -> dict[str, str]:
        """What one of them was told, the last where none is named."""
        return dict(self.servers.asked[index].parameters)

    def documents(self) -> list[DocumentRecord]:
        return self.records.of(DocumentRecord)

    def leg(self, number: int) -> FakeLeg:
        """The RTP legs in the order they were opened, from 1."""
        return self.fake.media.legs[number - 1]

    def dialled(self) -> list[int]:
        """The dialogs of our INVITEs, in order."""
        return [command.of or 0 for command in self.fake.sent("invite")]

    def steps(self) -> list[tuple[str, str, str]]:
        return [(step.transitioned_from, step.name, step.transitioned_to) for step in self.records.of(StepRecord)]

    def call_rows(self) -> list[CallRecord]:
        return self.records.of(CallRecord)

    def execution(self) -> ExecutionRecord:
        (row,) = self.records.of(ExecutionRecord)
        assert isinstance(row, ExecutionRecord)
        return row

    def stream_rows(self) -> list[StreamRecord]:
        return self.records.of(StreamRecord)

    def notes(self) -> list[tuple[str, int]]:
        return [(note.level, note.code) for note in self.records.of(NotificationRecord)]

    def outcome(self, widget: str) -> dict[str, Any]:
        """What a widget left in the context."""
        found: dict[str, Any] = self.execution().context["widgets"].get(widget, {})
        return found


def state(name: str, kind: str, transitions: dict[str, str | None], **properties: Any) -> dict[str, Any]:
    """One state of a flow."""
    return {
        "name": name,
        "type": kind,
        "transitions": [
            {"event": event} if target is None else {"event": event, "next": target}
            for event, target in transitions.items()
        ],
        "properties": properties,
    }


def say(name: str = "one", text: str = "hello", then: str | None = None, **more: Any) -> dict[str, Any]:
    return state(name, "say-play", {"audioComplete": then}, say=text, **more)


def connect(name: str = "one", then: str | None = None, *, hangup: str | None = None, **more: Any) -> dict[str, Any]:
    properties = {"noun": "number", "to": "+15550001111", "caller_id": "{{trigger.call.To}}"} | more
    return state(name, "connect-call-to", {"callCompleted": then, "hangup": hangup}, **properties)


def fork(name: str = "one", then: str | None = None, **more: Any) -> dict[str, Any]:
    properties = {
        "stream_action": "start",
        "stream_transport_type": "websocket",
        "stream_name": "tap",
        "stream_url": "wss://cool.process.io",
        "stream_track": "both_tracks",
    }
    return state(name, "fork-stream", {"next": then}, **(properties | more))


def stop_fork(name: str = "stop", then: str | None = None, **more: Any) -> dict[str, Any]:
    properties = {"stream_action": "stop", "stream_transport_type": "websocket", "stream_name": "tap"} | more
    return state(name, "fork-stream", {"next": then}, **properties)


VOICE = {"voice_url": "https://app.example/voice"}

SEED = (fork(then="two"), connect("two", then="stop"), stop_fork())

__all__ = ["VOICE", "CallEnded", "Stage", "connect", "fork", "say", "sdp", "state", "stop_fork"]
