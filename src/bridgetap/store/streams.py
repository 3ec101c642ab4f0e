"""Streams: one row each, committed before the handshake, closed with reason and totals."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from sqlalchemy import JSON, BigInteger, Column, Float, Index, Integer, Table, Text, or_

from bridgetap.ids import AccountSid, CallSid, SiprecSid, StreamSid

from .kind import METADATA, Kind
from .reading import Cut, Page, Reader

StreamTransport: TypeAlias = Literal["websocket", "siprec"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRecord:
    """A fork as it stands. Parameter values stay out: they may be secrets."""

    sid: StreamSid | SiprecSid
    account_sid: AccountSid
    call_sid: CallSid
    name: str
    transport: StreamTransport
    url: str  # without a query
    connector: str = ""
    tracks: tuple[str, ...]
    parameter_names: tuple[str, ...] = ()
    callback: str = ""  # whom its life is told to, sealed: the address may hold secrets
    created_ns: int
    updated_ns: int
    opened_ns: int | None = None  # the far end answered 101
    connect_ms: float | None = None
    ended_ns: int | None = None
    end_reason: str | None = None  # "stopped", "call-ended", "remote-closed", "failed", "crashed"
    code: int | None = None
    detail: str = ""
    close_code: int | None = None
    frames_sent: int = 0
    ms_sent: int = 0
    ms_dropped: int = 0
    ms_repaired: int = 0
    lag_max_ms: int = 0
    reconnects: int = 0
    ms_replayed: int = 0
    ms_missing: int = 0  # told to the far end as a gap
    latency_p50_us: int = 0
    latency_p99_us: int = 0

    @property
    def is_open(self) -> bool:
        return self.ended_ns is None


STREAMS = Kind(
    record=StreamRecord,
    table=Table(
        "streams",
        METADATA,
        Column("sid", Text, primary_key=True),
        Column("node", Text, nullable=False),
        Column("account_sid", Text, nullable=False),
        Column("call_sid", Text, nullable=False, index=True),
        Column("name", Text, nullable=False),
        Column("transport", Text, nullable=False),
        Column("url", Text, nullable=False),
        Column("connector", Text, nullable=False),
        Column("tracks", JSON, nullable=False),
        Column("parameter_names", JSON, nullable=False),
        Column("callback", Text, nullable=False, server_default=""),
        Column("created_ns", BigInteger, nullable=False),
        Column("updated_ns", BigInteger, nullable=False),
        Column("opened_ns", BigInteger),
        Column("connect_ms", Float),
        Column("ended_ns", BigInteger),
        Column("end_reason", Text),
        Column("code", Integer),
        Column("detail", Text, nullable=False),
        Column("close_code", Integer),
        Column("frames_sent", BigInteger, nullable=False),
        Column("ms_sent", BigInteger, nullable=False),
        Column("ms_dropped", BigInteger, nullable=False),
        Column("ms_repaired", BigInteger, nullable=False),
        Column("lag_max_ms", BigInteger, nullable=False),
        Column("reconnects", Integer, nullable=False, server_default="0"),
        Column("ms_replayed", BigInteger, nullable=False, server_default="0"),
        Column("ms_missing", BigInteger, nullable=False, server_default="0"),
        Column("latency_p50_us", BigInteger, nullable=False),
        Column("latency_p99_us", BigInteger, nullable=False),
        Index("ix_streams_node_ended_ns", "node", "ended_ns"),
    ),
)


class Streams(Reader[StreamRecord]):
    """Queries over streams."""

    async def of_call(self, call: CallSid) -> list[StreamRecord]:
        """A call's streams, oldest first."""
        table = STREAMS.table
        return await self.select(table.select().where(table.c.call_sid == call).order_by(table.c.created_ns))

    async def page_of_call(self, call: CallSid, cut: Cut, *, transport: StreamTransport) -> Page[StreamRecord]:
        """A call's streams of that type, newest first."""
        table = STREAMS.table
        return await self.page(table.select().where(table.c.call_sid == call, table.c.transport == transport), cut)

    async def named(self, call: CallSid, name: str, *, transport: StreamTransport) -> StreamRecord | None:
        """A call's stream of that type by its SID, or the newest of that name."""
        table = STREAMS.table
        found = table.select().where(
            table.c.call_sid == call, table.c.transport == transport, or_(table.c.sid == name, table.c.name == name)
        )
        return await self.one(found.order_by(table.c.created_ns.desc(), table.c.sid.desc()).limit(1))
