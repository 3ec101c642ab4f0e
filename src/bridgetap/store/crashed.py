"""At the start: what a killed process of this node left open is ended, with the reason `crashed`."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from sqlalchemy import case, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from .callbacks import CALLBACKS, CallbackRecord
from .calls import CALLS
from .database import Database
from .executions import EXECUTIONS
from .nodes import NODES
from .streams import STREAMS, StreamRecord

CRASHED = "crashed"

LastWords: TypeAlias = Callable[[StreamRecord], CallbackRecord | None]  # what is still to be told of a stream's end


async def close_crashed(database: Database, *, node: str, now_ns: int, last_words: LastWords) -> dict[str, int]:
    """How many of each kind were closed. They ended when the node last said that it lived, or when
    they last changed, whichever was later. Who wants to hear of a stream's end has it in the
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
    table = STREAMS.table
    wanted = (table.c.node == node, table.c.ended_ns.is_(None), table.c.callback != "")
    found = (await connection.execute(table.select().where(*wanted))).mappings().all()
    rows = []
    for stream in map(STREAMS.read, found):
        words = last_words(replace(stream, ended_ns=max(seen_ns, stream.updated_ns), end_reason=CRASHED))
        if words is not None:
            rows.append(CALLBACKS.row(words, node))
    if rows:
        await connection.execute(CALLBACKS.insert_new(connection.dialect), rows)
