"""A REST API over a real store and calls that ring nobody."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

import httpx
import pytest
from fastapi import FastAPI

from bridgetap.api import EndStatus, create_api
from bridgetap.calls import CallChange, NewCall
from bridgetap.clock import VirtualClock
from bridgetap.errors import Conflict, InvalidInput, NotFound
from bridgetap.flow.effects import Transport
from bridgetap.ids import AccountSid, CallSid, StreamSid, make_sid
from bridgetap.settings import Account, Settings
from bridgetap.store import CallRecord, Store, StreamRecord, open_store
from bridgetap.streams import Connectors, Named, StreamRequest

ACCOUNT = Account(sid=AccountSid("AC" + "a" * 32), auth_token="t0ken-of-the-tests")


class PretendCalls:
    """Calls as the API sees them: rows that change as asked."""

    def __init__(self, store: Store, clock: VirtualClock) -> None:
        self.store = store
        self.clock = clock
        self.accepting = True
        self.asked: list[NewCall] = []
        self.changed: list[tuple[CallSid, CallChange]] = []
        self.started: list[tuple[StreamRequest, list[str]]] = []
        self.running: dict[str, Named] = {}
        self.paused: set[str] = set()
        self.refusal: Exception | None = None  # what every stream is refused with
        self.figures = {"calls_live": 2.0, "calls_answered_total": 7.0}

    async def create(self, wanted: NewCall) -> CallSid:
        self.asked.append(wanted)
        if not self.accepting:
            raise Conflict("at max_calls", code=20503)
        if wanted.runs is None:
            raise InvalidInput("flow", wanted.from_, "the number has no flow", code=20001)
        record = self.call(len(self.asked), direction="outbound-api", to=wanted.to, from_=wanted.from_, status="queued")
        await self.store.commit_now(record)
        return record.sid

    def change(self, sid: CallSid, change: CallChange) -> None:
        self.changed.append((sid, change))
        if change.voice is not None and not self.accepting:
            raise Conflict("it cannot be redirected", code=21220)

    async def end(self, sid: CallSid, status: EndStatus) -> None:
        found = await self.store.calls.get(sid)
        if found is None:
            raise NotFound("call", sid)
        if status == "canceled" and found.status == "in-progress":
            raise Conflict("the call has been answered", code=21220)
        now = self.clock.now_ns()
        await self.store.commit_now(replace(found, status=status, updated_ns=now, ended_ns=now))

    async def start_stream(self, call: CallRecord, request: StreamRequest, *, remarks: Sequence[str] = ()) -> Named:
        self.refuse()
        prefix = "SR" if request.transport == "siprec" else "MZ"
        sid = StreamSid(make_sid(prefix, (len(self.started) + 1).to_bytes(16)))
        named = Named(sid=sid, name=request.name or sid, transport=request.transport, tracks=request.tracks)
        self.started.append((request, list(remarks)))
        self.running[sid] = named
        now = self.clock.now_ns() + len(self.started) * 10**9
        record = StreamRecord(
            sid=sid,
            account_sid=ACCOUNT.sid,
            call_sid=call.sid,
            name=named.name,
            transport=request.transport,
            url=str(request.url) if request.url is not None else "",
            connector=request.connector,
            tracks=request.tracks,
            parameter_names=tuple(name for name, _ in request.parameters),
            created_ns=now,
            updated_ns=now,
        )
        await self.store.commit_now(record)
        return named

    def stop_stream(self, call: CallRecord, name: str, transport: Transport) -> Named:
        return self.running.pop(self._find(name, transport).sid)

    def pause_recording(self, call: CallRecord, name: str, *, paused: bool) -> Named:
        named = self._find(name, "siprec")
        (self.paused.add if paused else self.paused.discard)(named.sid)
        return named

    def paused_recordings(self, call: CallRecord) -> frozenset[str]:
        return frozenset(self.paused)

    def _find(self, name: str, transport: Transport) -> Named:
        self.refuse()
        for named in self.running.values():
            if name in (named.sid, named.name) and named.transport == transport:
                return named
        raise NotFound("stream", name)

    def running_streams(self, call: CallRecord) -> frozenset[str]:
        return frozenset(self.running)

    def refuse(self) -> None:
        if self.refusal is not None:
            raise self.refusal

    def gauges(self) -> dict[str, float]:
        return self.figures

    def call(self, number: int, **changes: object) -> CallRecord:
        now = self.clock.now_ns() + number * 10**9
        record = CallRecord(
            sid=CallSid(make_sid("CA", number.to_bytes(16))),
            account_sid=ACCOUNT.sid,
            direction="inbound",
            from_="+14158675309",
            to="+15550002",
            status="ringing",
            created_ns=now,
            updated_ns=now,
        )
        return replace(record, **changes)  # type: ignore[arg-type]


@dataclass
class Served:
    """What a test needs of it."""

    app: FastAPI
    calls: PretendCalls
    store: Store
    clock: VirtualClock
    client: httpx.AsyncClient  # with the account's credentials

    async def get(self, path: str, **query: str) -> httpx.Response:
        return await self.client.get(f"/2010-04-01/Accounts/{ACCOUNT.sid}/{path}", params=query)

    async def post(self, path: str, **form: str) -> httpx.Response:
        return await self.client.post(f"/2010-04-01/Accounts/{ACCOUNT.sid}/{path}", data=form)


@pytest.fixture
def account() -> Account:
    return ACCOUNT


@pytest.fixture
def settings() -> Settings:
    return Settings()


@pytest.fixture
def connectors() -> Connectors:
    return Connectors({})


@pytest.fixture
async def served(settings: Settings, connectors: Connectors) -> AsyncIterator[Served]:
    clock = VirtualClock()
    async with open_store("sqlite+aiosqlite://", node="n1", clock=clock, interval_s=0.0) as store:
        calls = PretendCalls(store, clock)
        app = create_api(calls=calls, store=store, settings=settings, account=ACCOUNT, connectors=connectors)
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        auth = (ACCOUNT.sid, ACCOUNT.auth_token)
        async with httpx.AsyncClient(transport=transport, base_url="http://bridgetap.test", auth=auth) as client:
            yield Served(app=app, calls=calls, store=store, clock=clock, client=client)
        await asyncio.sleep(0)


MEMBERS = ["sid", "account_sid", "call_sid", "name", "status", "date_updated", "uri"]  # of a stream, and no other


@pytest.fixture
async def call(served: Served) -> CallRecord:
    """One that talks."""
    record = served.calls.call(1, status="in-progress", answered_ns=served.clock.now_ns())
    await served.store.commit_now(record)
    return record


def refusal(answer: httpx.Response) -> tuple[int, int]:
    """Its status and Twilio's code."""
    return answer.status_code, answer.json()["code"]
