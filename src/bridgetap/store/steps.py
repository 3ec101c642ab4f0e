"""Steps: one row for each transition of an execution. History: never changed once written."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, Table, Text

from bridgetap.ids import AccountSid, ExecutionSid, FlowSid, StepSid

from .kind import METADATA, Kind
from .reading import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """One transition. `name` is the event that caused it (`incomingCall`, `next`, …)."""

    sid: StepSid
    account_sid: AccountSid
    flow_sid: FlowSid
    execution_sid: ExecutionSid
    parent_step_sid: StepSid | None = None
    index: int  # 0 for the first of its execution
    name: str
    transitioned_from: str
    transitioned_to: str
    widget_type: str = ""
    context: dict[str, Any] = field(default_factory=dict)
    created_ns: int


STEPS = Kind(
    record=StepRecord,
    history=True,
    table=Table(
        "steps",
        METADATA,
        Column("sid", Text, primary_key=True),
        Column("account_sid", Text, nullable=False),
        Column("flow_sid", Text, nullable=False),
        Column("execution_sid", Text, nullable=False),
        Column("parent_step_sid", Text),
        Column("index", Integer, nullable=False),
        Column("name", Text, nullable=False),
        Column("transitioned_from", Text, nullable=False),
        Column("transitioned_to", Text, nullable=False),
        Column("widget_type", Text, nullable=False),
        Column("context", JSON, nullable=False),
        Column("created_ns", BigInteger, nullable=False),
        Index("ix_steps_execution_sid_index", "execution_sid", "index"),
    ),
)


class Steps(Reader[StepRecord]):
    """Queries over steps."""

    async def of_execution(self, execution: ExecutionSid) -> list[StepRecord]:
        """An execution's steps in order."""
        table = STEPS.table
        found = table.select().where(table.c.execution_sid == execution).order_by(table.c.index)
        return await self.select(found)
