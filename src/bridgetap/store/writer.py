"""The one task that writes: records come in at once and go to the disk in batches.

A record waits at most 50 ms, or until 200 wait. Newer versions of a waiting record replace it, so
the queue holds each record once. It is bounded by `capacity`:

* what opens (a call, a stream, an execution) is refused with `StoreFull` while what is open and
  what waits fill the queue: so the end of whatever has begun always finds a place;
* history (steps, notifications) is dropped and counted from half of that on.

A database that fails is tried again for as long as it takes; a record it will never take is
logged and left out.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, TypeAlias

import structlog
from sqlalchemy import ColumnElement, Connection, Executable, Table, and_, delete, insert
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError, StatementError

from .database import Database, reason
from .errors import StoreFull, StoreRefused, StoreUnavailable
from .kind import Key, Kind

log = structlog.get_logger(__name__)

CAPACITY = 20_000
ROWS = 200
INTERVAL_S = 0.05
RETRY_S = (0.05, 0.2, 1.0, 5.0)  # the pause before each next try; the last one for ever
PATIENCE_S = 10.0

NEVER = (IntegrityError, DataError)  # these say that it is the row, not the database
NO_VALUE = (TypeError, ValueError, OverflowError)  # it cannot become a column; SQLite's driver raises them bare
DATA_EXCEPTION = "22"  # the class of PostgreSQL's SQLSTATEs that say so


@dataclass(frozen=True, slots=True, kw_only=True)
class Upsert:
    """Write one record over what is there."""

    kind: Kind[Any]
    record: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Replace:
    """Write these rows instead of those that `where` finds. In its transaction it goes ahead of what is
    upserted: `where` must find nothing that may be put with it under another key."""

    table: Table
    where: ColumnElement[bool]
    rows: tuple[dict[str, Any], ...]


Write: TypeAlias = Upsert | Replace


@dataclass(slots=True)
class _Batch:
    writes: dict[Key, Write] = field(default_factory=dict)
    refused: dict[Key, str] = field(default_factory=dict)
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Writer:
    """Takes records and returns at once; `run` writes them."""

    def __init__(
        self,
        database: Database,
        *,
        node: str,
        capacity: int = CAPACITY,
        rows: int = ROWS,
        interval_s: float = INTERVAL_S,
    ) -> None:
        self._database = database
        self._node = node
        self._capacity = capacity
        self._rows = rows
        self._interval_s = interval_s
        self._pending = _Batch()
        self._writing: _Batch | None = None
        self._open: dict[Key, Any] = {}
        self._work = asyncio.Event()
        self._hurry = asyncio.Event()
        self._closing = False
        self._upserts: dict[str, Executable] = {}
        self.healthy = True
        self.dropped = 0

    # -- in --

    def put(self, kind: Kind[Any], record: Any) -> Key:
        """Write `record` soon. Raises `StoreFull` for what is new and does not fit."""
        key = kind.key(record)
        if key not in self._pending.writes and key not in self._open:
            waiting = self.waiting
            if kind.history:
                if waiting >= self._capacity // 2:
                    self.dropped += 1
                    if self.dropped == 1:
                        log.error("store.history_dropped", kind=kind.table.name, waiting=waiting)
                    return key
            elif len(self._open) + waiting >= self._capacity:
                raise StoreFull(self._capacity)
        if kind.is_open(record):
            self._open[key] = record
        else:
            self._open.pop(key, None)
        self._add(key, Upsert(kind=kind, record=record))
        return key

    def replace(self, key: Key, write: Replace) -> None:
        """Write `write` soon; a waiting one under the same key is forgotten."""
        self._add(key, write)

    async def commit(self, kind: Kind[Any], record: Any, *, timeout_s: float = PATIENCE_S) -> None:
        """Return when `record` is committed. Raises `StoreFull`, `StoreUnavailable`, `StoreRefused`."""
        key = self.put(kind, record)
        batch = self._pending
        await self._wait(batch, f"{kind.table.name} {key[-1]}", timeout_s)
        if key in batch.refused:
            if self._open.get(key) is record:  # nothing begins, so no end of it will come
                del self._open[key]
            raise StoreRefused(f"{kind.table.name} {key[-1]}", batch.refused[key])

    def remove(self, kind: Kind[Any], record: Any) -> None:
        """Take the row of `record` out soon; a version of it that waits is not written any more."""
        key = kind.key(record)
        self._open.pop(key, None)
        where = [column == getattr(record, column.key) for column in kind.table.primary_key]
        self._add(key, Replace(table=kind.table, where=and_(*where), rows=()))

    async def settled(self) -> None:
        """Return when all that was put until now is committed: without hurry, and however long it takes."""
        batch = self._pending if self._pending.writes else self._writing
        if batch is not None:
            await batch.done.wait()

    async def flush(self, *, timeout_s: float = PATIENCE_S) -> None:
        """Return when all that was put until now is committed."""
        if self._pending.writes:
            await self._wait(self._pending, "what waits", timeout_s)
        elif self._writing is not None:
            await self._wait(self._writing, "what waits", timeout_s)

    def open_record(self, kind: Kind[Any], *key: str) -> Any | None:
        """The newest version of a record that has not ended."""
        return self._open.get((kind.table.name, *key))

    @property
    def has_open(self) -> bool:
        return bool(self._open)

    @property
    def waiting(self) -> int:
        """How many records are not yet on the disk."""
        return len(self._pending.writes) + (len(self._writing.writes) if self._writing is not None else 0)

    def close(self) -> None:
        """Let `run` return once nothing waits any more."""
        self._closing = True
        self._work.set()
        self._hurry.set()

    # -- out --

    async def run(self) -> None:
        """Write until `close`."""
        while True:
            await self._work.wait()
            if not self._pending.writes:
                if self._closing:
                    return
                self._work.clear()
                continue
            await self._gather()
            batch, self._pending = self._pending, _Batch()
            self._writing = batch
            for chunk in _chunks(batch.writes, self._rows):
                await self._write(chunk, batch)
            self._writing = None
            batch.done.set()

    def _add(self, key: Key, write: Write) -> None:
        self._pending.writes.pop(key, None)  # the newest goes last: no row is committed before one put ahead of it
        self._pending.writes[key] = write
        self._work.set()
        if len(self._pending.writes) >= self._rows:
            self._hurry.set()

    async def _wait(self, batch: _Batch, what: str, timeout_s: float) -> None:
        self._hurry.set()
        try:
            async with asyncio.timeout(timeout_s):
                await batch.done.wait()
        except TimeoutError:
            raise StoreUnavailable(what, timeout_s) from None

    async def _gather(self) -> None:
        """Wait for company: until the interval is over, a batch is full or somebody waits for it."""
        try:
            async with asyncio.timeout(self._interval_s):
                await self._hurry.wait()
        except TimeoutError:
            pass
        if not self._closing:
            self._hurry.clear()

    async def _write(self, chunk: Sequence[tuple[Key, Write]], batch: _Batch) -> None:
        """One transaction, tried until it is taken; row by row where the rows are at fault."""
        attempt = 0
        while True:
            try:
                await self._database.write(partial(self._execute, [write for _, write in chunk]))
            except (SQLAlchemyError, OSError, *NO_VALUE) as error:
                if _is_the_rows_fault(error):
                    await self._refuse_or_split(chunk, batch, reason(error))
                    return
                if self.healthy:
                    log.error("store.unavailable", error=reason(error), waiting=self.waiting)
                self.healthy = False
                await asyncio.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
                attempt += 1
            else:
                if not self.healthy:
                    log.info("store.available", waiting=self.waiting)
                self.healthy = True
                return

    async def _refuse_or_split(self, chunk: Sequence[tuple[Key, Write]], batch: _Batch, why: str) -> None:
        if len(chunk) == 1:
            key, _ = chunk[0]
            batch.refused[key] = why
            log.error("store.row_refused", kind=key[0], key=key[-1], error=why)
            return
        for one in chunk:
            await self._write([one], batch)

    def _execute(self, writes: Sequence[Write], connection: Connection) -> None:
        """May run on the database's own thread: the loop's side touches nothing of this meanwhile."""
        rows: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for write in writes:
            match write:
                case Upsert():
                    rows[self._upsert(write.kind)].append(write.kind.row(write.record, self._node))
                case Replace():
                    connection.execute(delete(write.table).where(write.where))
                    if write.rows:
                        connection.execute(insert(write.table), write.rows)
        for name, values in rows.items():
            connection.execute(self._upserts[name], values)

    def _upsert(self, kind: Kind[Any]) -> str:
        name = kind.table.name
        if name not in self._upserts:
            self._upserts[name] = kind.upsert(self._database.engine.dialect)
        return name


def _is_the_rows_fault(error: Exception) -> bool:
    """A value that cannot become a column, or that the schema forbids; drivers say it in several ways."""
    if isinstance(error, (*NEVER, *NO_VALUE)):
        return True
    if not isinstance(error, StatementError) or error.orig is None:
        return False
    if str(getattr(error.orig, "sqlstate", "")).startswith(DATA_EXCEPTION):
        return True
    return isinstance(error.orig, NO_VALUE) or isinstance(error.orig.__cause__, NO_VALUE)


def _chunks(writes: dict[Key, Write], size: int) -> Iterator[list[tuple[Key, Write]]]:
    items = iter(writes.items())
    while chunk := list(islice(items, size)):
        yield chunk
