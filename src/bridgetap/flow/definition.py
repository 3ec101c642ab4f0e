"""A flow definition, parsed: inside, every transition leads somewhere and every widget is readable.

What people publish is looser than the schema (spec/studio §1–§3): keys in any order, missing ones,
REST wrappers, definitions that are JSON texts inside JSON. All of that parses; what cannot be run is
refused with every problem named by place, value and rule (81022).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

from bridgetap.errors import InvalidDefinition, Problem

from .json_text import check_text, parse_json
from .properties import Properties, Report
from .state import State, parse_state
from .widget import Registry

TRIGGER = "trigger"
MOST_STATES = 2000  # the product's limit; the schema says 1000
SCHEMA = "https://schemas.twilio.com/studio/draft/2019-09/flow-definition"


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """`source` is what was read, every key and its order kept: write that back, not this."""

    source: Mapping[str, object]
    description: str
    initial_state: str
    allow_concurrent_calls: bool
    states: Mapping[str, State]
    warnings: tuple[Problem, ...]

    @classmethod
    def parse(cls, source: str | bytes | Mapping[str, object], *, widgets: Registry, strict: bool = False) -> Self:
        """Raise `InvalidDefinition` with every problem. Strict refuses what Studio would refuse;
        otherwise what can be run anyway is only warned of."""
        report = Report(strict=strict)
        place, body = _unwrap(_checked(source) if isinstance(source, Mapping) else _read(source))
        states = _states(body, place, widgets, report)
        initial = _initial(body, place, states, report)
        allow = _envelope(body, place, report)
        problems = [problem for problem in report.problems if not problem.warning]
        if problems:
            raise InvalidDefinition(problems + [problem for problem in report.problems if problem.warning])
        return cls(
            source=body,
            description=str(body.get("description") or ""),
            initial_state=initial,
            allow_concurrent_calls=allow,
            states=MappingProxyType({state.name: state for state in states}),
            warnings=tuple(report.problems),
        )

    def state(self, name: str) -> State:
        """The state of that name; parsing made sure that every transition names one."""
        return self.states[name]


def _read(source: str | bytes) -> Mapping[str, object]:
    """JSON to an object, with the line and column of what is wrong."""
    try:
        text = source.decode("utf-8-sig") if isinstance(source, bytes) else source.removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise _refused(f"byte {error.start + 1}", source[error.start : error.end], "must be UTF-8") from None
    try:
        body = parse_json(text)
    except json.JSONDecodeError as error:
        near = text[error.pos : error.pos + 20]
        raise _refused(f"line {error.lineno} column {error.colno}", near, f"broken JSON: {error.msg}") from None
    except ValueError as error:
        raise _refused("", text[:20], f"broken JSON: {error}") from None
    return _object("", body)


def _checked(source: Mapping[str, object]) -> Mapping[str, object]:
    """What another part of the program parsed: it must be JSON all the same."""
    try:
        check_text(source)
    except ValueError as error:
        raise _refused("", type(source).__name__, str(error)) from None
    return source


def _unwrap(body: Mapping[str, object]) -> tuple[str, Mapping[str, object]]:
    """Take the definition out of a REST resource, or out of a JSON text inside it."""
    place = ""
    for _ in range(MOST_WRAPPERS):
        if "states" in body or "definition" not in body:
            break
        place += "definition."
        inner = body["definition"]
        if isinstance(inner, str):
            try:
                inner = _read(inner)
            except InvalidDefinition as error:
                first = error.problems[0]
                raise _refused(f"{place}{first.place}", first.value, first.rule) from None
        body = _object(place.rstrip("."), inner)
    return place, body


def _states(body: Mapping[str, object], place: str, widgets: Registry, report: Report) -> list[State]:
    raw = body.get("states")
    if not isinstance(raw, list) or not raw:
        report.error(f"{place}states", raw, "must be a list of at least one state")
        return []
    if len(raw) > MOST_STATES:
        report.error(f"{place}states", len(raw), f"must be at most {MOST_STATES} states")
        return []
    if len(raw) > MOST_STATES // 2:
        report.warn(f"{place}states", len(raw), f"more than {MOST_STATES // 2} states")
    names = [state.get("name") if isinstance(state, Mapping) else None for state in raw]
    first: dict[object, int] = {}
    for index, name in enumerate(names):
        if isinstance(name, str) and first.setdefault(name, index) != index:
            report.error(f"{place}states[{index}].name", name, f"already used by states[{first[name]}]")
    known = frozenset(name for name in names if isinstance(name, str))
    parsed = (
        parse_state(state, place=f"{place}states[{index}]", names=known, widgets=widgets, report=report)
        for index, state in enumerate(raw)
    )
    return [state for state in parsed if state is not None]


def _initial(body: Mapping[str, object], place: str, states: list[State], report: Report) -> str:
    triggers = [state for state in states if state.type == TRIGGER]
    if states and not triggers:
        report.error(f"{place}states", [state.type for state in states][:10], "no state of type trigger")
    for extra in triggers[1:]:
        report.error(f"{extra.place}.type", TRIGGER, f"a second trigger; {triggers[0].name!r} is one already")
    if triggers and all(transition.next is None for transition in triggers[0].transitions):
        report.warn(f"{triggers[0].place}.transitions", [], "no event of the trigger leads anywhere")
    name = body.get("initial_state")
    if not isinstance(name, str) or not name:
        report.error(f"{place}initial_state", name, "must be the name of the trigger")
        return ""
    found = next((state for state in states if state.name == name), None)
    if found is None:
        report.error(f"{place}initial_state", name, "no state has this name")
    elif found.type != TRIGGER and triggers:
        report.error(f"{place}initial_state", name, f"must be the trigger, {triggers[0].name!r}")
    return name


def _envelope(body: Mapping[str, object], place: str, report: Report) -> bool:
    """The keys beside the states; returns `allow_concurrent_calls`."""
    report.unknown_keys(place.rstrip("."), body, ("$schema", "description", "states", "initial_state", "flags"))
    if body.get("$schema") not in (None, SCHEMA):
        report.refuse(f"{place}$schema", body["$schema"], f"must be {SCHEMA}")
    if not isinstance(body.get("description", ""), str):
        report.refuse(f"{place}description", body["description"], "must be a string")
    flags = body.get("flags")
    if flags is None:
        return True
    if not isinstance(flags, Mapping):
        report.refuse(f"{place}flags", flags, "must be an object")
        return True
    reader = Properties(flags, place=f"{place}flags", report=report)
    if "allow_concurrent_calls" not in flags:
        report.refuse(reader.at("allow_concurrent_calls"), None, "is required inside flags")
    allow = reader.boolean("allow_concurrent_calls", default=True)
    reader.finish()
    return allow


def _object(place: str, value: object) -> Mapping[str, object]:
    if isinstance(value, Mapping):
        return value
    raise _refused(place, value if isinstance(value, (str, int)) else type(value).__name__, "must be an object")


def _refused(place: str, value: object, rule: str) -> InvalidDefinition:
    return InvalidDefinition([Problem(place=place, value=value, rule=rule)])


MOST_WRAPPERS = 3
