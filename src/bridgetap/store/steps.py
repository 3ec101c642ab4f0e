"""Steps: one row for each transition of an execution. History: never changed once written."""

from dataclasses import dataclass, field
from typing import Any

from bridgetap.ids import AccountSid, ExecutionSid, FlowSid, StepSid


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
