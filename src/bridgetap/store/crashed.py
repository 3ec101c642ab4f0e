"""At the start: what a killed process of this node left open is ended, with the reason `crashed`."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias, TypeVar

from sqlalchemy import case, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from .callbacks import CALLBACKS, CallbackRecord
from .calls import CALLS, CallRecord
from .database import Database
from .executions import EXECUTIONS
from .kind import Kind
from .nodes import NODES
from .streams import STREAMS, StreamRecord

CRASHED = "crashed"

# What is still to be told of the end of a stream, or of a call.
LastWords: TypeAlias = Callable[[StreamRecord | CallRecord], CallbackRecord | None]


async def close_crashed(database: Database, *, node: str, now_ns: int, last_words: LastWords) -> dict[str, int]:
    """How many of each kind were closed. They ended when the node last said that it lived, or when
    they last changed, whichever was later. Who wants to hear of an end has it in the
    callbacks, in the same transaction: told once, whatever happens here."""
    closed: dict[str, int] = {}
    async with database.transaction() as connection:
        seen = await connection.scalar(select(NODES.table.c.seen_ns).where(NODES.table.c.node == node)) or 0
        await _tell(connection, node, seen, last_words)
        for kind in (CALLS, EXECUTIONS, STREAMS):
            table = kind.table
            died = case((table.c.updated_ns > literal(seen), table.c.updated_ns), else_=literal(seen))
            values = {"ended_ns": died, "end_reason": CRASHED, "updated_ns": now_ns}
            if kind is CALLS:
                values["status"] = case((table.c.answered_ns.is_not(None), "completed"), else_="failed")
            ours = (table.c.node == node, table.c.ended_ns.is_(None))
            count = await connection.scalar(select(func.count()).select_from(table).where(*ours))
            if count:
                await connection.execute(update(table).where(*ours).values(values))
            closed[table.name] = count or 0
    return closed


async def _tell(connection: AsyncConnection, node: str, seen_ns: int, last_words: LastWords) -> None:
    ends: list[StreamRecord | CallRecord] = [*await _open(connection, STREAMS, node, seen_ns)]
    for call in await _open(connection, CALLS, node, seen_ns):
        ends.append(replace(call, status="completed" if call.answered_ns is not None else "failed"))  # noqa: PERF401
    rows = [CALLBACKS.row(words, node) for end in ends if (words := last_words(end)) is not None]
    if rows:
        await connection.execute(CALLBACKS.insert_new(connection.dialect), rows)


R = TypeVar("R", StreamRecord, CallRecord)


async def _open(connection: AsyncConnection, kind: Kind[R], node: str, seen_ns: int) -> list[R]:
    """Those whose end somebody wants to hear of, as they ended."""
    table = kind.table
    wanted = (table.c.node == node, table.c.ended_ns.is_(None), table.c.callback != "")
    found = (await connection.execute(table.select().where(*wanted))).mappings().all()
    return [
        replace(record, ended_ns=max(seen_ns, record.updated_ns), end_reason=CRASHED)
        for record in map(kind.read, found)
    ]
