"""One state of a flow: its name, its widget, and where its events lead."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from .known_types import KNOWN_TYPES
from .properties import Properties, Report
from .template import Template
from .unsupported import Unsupported
from .widget import Condition, Registry, Transition, Widget

# spec/studio §3; their meaning stands in widgets/split_based_on.py
OPERATORS = (
    "equal_to", "not_equal_to", "matches_any_of", "does_not_match_any_of", "is_blank", "is_not_blank",
    "regex", "contains", "does_not_contain", "starts_with", "does_not_start_with",
    "less_than", "greater_than", "is_before_time", "is_after_time", "is_before_date", "is_after_date",
)  # fmt: skip
MATCH = "match"  # the one event that several transitions may carry


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A parsed state; `place` is where it stood (`states[3]`)."""

    name: str
    type: str
    place: str
    transitions: tuple[Transition, ...]
    widget: Widget
    needs_call: bool = False

    def transition(self, event: str) -> Transition | None:
        """The first transition of that event; a missing one is an unconnected one."""
        return next((found for found in self.transitions if found.event == event), None)


def parse_state(raw: object, *, place: str, names: frozenset[str], widgets: Registry, report: Report) -> State | None:
    """Read one state; None when so much is missing that it cannot be one."""
    if not isinstance(raw, Mapping):
        report.error(place, raw, "must be an object with name, type, transitions and properties")
        return None
    report.unknown_keys(place, raw, ("name", "type", "transitions", "properties"))
    name, kind = raw.get("name"), raw.get("type")
    if not isinstance(name, str) or not name:
        report.error(f"{place}.name", name, "must be a non-empty string")
        return None
    if not isinstance(kind, str) or kind not in KNOWN_TYPES:
        near = get_close_matches(kind, KNOWN_TYPES, n=1) if isinstance(kind, str) else []
        report.error(f"{place}.type", kind, "no such widget type" + (f"; did you mean {near[0]!r}?" if near else ""))
        return None
    found = widgets.get(kind)
    events = found.events if found else ()
    transitions = _transitions(raw.get("transitions"), f"{place}.transitions", events, names, report)
    reader = Properties(_properties(raw, kind, place, report), place=f"{place}.properties", report=report)
    _check_offset(reader, report)
    if found is None:
        report.warn(f"{place}.type", kind, "this widget is not supported yet; a call that reaches it ends there")
        return State(name=name, type=kind, place=place, transitions=transitions, widget=Unsupported(kind))
    widget = found.parse(reader, transitions)
    reader.finish()
    return State(name=name, type=kind, place=place, transitions=transitions, widget=widget, needs_call=found.needs_call)


def _properties(raw: Mapping[str, object], kind: str, place: str, report: Report) -> Mapping[str, object]:
    properties = raw.get("properties")
    if isinstance(properties, Mapping):
        return properties
    if properties is not None or kind != "trigger":  # hand-written triggers often have none
        report.refuse(f"{place}.properties", properties, "must be an object")
    return {}


def _check_offset(reader: Properties, report: Report) -> None:
    """Canvas only; negative and missing ones are common, so this can only warn."""
    offset = reader.raw.get("offset")
    if offset is None:
        return
    if not isinstance(offset, Mapping) or any(
        isinstance(value, bool) or not isinstance(value, (int, float)) for value in offset.values()
    ):
        report.warn(reader.at("offset"), offset, "must be {x, y} in whole numbers; the canvas ignores it")


def _transitions(
    raw: object, place: str, events: tuple[str, ...], names: frozenset[str], report: Report
) -> tuple[Transition, ...]:
    if raw is None:
        return ()
    if not isinstance(raw, list):
        report.error(place, raw, "must be a list of {event, next}")
        return ()
    found: list[Transition] = []
    for index, entry in enumerate(raw):
        at = f"{place}[{index}]"
        if not isinstance(entry, Mapping):
            report.error(at, entry, "must be an object with event and next")
            continue
        for key in entry:
            if key not in ("event", "next", "conditions"):
                report.warn(f"{at}.{key}", entry[key], "unknown key")
        event = entry.get("event")
        if not isinstance(event, str) or not event:
            report.error(f"{at}.event", event, "must be a non-empty string")
            continue
        if events and event not in events:
            report.warn(f"{at}.event", event, f"this widget never fires it; it fires {', '.join(events)}")
        if event != MATCH and any(other.event == event for other in found):
            report.warn(f"{at}.event", event, "a second transition of this event; only the first is taken")
        conditions = _conditions(entry.get("conditions"), event, at, report)
        found.append(Transition(event=event, next=_next(entry, at, names, report), conditions=conditions))
    return tuple(found)


def _next(entry: Mapping[str, object], at: str, names: frozenset[str], report: Report) -> str | None:
    """Absent, null and "" all end the path."""
    target = entry.get("next")
    if target is None or target == "":
        return None
    if not isinstance(target, str) or target not in names:
        near = get_close_matches(target, names, n=1) if isinstance(target, str) else []
        hint = f"; did you mean {near[0]!r}?" if near else ""
        report.error(f"{at}.next", target, f"no state has this name{hint}")
        return None
    return target


def _conditions(raw: object, event: str, at: str, report: Report) -> tuple[Condition, ...]:
    if raw is None or raw == []:
        if event == MATCH:
            report.refuse(f"{at}.conditions", raw, "a match needs a condition; without one it never matches")
        return ()
    if not isinstance(raw, list):
        report.error(f"{at}.conditions", raw, "must be a list of conditions")
        return ()
    parsed = (_condition(entry, f"{at}.conditions[{index}]", report) for index, entry in enumerate(raw))
    return tuple(condition for condition in parsed if condition is not None)


def _condition(raw: object, place: str, report: Report) -> Condition | None:
    if not isinstance(raw, Mapping):
        report.error(place, raw, "must be an object with friendly_name, arguments, type and value")
        return None
    reader = Properties(raw, place=place, report=report)
    for key in ("friendly_name", "arguments", "type", "value"):
        if key not in raw:
            report.refuse(reader.at(key), None, "is required")
    operator = raw.get("type")
    if operator not in OPERATORS:
        near = get_close_matches(operator, OPERATORS, n=1) if isinstance(operator, str) else []
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(OPERATORS)}"
        report.error(reader.at("type"), operator, f"no such operator; {hint}")
        return None
    arguments = raw.get("arguments") or []
    if not isinstance(arguments, list) or not all(isinstance(argument, str) for argument in arguments):
        report.error(reader.at("arguments"), arguments, "must be a list of strings")
        return None
    reader.accept("type", "arguments")
    name = reader.text("friendly_name")
    value = reader.text("value")
    reader.finish()
    argument = Template.parse(arguments[0]) if arguments else None
    return Condition(operator=str(operator), value=value, argument=argument, friendly_name=name.source)
