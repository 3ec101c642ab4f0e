"""Calls: one row each, from the first INVITE to the end."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from sqlalchemy import BigInteger, Column, Float, Index, Integer, Table, Text

from bridgetap.ids import AccountSid, CallSid, ExecutionSid

from .kind import METADATA, Kind
from .reading import Cut, Page, Reader

CallStatus: TypeAlias = Literal[
    "queued", "ringing", "in-progress", "completed", "busy", "failed", "no-answer", "canceled"
]
CallDirection: TypeAlias = Literal["inbound", "outbound-api", "outbound-dial"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """A call as it stands. Times are wall-clock nanoseconds."""

    sid: CallSid
    account_sid: AccountSid
    direction: CallDirection
    from_: str
    to: str
    status: CallStatus
    created_ns: int
    updated_ns: int
    parent_call_sid: CallSid | None = None
    caller_name: str | None = None
    forwarded_from: str | None = None
    trunk: str | None = None
    sip_call_id: str | None = None
    execution_sid: ExecutionSid | None = None
    started_ns: int | None = None  # the INVITE came or went
    answered_ns: int | None = None
    ended_ns: int | None = None
    sip_status: int | None = None  # of the final response, where there is one
    packets_received: int | None = None  # of the leg's audio; known once it is closed
    packets_sent: int | None = None
    packets_lost: int | None = None
    jitter_ms: float | None = None
    end_reason: str | None = None  # "hung-up", "bye", "crashed", …
    callback: str = ""  # whom its end is told to, sealed: the address may hold secrets

    @property
    def is_open(self) -> bool:
        return self.ended_ns is None

    @property
    def duration_s(self) -> int | None:
        """Seconds from the answer to the end; None while it lasts and where nobody answered."""
        if self.answered_ns is None or self.ended_ns is None:
            return None
        return max(0, round((self.ended_ns - self.answered_ns) / 1e9))


CALLS = Kind(
    record=CallRecord,
    table=Table(
        "calls",
        METADATA,
        Column("sid", Text, primary_key=True),
        Column("node", Text, nullable=False),
        Column("account_sid", Text, nullable=False),
        Column("parent_call_sid", Text, index=True),
        Column("direction", Text, nullable=False),
        Column("from_", Text, nullable=False),
        Column("to", Text, nullable=False),
        Column("status", Text, nullable=False),
        Column("caller_name", Text),
        Column("forwarded_from", Text),
        Column("trunk", Text),
        Column("sip_call_id", Text),
        Column("execution_sid", Text),
        Column("created_ns", BigInteger, nullable=False),
        Column("updated_ns", BigInteger, nullable=False),
        Column("started_ns", BigInteger),
        Column("answered_ns", BigInteger),
        Column("ended_ns", BigInteger),
        Column("sip_status", Integer),
        Column("packets_received", BigInteger),
        Column("packets_sent", BigInteger),
        Column("packets_lost", BigInteger),
        Column("jitter_ms", Float),
        Column("end_reason", Text),
        Column("callback", Text, nullable=False, server_default=""),
        Index("ix_calls_created_ns_sid", "created_ns", "sid"),
        Index("ix_calls_node_ended_ns", "node", "ended_ns"),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFilter:
    """What a listed call must be. Times: from (included) until (not included)."""

    to: str | None = None
    from_: str | None = None
    parent_call_sid: str | None = None
    status: str | None = None
    started_from_ns: int | None = None
    started_until_ns: int | None = None
    ended_from_ns: int | None = None
    ended_until_ns: int | None = None


class Calls(Reader[CallRecord]):
    """Queries over calls."""

    async def search(self, wanted: CallFilter, cut: Cut) -> Page[CallRecord]:
        table = CALLS.table
        statement = table.select()
        for name in ("to", "from_", "parent_call_sid", "status"):
            value = getattr(wanted, name)
            if value is not None:
                statement = statement.where(table.c[name] == value)
        for name in ("started", "ended"):
            column = table.c[f"{name}_ns"]
            after, before = getattr(wanted, f"{name}_from_ns"), getattr(wanted, f"{name}_until_ns")
            if after is not None:
                statement = statement.where(column >= after)
            if before is not None:
                statement = statement.where(column < before)
        return await self.page(statement, cut)
