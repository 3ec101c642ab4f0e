"""Callbacks that wait to be sent: a row each, gone once the far server took it or it was given up."""

from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, and_, or_

from bridgetap.ids import AccountSid, CallSid, SiprecSid, StreamSid

from .kind import METADATA, Kind
from .reading import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackRecord:
    """One request to come. What it says and to whom is sealed: both may hold secrets."""

    id: str  # "LINE/PLACE"
    line: str  # a stream's or call's SID: what stands in one line is sent in its order
    place: int  # within the line
    token: str  # the same at every try, so that a receiver can tell a repeat
    sealed: str
    account_sid: AccountSid
    call_sid: CallSid
    stream_sid: StreamSid | SiprecSid | None = None
    created_ns: int


CALLBACKS = Kind(
    record=CallbackRecord,
    table=Table(
        "callbacks",
        METADATA,
        Column("id", Text, primary_key=True),
        Column("node", Text, nullable=False),
        Column("line", Text, nullable=False),
        Column("place", Integer, nullable=False),
        Column("token", Text, nullable=False),
        Column("sealed", Text, nullable=False),
        Column("account_sid", Text, nullable=False),
        Column("call_sid", Text, nullable=False),
        Column("stream_sid", Text),
        Column("created_ns", BigInteger, nullable=False),
        Index("ix_callbacks_node_created_ns", "node", "created_ns"),
    ),
)


class Callbacks(Reader[CallbackRecord]):
    """Queries over what waits."""

    async def left(self, node: str, *, limit: int, after: CallbackRecord | None = None) -> list[CallbackRecord]:
        """What this node still has to send, after that row: line by line, and each line in its order, which
        is that of its places. The clock may have been set back since the first of them."""
        table = CALLBACKS.table
        line, place = table.c.line, table.c.place
        found = table.select().where(table.c.node == node)
        if after is not None:
            found = found.where(or_(line > after.line, and_(line == after.line, place > after.place)))
        return await self.select(found.order_by(line, place).limit(limit))
