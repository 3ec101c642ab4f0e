"""Executions: one row for each run of a flow."""

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, Table, Text

from bridgetap.ids import AccountSid, CallSid, ExecutionSid, FlowSid

from .kind import METADATA, Kind
from .reading import Reader

InitiatedBy: TypeAlias = Literal["call", "api", "parent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionRecord:
    """A run of a flow as it stands."""

    sid: ExecutionSid
    account_sid: AccountSid
    flow_sid: FlowSid
    flow_name: str
    flow_version: int = 1
    call_sid: CallSid | None = None
    contact_channel_address: str = ""
    initiated_by: InitiatedBy = "call"
    context: dict[str, Any] = field(default_factory=dict)
    created_ns: int
    updated_ns: int
    ended_ns: int | None = None
    end_reason: str | None = None

    @property
    def is_open(self) -> bool:
        return self.ended_ns is None


EXECUTIONS = Kind(
    record=ExecutionRecord,
    table=Table(
        "executions",
        METADATA,
        Column("sid", Text, primary_key=True),
        Column("node", Text, nullable=False),
        Column("account_sid", Text, nullable=False),
        Column("flow_sid", Text, nullable=False),
        Column("flow_name", Text, nullable=False),
        Column("flow_version", Integer, nullable=False),
        Column("call_sid", Text, index=True),
        Column("contact_channel_address", Text, nullable=False),
        Column("initiated_by", Text, nullable=False),
        Column("context", JSON, nullable=False),
        Column("created_ns", BigInteger, nullable=False),
        Column("updated_ns", BigInteger, nullable=False),
        Column("ended_ns", BigInteger),
        Column("end_reason", Text),
        Index("ix_executions_flow_sid_created_ns", "flow_sid", "created_ns"),
        Index("ix_executions_node_ended_ns", "node", "ended_ns"),
    ),
)


class Executions(Reader[ExecutionRecord]):
    """Queries over executions."""

    async def of_call(self, call: CallSid) -> list[ExecutionRecord]:
        """A call's executions, oldest first."""
        table = EXECUTIONS.table
        return await self.select(table.select().where(table.c.call_sid == call).order_by(table.c.created_ns))
