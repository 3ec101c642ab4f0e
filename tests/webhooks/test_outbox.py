"""The outbox in pretended time: at least once, in order, across restarts, and never at somebody else's cost."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

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
    open: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, record: CallbackRecord) -> None:
        if self.full:
            raise StoreFull(1)
        self.rows[record.id] = record

    def remove(self, record: CallbackRecord) -> None:
        self.rows.pop(record.id, None)

    async def settled(self) -> None:
        await self.open.wait()

    async def callbacks_left(self, *, limit: int) -> list[CallbackRecord]:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("what waits", 10.0)
        found = list(self.rows.values())[:limit]
        await self.open.wait()
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


@virtual()
async def test_it_is_sent_once_and_its_row_goes(desk: Desk) -> None:
    desk.tell("MZ1", 0)
    assert len(desk.disk.rows) == 1
    await pass_time()
    assert desk.told() == ["MZ10"]
    assert desk.disk.rows == {}
    assert desk.outbox.gauges()["callbacks_sent_total"] == 1


@virtual()
async def test_it_is_not_sent_before_its_row_is_committed(desk: Desk) -> None:
    desk.disk.open.clear()
    desk.tell("MZ1", 0)
    await pass_time(60)
    assert desk.told() == []
    desk.disk.open.set()
    await pass_time()
    assert desk.told() == ["MZ10"]


@virtual()
async def test_its_row_tells_neither_address_nor_content(desk: Desk) -> None:
    desk.answers["good"] = ["hang"]
    desk.tell("MZ1", 0, event="private")
    (row,) = desk.disk.rows.values()
    assert "secret" not in repr(row)
    assert "private" not in repr(row)
    assert "good" not in repr(row)


@virtual()
async def test_a_line_waits_for_its_first_and_repeats_under_the_same_token(desk: Desk) -> None:
    desk.answers["good"] = [500, "refuse", 503, 200]
    desk.tell("MZ1", 0)
    desk.tell("MZ1", 1)
    await pass_time(60)
    assert desk.told() == ["MZ10"] * 4 + ["MZ11"]
    tokens = [token for *_, token in desk.requests]
    assert len(set(tokens[:4])) == 1
    assert tokens[4] != tokens[0]
    assert desk.warnings == []
    assert desk.outbox.gauges()["callbacks_retried_total"] == 3


@pytest.mark.parametrize("status", [400, 401, 404, 410, 305])
def test_an_answer_that_will_not_change_is_final(status: int) -> None:
    @virtual()
    async def scenario(desk: Desk) -> None:
        desk.answers["good"] = [status, 200]
        desk.tell("MZ1", 0)
        desk.tell("MZ1", 1)
        await pass_time()
        assert desk.told() == ["MZ10", "MZ11"]
        ((code, message, stream),) = desk.warnings
        assert (code, stream) == (15003, "MZ1")
        assert message == f"status callback to https://good/cb given up after 1 tries: answered {status}"
        assert desk.disk.rows == {}

    scenario()


@virtual(max_age_s=600.0)
async def test_what_nobody_takes_is_given_up_at_its_age(desk: Desk) -> None:
    desk.answers["dead"] = ["hang"]
    desk.tell("MZ1", 0, host="dead")
    desk.tell("MZ1", 1, host="dead")
    await pass_time(580)
    assert desk.warnings == []
    await pass_time(40)
    assert [code for code, *_ in desk.warnings] == [15003, 15003]
    assert 3 < len(desk.requests) < 12
    assert desk.disk.rows == {}


@virtual(per_host=2, at_once=4)
async def test_a_dead_server_delays_nobody_else(desk: Desk) -> None:
    desk.answers["dead"] = ["hang"]
    for number in range(200):
        desk.tell(f"MZ{number}", 0, host="dead")
    await pass_time()
    for number in range(200, 220):
        desk.tell(f"MZ{number}", 0)
    await pass_time()
    assert len(desk.told("good")) == 20
    assert len(desk.told("dead")) == 2


@virtual()
async def test_a_server_says_how_long_to_leave_it_alone(desk: Desk) -> None:
    desk.answers["good"] = [httpx.Response(429, headers={"retry-after": "120"}), 200]
    desk.tell("MZ1", 0)
    await pass_time(119)
    assert len(desk.requests) == 1
    await pass_time(2)
    assert len(desk.requests) == 2


@virtual(waiting=3, per_host=1)
async def test_when_full_the_server_with_most_waiting_loses_its_oldest_and_it_is_told(desk: Desk) -> None:
    desk.answers["dead"] = ["hang"]
    for number in range(3):
        desk.tell(f"MZ{number}", 0, host="dead")
    await pass_time()
    desk.tell("MZ3", 0)
    await pass_time()
    assert desk.told("good") == ["MZ30"]
    ((code, message, stream),) = desk.warnings
    assert (code, stream) == (15003, "MZ1")
    assert message == "status callback to https://dead/cb dropped: 3 callbacks wait already"
    assert desk.outbox.gauges()["callbacks_dropped_total"] == 1
    assert "MZ1/0" not in desk.disk.rows


@virtual()
async def test_a_full_store_drops_it_and_harms_nobody(desk: Desk) -> None:
    desk.disk.full = True
    desk.tell("MZ1", 0)
    assert [code for code, *_ in desk.warnings] == [15003]


def test_a_store_that_is_away_at_the_start_is_asked_again() -> None:
    async def main() -> None:
        desk = Desk(disk=Disk(failures=3))
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(desk.outbox.run())
            desk.tell("MZ1", 0)
            await pass_time(60)
            running.cancel()
        assert desk.told() == ["MZ10"]

    run_virtual(main())


@virtual()
async def test_draining_waits_for_what_can_be_sent_and_for_no_more(desk: Desk) -> None:
    desk.answers["dead"] = ["refuse"]
    desk.tell("MZ1", 0, host="dead")
    desk.tell("MZ2", 0)
    before = asyncio.get_running_loop().time()
    await desk.outbox.drain(patience_s=5)
    assert asyncio.get_running_loop().time() - before < 1
    assert desk.told("good") == ["MZ20"]
    assert list(desk.disk.rows) == ["MZ1/0"]


@virtual()
async def test_draining_is_bounded(desk: Desk) -> None:
    desk.answers["dead"] = ["hang"]
    desk.tell("MZ1", 0, host="dead")
    before = asyncio.get_running_loop().time()
    await desk.outbox.drain(patience_s=5)
    assert asyncio.get_running_loop().time() - before == pytest.approx(5)
    assert list(desk.disk.rows) == ["MZ1/0"]


def after_a_kill(*, token: str = TOKEN, asleep_s: float = 1.0) -> Desk:
    """What the next process does with two callbacks that the last one left."""

    async def main() -> Desk:
        first = Desk()
        first.answers["good"] = ["hang"]
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(first.outbox.run())
            first.tell("MZ1", 0)
            first.tell("MZ1", 1)
            await pass_time()
            running.cancel()
        await pass_time(asleep_s)
        second = Desk(disk=Disk(rows=first.disk.rows), token=token)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(second.outbox.run())
            await pass_time()
            running.cancel()
        second.requests[:0] = first.requests
        return second

    return run_virtual(main())


@pytest.mark.parametrize("asleep_s", [1.0, 86_400.0])
def test_a_killed_process_sends_the_rest_when_it_starts_again(asleep_s: float) -> None:
    desk = after_a_kill(asleep_s=asleep_s)
    assert desk.told() == ["MZ10", "MZ10", "MZ11"]
    assert desk.requests[0][3] == desk.requests[1][3]
    assert desk.disk.rows == {}


def test_what_another_token_sealed_is_dropped_and_counted() -> None:
    desk = after_a_kill(token="another one")
    assert desk.told() == ["MZ10"]  # the first process's
    assert desk.outbox.gauges()["callbacks_dropped_total"] == 2
    assert desk.disk.rows == {}
