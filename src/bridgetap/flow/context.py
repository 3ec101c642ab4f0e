"""What templates can see of one execution: `trigger.*`, `flow.*`, `contact.*`, `widgets.*`.

A context never changes: each step makes a new one that shares what stayed the same, so a snapshot
per step costs one small dict.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from bridgetap.ids import ExecutionSid, FlowSid

from .events import CallStarted, RequestStarted, Trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """JSON-able throughout; nobody writes into these mappings."""

    trigger: Mapping[str, object]
    flow: Mapping[str, object]
    contact: Mapping[str, object]
    widgets: Mapping[str, Mapping[str, object]]

    @classmethod
    def empty(cls, *, execution_sid: ExecutionSid, flow_sid: FlowSid) -> Self:
        """Before anything has started."""
        flow: dict[str, object] = {"sid": execution_sid, "flow_sid": flow_sid, "variables": {}}
        return cls(trigger={}, flow=flow, contact={}, widgets={})

    @classmethod
    def start(cls, trigger: Trigger, *, execution_sid: ExecutionSid, flow_sid: FlowSid) -> Self:
        """The context of an execution's first step. `flow.sid` is the *execution* (spec/studio §5)."""
        data: Mapping[str, object] = {}
        if isinstance(trigger, CallStarted):
            fields: dict[str, object] = {"call": dict(trigger.call)}
            ours, theirs = trigger.call.get("To", ""), trigger.call.get("From", "")
        else:
            data = dict(trigger.parameters)
            fields = {"request": {"to": trigger.to, "from": trigger.from_, "parameters": data}}
            ours, theirs = trigger.from_, trigger.to
        return cls(
            trigger=fields,
            flow={
                "sid": execution_sid,
                "flow_sid": flow_sid,
                "channel": {"address": ours},
                "variables": {},
                "data": data,
            },
            contact={"channel": {"address": theirs}},
            widgets={},
        )

    @property
    def variables(self) -> Mapping[str, object]:
        """`flow.variables`."""
        found = self.flow["variables"]
        return found if isinstance(found, Mapping) else {}

    def with_variable(self, key: str, value: object) -> Self:
        """The same with `flow.variables.KEY` set."""
        return replace(self, flow={**self.flow, "variables": {**self.variables, key: value}})

    def with_widget(self, name: str, values: Mapping[str, object]) -> Self:
        """The same with `widgets.NAME` replaced."""
        return replace(self, widgets={**self.widgets, name: dict(values)})

    def lookup(self, *path: str) -> object:
        """The value at a path (`"trigger", "call", "From"`), or None."""
        found: object = self.to_json()
        for key in path:
            if not isinstance(found, Mapping) or key not in found:
                return None
            found = found[key]
        return found

    def to_json(self) -> dict[str, object]:
        """The four namespaces, as REST shows them (`/Context`)."""
        return {"trigger": self.trigger, "flow": self.flow, "contact": self.contact, "widgets": self.widgets}


def trigger_event(trigger: Trigger) -> str:
    """Which of the trigger widget's events starts the flow."""
    return "incomingRequest" if isinstance(trigger, RequestStarted) else "incomingCall"
