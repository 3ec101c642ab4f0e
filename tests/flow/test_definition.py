"""Definitions as people publish them, and every problem with its place, value and rule."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridgetap.errors import InvalidDefinition, Problem
from bridgetap.flow import Definition
from bridgetap.flow.known_types import KNOWN_TYPES
from bridgetap.flow.state import OPERATORS
from bridgetap.widgets import WIDGETS

Body = dict[str, Any]
SAY = {"name": "say", "type": "say-play", "transitions": [{"event": "audioComplete"}], "properties": {"say": "Hi"}}
TRIGGER = {"name": "Trigger", "type": "trigger", "transitions": [{"event": "incomingCall", "next": "say"}]}
BODY: Body = {"states": [TRIGGER, SAY], "initial_state": "Trigger"}


def changed(path: str, value: object) -> Body:
    """`BODY` with one thing set: `states.1.name`."""
    body = copy.deepcopy(BODY)
    *parents, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    spot: Any = body
    for key in parents:
        spot = spot[key]
    spot[last] = value
    return body


def problems(source: object, *, strict: bool = True) -> list[Problem]:
    """All that is said of a definition, warnings too."""
    try:
        return list(Definition.parse(source, widgets=WIDGETS, strict=strict).warnings)  # type: ignore[arg-type]
    except InvalidDefinition as refused:
        return refused.problems


def test_a_minimal_definition_parses_with_hardly_any_keys() -> None:
    definition = Definition.parse(BODY, widgets=WIDGETS, strict=True)
    assert definition.warnings == ()
    assert list(definition.states) == ["Trigger", "say"]
    assert definition.allow_concurrent_calls
    assert definition.description == ""
    assert definition.state("say").place == "states[1]"


@pytest.mark.parametrize("target", [{}, {"next": None}, {"next": ""}])
def test_an_unconnected_event_is_absent_null_or_empty(target: Body) -> None:
    body = changed("states.1.transitions.0", {"event": "audioComplete", **target})
    definition = Definition.parse(body, widgets=WIDGETS)
    transition = definition.state("say").transition("audioComplete")
    assert transition is not None
    assert transition.next is None


def test_wrappers_are_taken_off() -> None:
    texts = [
        json.dumps({"sid": "FW1", "friendlyName": "x", "definition": BODY}),
        json.dumps({"definition": json.dumps(BODY)}),
        json.dumps({"flow": 1, "definition": {"definition": json.dumps(BODY)}}),
    ]
    for text in texts:
        assert Definition.parse(text, widgets=WIDGETS, strict=True).initial_state == "Trigger"


def test_bytes_with_a_mark_in_front_are_read() -> None:
    assert Definition.parse(b"\xef\xbb\xbf" + json.dumps(BODY).encode(), widgets=WIDGETS).initial_state == "Trigger"


def test_the_source_keeps_every_key_in_its_order() -> None:
    text = (
        '{"zeta": 1, "initial_state": "T", "states": [{"transitions": [{"next": null, "event": "incomingCall"}],'
        ' "type": "trigger", "note": "x", "name": "T",'
        ' "properties": {"offset": {"y": -5, "x": -130.5}, "b": 1, "a": 2}}]}'
    )
    definition = Definition.parse(text, widgets=WIDGETS)
    assert json.dumps(definition.source) == json.dumps(json.loads(text))


BAD: list[tuple[Body, str, object, str]] = [
    # the definition, the place, the value, a word of the rule
    ({}, "states", None, "list"),
    (changed("states", []), "states", [], "at least one"),
    (changed("states", {"a": 1}), "states", {"a": 1}, "list"),
    (changed("states", [SAY]), "states", ["say-play"], "trigger"),
    (changed("states", [TRIGGER, SAY] + [SAY] * 2000), "states", 2002, "2000"),
    (changed("initial_state", "Tirgger"), "initial_state", "Tirgger", "no state"),
    (changed("initial_state", None), "initial_state", None, "name"),
    (changed("initial_state", "say"), "initial_state", "say", "trigger"),
    (changed("states.1", "say"), "states[1]", "say", "object"),
    (changed("states.1.name", ""), "states[1].name", "", "non-empty"),
    (changed("states.1.name", 5), "states[1].name", 5, "string"),
    (changed("states", [TRIGGER, SAY, SAY]), "states[2].name", "say", "states[1]"),
    (changed("states", [TRIGGER, SAY, {**TRIGGER, "name": "T2"}]), "states[2].type", "trigger", "second"),
    (changed("states.1.type", "say-paly"), "states[1].type", "say-paly", "'say-play'"),
    (changed("states.1.type", None), "states[1].type", None, "type"),
    (changed("states.1.transitions", {}), "states[1].transitions", {}, "list"),
    (changed("states.1.transitions", ["x"]), "states[1].transitions[0]", "x", "object"),
    (changed("states.1.transitions.0.event", ""), "states[1].transitions[0].event", "", "non-empty"),
    (changed("states.1.transitions.0.next", "sai"), "states[1].transitions[0].next", "sai", "'say'"),
    (changed("states.1.transitions.0.next", 7), "states[1].transitions[0].next", 7, "no state"),
    (changed("states.1.transitions.0.conditions", "x"), "states[1].transitions[0].conditions", "x", "list"),
    (changed("states.1.transitions.0.conditions", [5]), "states[1].transitions[0].conditions[0]", 5, "object"),
    (changed("states.1.properties.say", {"a": 1}), "states[1].properties.say", {"a": 1}, "string"),
]


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(("body", "place", "value", "word"), BAD, ids=[row[1] for row in BAD])
def test_what_cannot_be_run_is_refused(body: Body, place: str, value: object, word: str, strict: bool) -> None:
    with pytest.raises(InvalidDefinition) as caught:
        Definition.parse(body, widgets=WIDGETS, strict=strict)
    assert caught.value.code == 81022
    found = {problem.place: problem for problem in caught.value.problems if not problem.warning}
    assert found[place].value == value
    assert word in found[place].rule


STUDIO_REFUSES: list[tuple[Body, str, object]] = [
    (changed("extra", 1), "extra", 1),
    (changed("initialState", "x"), "initialState", "x"),
    (changed("states.1.note", "x"), "states[1].note", "x"),
    (changed("states.1.properties", None), "states[1].properties", None),
    (changed("states.1.properties.sayy", "x"), "states[1].properties.sayy", "x"),
    (changed("states.1.properties.say", 5), "states[1].properties.say", 5),
    (changed("states.1.properties.loop", "5"), "states[1].properties.loop", "5"),
    (changed("states.1.properties.loop", 100), "states[1].properties.loop", 100),
    (changed("states.1.properties.loop", True), "states[1].properties.loop", True),
    (changed("states.1.properties.play", "a.wav"), "states[1].properties", ["say", "play"]),
    (changed("states.1.properties.say", "{{ bad"), "states[1].properties.say", "{{ bad"),
    (changed("flags", []), "flags", []),
    (changed("flags", {}), "flags.allow_concurrent_calls", None),
    (changed("flags", {"allow_concurrent_calls": "true"}), "flags.allow_concurrent_calls", "true"),
    (changed("flags", {"allow_concurrent_calls": True, "x": 1}), "flags.x", 1),
    (changed("description", 5), "description", 5),
    (changed("$schema", "https://example.com"), "$schema", "https://example.com"),
]


@pytest.mark.parametrize(("body", "place", "value"), STUDIO_REFUSES, ids=[row[1] for row in STUDIO_REFUSES])
def test_what_studio_refuses_is_refused_strictly_and_only_warned_of_otherwise(
    body: Body, place: str, value: object
) -> None:
    with pytest.raises(InvalidDefinition) as caught:
        Definition.parse(body, widgets=WIDGETS, strict=True)
    assert (place, value) in [(problem.place, problem.value) for problem in caught.value.problems]
    lenient = Definition.parse(body, widgets=WIDGETS)
    assert (place, value) in [(warning.place, warning.value) for warning in lenient.warnings]


def test_an_unknown_key_names_the_nearest_known_one() -> None:
    assert "'say'" in problems(changed("states.1.properties.sya", "x"))[0].rule


WARNED: list[tuple[Body, str]] = [
    (changed("states.1.transitions.0", {"event": "audioCompleted"}), "states[1].transitions[0].event"),
    (changed("states.1.transitions.0", {"event": "audioComplete", "name": "x"}), "states[1].transitions[0].name"),
    (changed("states.1.transitions", [{"event": "audioComplete"}] * 2), "states[1].transitions[1].event"),
    (changed("states.1.properties.offset", {"x": "left"}), "states[1].properties.offset"),
    (changed("states.1.properties.offset", 5), "states[1].properties.offset"),
    (changed("states.0.transitions", []), "states[0].transitions"),
    (changed("states.1.type", "send-to-flex"), "states[1].type"),
]


@pytest.mark.parametrize(("body", "place"), WARNED, ids=[row[1] for row in WARNED])
def test_what_is_odd_but_legal_is_only_warned_of(body: Body, place: str) -> None:
    assert place in [warning.place for warning in Definition.parse(body, widgets=WIDGETS, strict=True).warnings]


def test_every_problem_is_told_at_once() -> None:
    body = changed("initial_state", "nobody")
    body["states"][1] |= {"type": "nothing"}
    body["states"][0]["transitions"].append({"event": "incomingMessage", "next": "nowhere"})
    assert [problem.place for problem in problems(body)] == [
        "states[0].transitions[1].next",
        "states[1].type",
        "initial_state",
    ]


@pytest.mark.parametrize(
    ("text", "place", "word"),
    [
        ('{\n  "states" 1\n}', "line 2 column 12", "broken JSON"),
        ("", "line 1 column 1", "broken JSON"),
        ("{'a': 1}", "line 1 column 2", "broken JSON"),
        ('{"states": NaN}', "", "NaN"),
        ("[" * 100_000, "", "deep"),
        ('{"a": ' + "9" * 5000 + "}", "", "broken JSON"),
        ("[]", "", "object"),
        ('"text"', "", "object"),
        (b"\xff{}", "byte 1", "UTF-8"),
        ('{"states": ["\\ud800"]}', "", "surrogate"),
        ('{"definition": "{"}', "definition.line 1 column 2", "broken JSON"),
        ('{"definition": 5}', "definition", "object"),
    ],
)
def test_what_is_no_json_object_is_told_where(text: str | bytes, place: str, word: str) -> None:
    (problem,) = problems(text)
    assert problem.place == place
    assert word in problem.rule


def test_a_place_inside_a_wrapper_says_so() -> None:
    body = {"definition": changed("states.1.type", "nothing")}
    assert [problem.place for problem in problems(body)] == ["definition.states[1].type"]


@pytest.mark.parametrize("kind", sorted(KNOWN_TYPES - set(WIDGETS)))
def test_a_real_type_without_a_widget_parses(kind: str) -> None:
    body = changed("states.1", {"name": "say", "type": kind, "transitions": [], "properties": {"any": ["thing"]}})
    (warning,) = Definition.parse(body, widgets=WIDGETS, strict=True).warnings
    assert (warning.place, warning.value) == ("states[1].type", kind)
    assert "not supported" in warning.rule


CONDITION = {"friendly_name": "x", "type": "equal_to", "arguments": ["{{a}}"], "value": "1"}


@pytest.mark.parametrize(
    ("change", "place", "lenient_too"),
    [
        ({"type": "equals"}, "type", True),
        ({"type": None}, "type", True),
        ({"arguments": "{{a}}"}, "arguments", True),
        ({"arguments": [5]}, "arguments", True),
        ({"value": {}}, "value", True),
        ({"value": 5}, "value", False),
        ({"extra": 5}, "extra", False),
        ({"value": "{{ bad"}, "value", False),
    ],
)
def test_a_bad_condition(change: Body, place: str, lenient_too: bool) -> None:
    split = {
        "name": "say",
        "type": "split-based-on",
        "transitions": [{"event": "match", "conditions": [{**CONDITION, **change}]}],
        "properties": {"input": "{{a}}"},
    }
    where = f"states[1].transitions[0].conditions[0].{place}"
    for strict in (True, False):
        found = [problem for problem in problems(changed("states.1", split), strict=strict) if problem.place == where]
        assert [problem.warning for problem in found] == [not (strict or lenient_too)]


@pytest.mark.parametrize("missing", sorted(CONDITION))
def test_a_condition_needs_all_four_keys(missing: str) -> None:
    condition = {key: value for key, value in CONDITION.items() if key != missing}
    transitions = [{"event": "match", "conditions": [condition]}]
    split = {"name": "say", "type": "split-based-on", "transitions": transitions, "properties": {"input": "x"}}
    places = [problem.place for problem in problems(changed("states.1", split))]
    assert f"states[1].transitions[0].conditions[0].{missing}" in places


def test_there_are_seventeen_operators() -> None:
    assert len(set(OPERATORS)) == 17


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
SPOTS = st.sampled_from(
    [
        *("description", "states", "initial_state", "flags", "$schema", "definition"),
        *("states.0", "states.1", "states.1.name", "states.1.type", "states.1.transitions", "states.1.properties"),
        *("states.1.transitions.0", "states.1.transitions.0.next", "states.1.transitions.0.conditions"),
        *("states.1.properties.say", "states.1.properties.loop", "states.1.properties.offset"),
    ]
)


@given(SPOTS, JSON, st.booleans())
def test_anything_anywhere_parses_or_is_refused(spot: str, value: object, strict: bool) -> None:
    for problem in problems(changed(spot, value), strict=strict):
        assert problem.rule
        assert str(problem)


@given(st.text() | st.binary() | JSON.map(json.dumps))
def test_any_text_parses_or_is_refused(text: str | bytes) -> None:
    assert problems(text)


def test_the_example_is_clean() -> None:
    text = (Path(__file__).parents[2] / "examples/fork-stream.json").read_bytes()
    definition = Definition.parse(text, widgets=WIDGETS, strict=True)
    assert definition.warnings == ()
    assert [state.type for state in definition.states.values()] == [
        "trigger",
        "fork-stream",
        "connect-call-to",
        "fork-stream",
    ]
