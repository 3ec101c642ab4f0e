"""Visits a single widget: its properties in, its turn and its log lines out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bridgetap.errors import Problem
from bridgetap.flow.context import Context
from bridgetap.flow.effects import Log
from bridgetap.flow.events import CallStarted, Event
from bridgetap.flow.liquid_date import RenderClock
from bridgetap.flow.properties import Properties, Report
from bridgetap.flow.widget import Options, Transition, Turn, Visit, Widget
from bridgetap.ids import ExecutionSid, FlowSid
from bridgetap.widgets import WIDGETS

CALL = {"From": "+15551230001", "To": "+15551230000", "CallSid": "CA1", "FromCity": "SAN JOSE"}


@dataclass
class Bench:
    """One widget under test."""

    widget: Widget
    problems: Sequence[Problem]
    context: Context
    options: Options
    call_live: bool = True

    def enter(self) -> tuple[Turn, Sequence[Log]]:
        visit = self._visit()
        turn = self.widget.enter(visit)
        self.context = visit.context
        return turn, visit.logs

    def handle(self, event: Event) -> tuple[Turn | None, Sequence[Log]]:
        visit = self._visit()
        turn = self.widget.handle(event, visit)
        self.context = visit.context
        return turn, visit.logs

    @property
    def errors(self) -> Sequence[Problem]:
        return [problem for problem in self.problems if not problem.warning]

    @property
    def warnings(self) -> Sequence[Problem]:
        return [problem for problem in self.problems if problem.warning]

    def _visit(self) -> Visit:
        return Visit(
            name="it",
            place="states[1]",
            context=self.context,
            clock=RenderClock(now_ns=0, zone=ZoneInfo("America/Los_Angeles")),
            options=self.options,
            trigger="incomingCall",
            call_live=self.call_live,
        )


def bench(
    kind: str,
    properties: Mapping[str, object] | None = None,
    *,
    transitions: tuple[Transition, ...] = (),
    variables: Mapping[str, object] | None = None,
    strict: bool = True,
    call_live: bool = True,
    **options: Any,
) -> Bench:
    report = Report(strict=strict)
    reader = Properties(dict(properties or {}), place="states[1].properties", report=report)
    widget = WIDGETS[kind].parse(reader, transitions)
    reader.finish()
    context = Context.start(
        CallStarted(call=CALL), execution_sid=ExecutionSid("FN" + "1" * 32), flow_sid=FlowSid("FW" + "2" * 32)
    )
    for key, value in (variables or {}).items():
        context = context.with_variable(key, value)
    return Bench(
        widget=widget,
        problems=report.problems,
        context=context,
        options=replace(Options(), **options),
        call_live=call_live,
    )


@pytest.fixture(name="bench")
def _bench() -> Callable[..., Bench]:
    return bench
