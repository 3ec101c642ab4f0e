"""At the start: what a killed process of this node left open is ended, with the reason `crashed`."""

from sqlalchemy import case, func, literal, select, update

from .calls import CALLS
from .database import Database
from .executions import EXECUTIONS
from .nodes import NODES
from .streams import STREAMS

CRASHED = "crashed"


async def close_crashed(database: Database, *, node: str, now_ns: int) -> dict[str, int]:
    """How many of each kind were closed. They ended when the node last said that it lived, or when
    they last changed, whichever was later."""
    closed: dict[str, int] = {}
    async with database.transaction() as connection:
        seen = await connection.scalar(select(NODES.table.c.seen_ns).where(NODES.table.c.node == node))
        for kind in (CALLS, EXECUTIONS, STREAMS):
            table = kind.table
            died = case((table.c.updated_ns > literal(seen or 0), table.c.updated_ns), else_=literal(seen or 0))
            values = {"ended_ns": died, "end_reason": CRASHED, "updated_ns": now_ns}
            if kind is CALLS:
                values["status"] = case((table.c.answered_ns.is_not(None), "completed"), else_="failed")
            ours = (table.c.node == node, table.c.ended_ns.is_(None))
            count = await connection.scalar(select(func.count()).select_from(table).where(*ours))
            if count:
                await connection.execute(update(table).where(*ours).values(values))
            closed[table.name] = count or 0
    return closed
