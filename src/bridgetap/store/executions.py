"""Executions: one row for each run of a flow."""

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from bridgetap.ids import AccountSid, CallSid, ExecutionSid, FlowSid

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
