"""Builds definitions in one line, for tests of the engine and of widgets."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from bridgetap.flow import Definition, Execution, Options
from bridgetap.ids import ExecutionSid, FlowSid
from bridgetap.widgets import WIDGETS

Body = dict[str, Any]


def state(name: str, kind: str, properties: Mapping[str, object] | None = None, **leads: object) -> Body:
    """`state("say_1", "say-play", {"say": "Hi"}, audioComplete="say_2")`."""
    transitions = [{"event": event, "next": target} if target else {"event": event} for event, target in leads.items()]
    return {"name": name, "type": kind, "transitions": transitions, "properties": dict(properties or {})}


def flow(*states: Body, trigger: Mapping[str, object] | None = None) -> Body:
    """A definition whose trigger leads to the first state."""
    first = states[0]["name"] if states else None
    leads = trigger if trigger is not None else {"incomingCall": first, "incomingRequest": first}
    return {
        "description": "a test",
        "states": [state("Trigger", "trigger", **leads), *states],
        "initial_state": "Trigger",
        "flags": {"allow_concurrent_calls": True},
    }


def parse(body: object, *, strict: bool = True) -> Definition:
    return Definition.parse(body, widgets=WIDGETS, strict=strict)  # type: ignore[arg-type]


def execute(*states: Body, strict: bool = True, options: Options | None = None) -> Execution:
    return Execution(
        parse(flow(*states), strict=strict),
        execution_sid=ExecutionSid("FN" + "0" * 32),
        flow_sid=FlowSid("FW" + "0" * 32),
        options=options,
    )


@pytest.fixture(name="state")
def _state() -> Callable[..., Body]:
    return state


@pytest.fixture(name="flow")
def _flow() -> Callable[..., Body]:
    return flow


@pytest.fixture(name="parse")
def _parse() -> Callable[..., Definition]:
    return parse


@pytest.fixture(name="execute")
def _execute() -> Callable[..., Execution]:
    return execute
