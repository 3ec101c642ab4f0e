"""Split Based On: compares a text and leaves by the first transition that matches.

Transitions are tried top to bottom; every condition of one must hold. A condition tests its own
argument where it has one, else the widget's input (spec/studio §3).
"""

from dataclasses import dataclass

from bridgetap.flow.events import Event
from bridgetap.flow.properties import Properties
from bridgetap.flow.state import MATCH
from bridgetap.flow.template import Template
from bridgetap.flow.widget import Condition, Done, Transition, Turn, Visit, WidgetType

from .operators import OPERATORS, regex_problem

NO_MATCH = "noMatch"
NO_BRANCH = 81005


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitBasedOn:
    input: Template
    matches: tuple[Transition, ...]
    otherwise: bool  # noMatch leads somewhere

    def enter(self, visit: Visit) -> Turn:
        tested = visit.render(self.input)
        for transition in self.matches:
            conditions = transition.conditions
            if conditions and all(self._holds(condition, tested, visit) for condition in conditions):
                return Done(event=MATCH, transition=transition)
        if not self.otherwise:
            visit.log("warning", NO_BRANCH, "no condition matched, and noMatch leads nowhere")
        return Done(event=NO_MATCH)

    def handle(self, event: Event, visit: Visit) -> Turn | None:
        return None

    def _holds(self, condition: Condition, tested: str, visit: Visit) -> bool:
        argument = condition.argument
        if argument is not None and argument.source != self.input.source:
            tested = visit.render(argument)
        value = visit.render(condition.value)
        if condition.operator == "regex" and (problem := regex_problem(value)):
            visit.log("warning", NO_BRANCH, f"{value[:80]!r}: {problem}")
            return False
        return OPERATORS[condition.operator](tested, value, visit.options.case_sensitive)


def parse(properties: Properties, transitions: tuple[Transition, ...]) -> SplitBasedOn:
    for index, transition in enumerate(transitions):
        for number, condition in enumerate(transition.conditions):
            place = f"{properties.place.removesuffix('.properties')}.transitions[{index}].conditions[{number}]"
            _check(condition, place, properties)
    return SplitBasedOn(
        input=properties.text("input", required=True),
        matches=tuple(transition for transition in transitions if transition.event == MATCH),
        otherwise=any(transition.event == NO_MATCH and transition.next for transition in transitions),
    )


TYPE = WidgetType(type="split-based-on", events=(NO_MATCH, MATCH), parse=parse)


def _check(condition: Condition, place: str, properties: Properties) -> None:
    value = condition.value
    if condition.operator == "regex" and value.literal and (problem := regex_problem(value.source)):
        properties.report.refuse(f"{place}.value", value.source, problem)
    if condition.argument is not None and condition.argument.error:
        properties.report.refuse(
            f"{place}.arguments[0]", condition.argument.source, f"{condition.argument.error}; it renders empty (81018)"
        )
