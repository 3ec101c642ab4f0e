"""Set Variables: renders values, one after the other, into `flow.variables`."""

from dataclasses import dataclass

from bridgetap.flow.events import Event
from bridgetap.flow.json_text import parse_json
from bridgetap.flow.properties import Properties
from bridgetap.flow.template import Template
from bridgetap.flow.widget import Done, Transition, Turn, Visit, WidgetType

NEXT = "next"
TYPE_PARSE_FAILED = 81027
KINDS = ("string", "object")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A literal, case-sensitive key; `as_object`: its text is JSON, kept as what it says."""

    key: str
    value: Template
    as_object: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SetVariables:
    variables: tuple[Variable, ...]

    def enter(self, visit: Visit) -> Turn:
        values: dict[str, object] = {}
        for variable in self.variables:
            text = visit.render(variable.value)
            values[variable.key] = _object(text, variable.key, visit) if variable.as_object else text
            visit.set_variable(variable.key, values[variable.key])  # the next one may read it
        return Done(event=NEXT, variables=values)

    def handle(self, event: Event, visit: Visit) -> Turn | None:
        return None


def parse(properties: Properties, transitions: tuple[Transition, ...]) -> SetVariables:
    pairs = properties.pairs("variables", kinds=KINDS)
    return SetVariables(
        variables=tuple(
            Variable(key=pair.key, value=pair.value, as_object=pair.kind == "object") for pair in pairs if pair.key
        )
    )


TYPE = WidgetType(type="set-variables", events=(NEXT,), parse=parse)


def _object(text: str, key: str, visit: Visit) -> object:
    """The JSON in the text; the text itself, with 81027, where there is none."""
    try:
        return parse_json(text)
    except ValueError as error:
        visit.log("warning", TYPE_PARSE_FAILED, f"variable {key!r} is not JSON: {error}")
        return text
