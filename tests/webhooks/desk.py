"""An outbox between a pretended disk and a pretended web, in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any
from urllib.parse import parse_qsl

import httpx

from bridgetap.engine.virtual_loop import LoopClock, run_virtual
from bridgetap.ids import AccountSid, CallSid, StreamSid
from bridgetap.signing import sign_form
from bridgetap.store import CallbackRecord, StoreFull, StoreUnavailable
from bridgetap.webhooks import (
    Callback,
    CallbackRows,
    Limits,
    Outbox,
    OutboxParts,
    Seal,
    StatusCallback,
    WebhookClient,
    WebhookUrl,
)

TOKEN = "12345678"
CALL = CallSid("CA" + "1" * 32)


@dataclass
class Disk:
    """The store's part: rows are `waiting` until `commit` lets them through."""

    rows: dict[str, CallbackRecord] = field(default_factory=dict)
    full: bool = False
    failures: int = 0  # of the next readings
    reads_take_s: float = 0.0
    open: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, record: CallbackRecord) -> None:
        if self.full:
            raise StoreFull(1)
        self.rows[record.id] = record

    def remove(self, record: CallbackRecord) -> None:
        self.rows.pop(record.id, None)

    async def settled(self) -> None:
        await self.open.wait()

    async def callbacks_left(self, *, limit: int, after: CallbackRecord | None = None) -> list[CallbackRecord]:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("what waits", 10.0)
        rows = sorted(self.rows.values(), key=lambda row: (row.line, row.place))
        found = [row for row in rows if after is None or (row.line, row.place) > (after.line, after.place)][:limit]
        await self.open.wait()
        if self.reads_take_s:
            await asyncio.sleep(self.reads_take_s)
        return found


@dataclass
class Desk:
    """An outbox, its disk and the web around it."""

    disk: Disk = field(default_factory=Disk)
    limits: Limits = field(default_factory=Limits)
    token: str = TOKEN
    requests: list[tuple[float, str, dict[str, str], str]] = field(default_factory=list)
    warnings: list[tuple[int, str, object]] = field(default_factory=list)
    answers: dict[str, list[Any]] = field(default_factory=dict)  # by host: what is answered next; then 200

    def __post_init__(self) -> None:
        self.disk.open.set()
        entropy = count(1)
        self.web = httpx.AsyncClient(transport=self.transport())
        self.outbox = Outbox(
            OutboxParts(
                client=WebhookClient(self.web, sign=partial(sign_form, self.token), user_agent="x"),
                records=self.disk,
                notifier=self,
                clock=LoopClock(),
                rows=CallbackRows(
                    seal=Seal(self.token),
                    clock=LoopClock(),
                    entropy=lambda size: next(entropy).to_bytes(size, "big"),
                    account_sid=AccountSid("AC" + "0" * 32),
                ),
                dice=lambda: 0.5,
                limits=self.limits,
            )
        )

    def transport(self) -> httpx.AsyncBaseTransport:
        desk = self

        class Web(httpx.AsyncBaseTransport):
            async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
                form = dict(parse_qsl(request.content.decode(), keep_blank_values=True))
                token = request.headers["I-Twilio-Idempotency-Token"]
                desk.requests.append((asyncio.get_running_loop().time(), request.url.host, form, token))
                waiting = desk.answers.get(request.url.host, [])
                answer = waiting.pop(0) if len(waiting) > 1 else waiting[0] if waiting else 200
                match answer:
                    case "hang":
                        await asyncio.Event().wait()
                    case "nonsense":
                        raise httpx.RemoteProtocolError("illegal status line", request=request)
                    case "slow":
                        await asyncio.sleep(2)
                        return httpx.Response(200)
                    case "refuse":
                        raise httpx.ConnectError("no", request=request) from ConnectionRefusedError()
                    case int():
                        return httpx.Response(answer)
                    case httpx.Response():
                        return answer
                raise AssertionError(answer)

        return Web()

    def notify(self, *, level: str, code: int, message: str, call_sid: CallSid, stream_sid: object = None) -> None:
        assert (level, call_sid) == ("warning", CALL)
        self.warnings.append((code, message, stream_sid))

    def tell(self, line: str, place: int, *, host: str = "good", event: str = "") -> None:
        self.outbox.put(
            Callback(
                line=line,
                place=place,
                to=StatusCallback(url=WebhookUrl.parse(f"https://me:secret@{host}/cb?k=secret")),
                parameters=(("Event", event or f"{line}{place}"),),
                call_sid=CALL,
                stream_sid=StreamSid(line),
            )
        )

    def told(self, host: str = "good") -> list[str]:
        return [form["Event"] for _, at, form, _ in self.requests if at == host]


Scenario = Callable[[Desk], Awaitable[None]]


def virtual(**limits: Any) -> Callable[[Scenario], Callable[[], None]]:
    """A test with a running outbox, in virtual time."""

    def decorate(scenario: Scenario) -> Callable[[], None]:
        def test() -> None:
            async def main() -> None:
                desk = Desk(limits=Limits(**limits))
                async with asyncio.TaskGroup() as tasks:
                    running = tasks.create_task(desk.outbox.run())
                    await scenario(desk)
                    running.cancel()

            run_virtual(main())

        return test

    return decorate


async def pass_time(seconds: float = 0.1) -> None:
    await asyncio.sleep(seconds)
