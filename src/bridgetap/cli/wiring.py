"""Makes a running server of its settings: the one place where real clocks, sockets and randomness are built.

`serve`, the demo and the simulator all run this same server.
"""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import structlog
from fastapi import FastAPI

from bridgetap import __version__
from bridgetap.api import create_api
from bridgetap.calls import (
    BindingRows,
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
    WebClient,
)
from bridgetap.calls import LastWords as CallLastWords
from bridgetap.clock import SystemClock
from bridgetap.engine import Core
from bridgetap.errors import ConfigurationError, InvalidInput
from bridgetap.flow import Options
from bridgetap.settings import Account, Settings, StreamsSettings, WebhooksSettings, open_account
from bridgetap.signing import sign_form, sign_stream
from bridgetap.store import CallbackRecord, CallRecord, Store, StreamRecord, open_store
from bridgetap.streams import LastWords as StreamLastWords
from bridgetap.streams import RecorderParts, Recorders, RecordingParts, StreamParts, Streams
from bridgetap.voice import make_client, make_prompts
from bridgetap.webhooks import (
    CallbackRows,
    Limits,
    Outbox,
    OutboxParts,
    Seal,
    StatusCallback,
    WebhookClient,
    WebhookUrl,
    make_webhook_client,
)

from .connectors import connectors_of
from .core_config import admissions, media_config, sip_config, users
from .http_server import HttpServer
from .stream_policy import stream_policy

log = structlog.get_logger(__name__)

HANG_UP_S = 1.0  # for what is still live when nobody drained, or the draining was cut short


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningServer:
    """A server that takes calls."""

    settings: Settings
    account: Account
    core: Core
    store: Store
    calls: Calls
    registrar: Registrar
    trunks: Trunks
    http_address: str  # "127.0.0.1:8080", with the real port
    sip_addresses: tuple[str, ...]  # "udp://127.0.0.1:5060", with the real ports

    @property
    def sip_address(self) -> str:
        """The first of them as `host:port`."""
        return self.sip_addresses[0].partition("://")[2]

    @property
    def http_url(self) -> str:
        """Where the REST API is, as others reach it."""
        return self.settings.http.public_url or f"http://{self.http_address}"

    async def drain(self) -> None:
        """Refuse new calls, let live ones end, then end what is left."""
        await self.calls.drain()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """The outside world as the server reaches it; the simulator puts its own in this place."""

    router: type[Router] = Router
    client: Callable[[], httpx.AsyncClient] = make_client
    webhooks: Callable[[WebhooksSettings], httpx.AsyncClient] = lambda settings: make_webhook_client(
        trusted_ca=settings.trusted_ca
    )


@asynccontextmanager
async def open_server(
    settings: Settings, *, folder: Path | None = None, trace: Path | None = None, outside: Outside | None = None
) -> AsyncIterator[RunningServer]:
    """Everything up and taking calls until the block is left; calls that live then are ended.

    `folder`: where flows named over REST are looked for; `trace`: every SIP message goes there, as a
    pcap file. Raises `ConfigurationError`, `InvalidDefinition` or `EngineError` for what cannot be used.
    """
    flows = FlowBook(folder=folder or Path.cwd(), known=[number.flow for number in settings.numbers if number.flow])
    flows.load_all()
    with unwrapped():
        async with _parts(settings, flows, trace, outside or Outside()) as parts, asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(parts.server.calls.run()),
                tasks.create_task(parts.server.trunks.run()),
                tasks.create_task(parts.outbox.run()),
                tasks.create_task(parts.recorders.run()),
            ]
            serving = tasks.create_task(parts.http.serve(parts.app))
            await parts.http.started()
            server = parts.server
            log.info("server.up", version=__version__, sip=server.sip_addresses, http=server.http_address)
            try:
                yield server
            finally:
                await server.calls.hang_up_all(HANG_UP_S)
                await parts.streams.close(patience_s=settings.streams.close_drain_ms / 1000 + HANG_UP_S)
                await parts.outbox.drain(patience_s=settings.webhooks.drain_s)
                parts.http.stop()
                for task in running:
                    task.cancel()
                await asyncio.wait([serving])
    log.info("server.down")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """A server that is made but does not run yet."""

    server: RunningServer
    streams: Streams
    recorders: Recorders
    outbox: Outbox
    http: HttpServer
    app: FastAPI


@asynccontextmanager
async def _parts(settings: Settings, flows: FlowBook, trace: Path | None, outside: Outside) -> AsyncIterator[_Parts]:
    """Make each part once, in the order in which they lean on each other."""
    from bridgetap.engine.native import open_core  # here: commands that run no server need no core

    account = open_account(settings.account, create=True)
    clock = SystemClock()
    rows = CallbackRows(
        seal=Seal(account.auth_token), clock=clock, entropy=secrets.token_bytes, account_sid=account.sid
    )
    status = _stream_status(settings.streams)
    async with AsyncExitStack() as stack:
        http = HttpServer.bind(settings.http.listen)
        stack.callback(http.close)
        store = await stack.enter_async_context(
            open_store(
                settings.store.url.get_secret_value(),
                node=settings.store.node,
                clock=clock,
                last_words=_last_words(rows),
            )
        )
        client = await stack.enter_async_context(outside.client())
        web = await stack.enter_async_context(outside.webhooks(settings.webhooks))
        core = open_core(sip_config(settings, trace=trace), media_config(settings))
        stack.callback(core.close)
        core.start()
        ledger = Ledger(records=store, account_sid=account.sid, clock=clock, entropy=secrets.token_bytes)
        webhooks = WebhookClient(
            web,
            sign=partial(sign_form, account.auth_token),
            user_agent=settings.webhooks.user_agent,
            connect_timeout_s=settings.webhooks.connect_timeout_s,
        )
        outbox = Outbox(
            OutboxParts(
                client=webhooks,
                records=store,
                notifier=ledger,
                clock=clock,
                rows=rows,
                dice=random.SystemRandom().random,
                limits=Limits(
                    waiting=settings.webhooks.max_waiting,
                    at_once=settings.webhooks.at_once,
                    per_host=settings.webhooks.per_host,
                    max_age_s=settings.webhooks.max_age_s,
                ),
                timeout_s=settings.webhooks.timeout_s,
            )
        )
        trunks = Trunks(core=core, settings=settings.trunks, dice=random.SystemRandom().random)
        registrar = Registrar(core=core, clock=clock, store=BindingRows(store, clock=clock))
        addresses = MediaAddresses(
            clock=clock,
            fixed=settings.media.address,
            external=settings.sip.external_address,
            local_networks=settings.sip.local_networks,
        )
        recorders = Recorders(
            RecorderParts(
                connectors=connectors_of(settings),
                recording=RecordingParts(core=core, addresses=addresses, clock=clock, entropy=secrets.token_bytes),
                domain=own_host(settings, addresses),
            )
        )
        _tell_broken(recorders)
        streams = Streams(
            StreamParts(
                core=core,
                records=store,
                notifier=ledger,
                callbacks=outbox,
                sealed=rows,
                clock=clock,
                entropy=secrets.token_bytes,
                sign=partial(sign_stream, account.auth_token, sign_empty_path=settings.streams.sign_empty_path),
                account_sid=account.sid,
                policy=stream_policy(settings, status=status),
                recorders=recorders,
            )
        )
        exchange = Exchange(
            core=core,
            ledger=ledger,
            router=outside.router(
                numbers=settings.numbers,
                trunks=trunks,
                registrar=registrar,
                domain=own_host(settings, addresses),
            ),
            streams=streams,
            prompter=make_prompts(settings.voice, core.media, client),
            http=WebClient(client),
            webhooks=webhooks,
            callbacks=outbox,
            sealed=rows,
            addresses=addresses,
            codecs=settings.media.codecs,
            document_timeout_s=settings.webhooks.timeout_s,
            options=Options(allow_query=settings.streams.allow_query),
            transfers=TransferPolicy(by=settings.calls.transfer_by, to=settings.calls.transfer_to),
        )
        limits = CallLimits(
            max_calls=settings.calls.max_calls,
            time_limit_s=settings.calls.time_limit_s,
            drain_s=settings.calls.drain_s,
        )
        calls = Calls(exchange=exchange, flows=flows, trunks=trunks, limits=limits)
        await registrar.start()
        core.sip.set_admission(trunks=admissions(settings), users=users(settings))
        server = RunningServer(
            settings=settings,
            account=account,
            core=core,
            store=store,
            calls=calls,
            registrar=registrar,
            trunks=trunks,
            http_address=http.address,
            sip_addresses=tuple(core.sip.addresses()),
        )
        connectors = recorders.parts.connectors
        app = create_api(calls=calls, store=store, settings=settings, account=account, connectors=connectors)
        yield _Parts(server=server, streams=streams, recorders=recorders, outbox=outbox, http=http, app=app)


def _tell_broken(recorders: Recorders) -> None:
    for connector in recorders.parts.connectors:
        for why in connector.broken:
            log.error("connector.broken", connector=connector.name, reason=why)
        for recorder in connector.recorders:
            for note in recorder.notes:
                log.warning("connector.note", connector=connector.name, recorder=str(recorder), note=note)


def _stream_status(settings: StreamsSettings) -> StatusCallback | None:
    if settings.status_callback is None:
        return None
    try:
        url = WebhookUrl.parse(settings.status_callback.get_secret_value())
    except InvalidInput as error:
        raise ConfigurationError("streams.status_callback", error.rule) from None
    return StatusCallback(url=url, method=settings.status_callback_method)


def _last_words(rows: CallbackRows) -> Callable[[StreamRecord | CallRecord], CallbackRecord | None]:
    """What a killed process still owed: the end of each stream and each call."""
    of_stream, of_call = StreamLastWords(rows), CallLastWords(rows)
    return lambda ended: of_stream(ended) if isinstance(ended, StreamRecord) else of_call(ended)


def own_host(settings: Settings, addresses: MediaAddresses) -> str:
    """The host part of our own SIP addresses: how peers outside, or else on our network, see us."""
    if settings.sip.external_address is not None:
        return _bracketed(str(settings.sip.external_address))
    concrete = [address for address in settings.sip.listen if not address.is_wildcard]
    if concrete:
        return _bracketed(str(concrete[0].address))
    return _bracketed(addresses.default(version=settings.sip.listen[0].address.version))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@contextmanager
def unwrapped() -> Iterator[None]:
    """What passes several TaskGroups comes out in as many groups: one error alone comes out as itself."""
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        raise error from error.__cause__
