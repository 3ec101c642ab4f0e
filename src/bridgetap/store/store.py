"""The store as the rest of the server sees it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog

from bridgetap.clock import Clock
from bridgetap.ids import CallSid

from .callbacks import CALLBACKS, CallbackRecord, Callbacks
from .calls import CALLS, CallRecord, Calls
from .crashed import LastWords, close_crashed
from .database import Database, open_database
from .documents import DOCUMENTS, DocumentRecord, Documents
from .errors import StoreError, StoreRefused
from .executions import EXECUTIONS, ExecutionRecord, Executions
from .forgotten import Forgotten
from .kind import Kind
from .nodes import NODES, NodeRecord
from .notifications import NOTIFICATIONS, NotificationRecord, Notifications
from .registrations import REGISTRATIONS, RegistrationRecord, Registrations
from .steps import STEPS, StepRecord, Steps
from .streams import STREAMS, StreamRecord, Streams
from .writer import CAPACITY, INTERVAL_S, PATIENCE_S, ROWS, Replace, Writer

log = structlog.get_logger(__name__)

HEARTBEAT_S = 5.0
CLOSE_S = 5.0

AnyRecord = (
    CallbackRecord | CallRecord | ExecutionRecord | StepRecord | DocumentRecord | StreamRecord | NotificationRecord
)


@asynccontextmanager
async def open_store(
    url: str,
    *,
    node: str,
    clock: Clock,
    last_words: LastWords = lambda _: None,
    capacity: int = CAPACITY,
    rows: int = ROWS,
    interval_s: float = INTERVAL_S,
) -> AsyncIterator["Store"]:
    """Open the database, bring its schema up to date, close what a killed process left open, and write
    until the block is left. `url` is an SQLAlchemy URL with an asyncio driver (`StoreSettings.url` is one).
    `last_words` says what is still to be told of a stream or a call that a killed process left open."""
    async with open_database(url, node=node) as database:
        crashed = await close_crashed(database, node=node, now_ns=clock.now_ns(), last_words=last_words)
        if any(crashed.values()):
            log.warning("store.closed_crashed", **crashed)
        writer = Writer(database, node=node, capacity=capacity, rows=rows, interval_s=interval_s)
        store = Store(database=database, writer=writer, node=node, clock=clock)
        async with asyncio.TaskGroup() as tasks:
            written = tasks.create_task(writer.run())
            heart = tasks.create_task(store.beat())
            try:
                yield store
            finally:
                heart.cancel()
                writer.close()
                _, late = await asyncio.wait([written], timeout=CLOSE_S)
                if late:
                    log.error("store.closed_behind", waiting=writer.waiting)
                    written.cancel()


class Store:
    """Put records, read them back. Made by `open_store`."""

    def __init__(self, *, database: Database, writer: Writer, node: str, clock: Clock) -> None:
        self._database = database
        self._writer = writer
        self._clock = clock
        self._forgotten = Forgotten()
        self.node = node
        self.calls = Calls(CALLS, database, writer)
        self.executions = Executions(EXECUTIONS, database, writer)
        self.steps = Steps(STEPS, database, writer)
        self.documents = Documents(DOCUMENTS, database, writer)
        self.streams = Streams(STREAMS, database, writer)
        self.notifications = Notifications(NOTIFICATIONS, database, writer)
        self.callbacks = Callbacks(CALLBACKS, database, writer)
        self.registrations = Registrations(REGISTRATIONS, database, writer)

    def put(self, record: AnyRecord) -> None:
        """Keep this version of a record. Returns at once; written within 50 ms where all is well.

        Raises `StoreFull` for a record that is new, when too much is open or waiting.
        """
        kind = _kind(record)
        if not self._forgotten.holds(record):
            self._writer.put(kind, record)
        elif not kind.history:
            self._writer.remove(kind, record)

    async def commit_now(self, record: AnyRecord, *, timeout_s: float = PATIENCE_S) -> None:
        """Keep this version, and return when it would survive a killed process.

        Raises `StoreFull`, `StoreUnavailable` (it stays queued) or `StoreRefused`.
        """
        kind = _kind(record)
        if self._forgotten.holds(record):
            raise StoreRefused(kind.table.name, "its call was forgotten")
        await self._writer.commit(kind, record, timeout_s=timeout_s)

    def remove(self, record: CallbackRecord) -> None:
        """Take out what is done with. Returns at once."""
        self._writer.remove(CALLBACKS, record)

    async def settled(self) -> None:
        """Return when all that was put until now is committed, however long that takes."""
        await self._writer.settled()

    async def callbacks_left(self, *, limit: int, after: CallbackRecord | None = None) -> list[CallbackRecord]:
        """What this node still has to send, line by line, each in its order; `after` that row."""
        return await self.callbacks.left(self.node, limit=limit, after=after)

    async def flush(self, *, timeout_s: float = PATIENCE_S) -> None:
        """Return when all that was put until now is committed."""
        await self._writer.flush(timeout_s=timeout_s)

    async def forget_call(self, sid: CallSid) -> None:
        """Take out a call and all that was written down of it, and write nothing more of it: its streams may
        end later. Of the parties that it dialled, each is a call of its own."""
        executions = tuple(execution.sid for execution in await self.executions.of_call(sid))
        self._forgotten.add(sid, executions)
        try:
            await self.flush()
        except StoreError:
            self._forgotten.discard(sid)
            raise
        for table, where in (
            (STEPS.table, STEPS.table.c.execution_sid.in_(executions)),
            (EXECUTIONS.table, EXECUTIONS.table.c.call_sid == sid),
            (DOCUMENTS.table, DOCUMENTS.table.c.call_sid == sid),
            (STREAMS.table, STREAMS.table.c.call_sid == sid),
            (CALLBACKS.table, CALLBACKS.table.c.call_sid == sid),
            (NOTIFICATIONS.table, NOTIFICATIONS.table.c.call_sid == sid),
            (CALLS.table, CALLS.table.c.sid == sid),
        ):
            self._writer.replace((table.name, "of call", sid), Replace(table=table, where=where, rows=()))
        await self.flush()

    def put_registrations(self, username: str, bindings: Sequence[RegistrationRecord]) -> None:
        """Keep these bindings of a user, and no others."""
        self.registrations.replace(username, bindings, node=self.node)

    @property
    def healthy(self) -> bool:
        """Whether the database took the last batch."""
        return self._writer.healthy

    def gauges(self) -> dict[str, float]:
        """Figures for `/metrics`."""
        return {"store_waiting": self._writer.waiting, "store_history_dropped_total": self._writer.dropped}

    async def beat(self) -> None:
        """Note from time to time that this node lives, while it has something open: should it be killed,
        its calls are closed with the time at which it last lived."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            if self._writer.has_open:
                self.note_alive()

    def note_alive(self) -> None:
        """Write down that this node lives now."""
        self._writer.put(NODES, NodeRecord(node=self.node, seen_ns=self._clock.now_ns()))


_KINDS: dict[type[Any], Kind[Any]] = {
    kind.record: kind for kind in (CALLBACKS, CALLS, EXECUTIONS, STEPS, DOCUMENTS, STREAMS, NOTIFICATIONS)
}


def _kind(record: AnyRecord) -> Kind[Any]:
    return _KINDS[type(record)]
