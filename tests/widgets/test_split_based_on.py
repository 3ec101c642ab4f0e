"""Split Based On: which of several transitions is taken."""

from collections.abc import Callable
from typing import Any

import pytest

from bridgetap.flow.template import Template
from bridgetap.flow.widget import Condition, Done, Transition

Bench = Callable[..., Any]


def condition(operator: str, value: str, argument: str | None = None) -> Condition:
    tested = None if argument is None else Template.parse(argument)
    return Condition(operator=operator, value=Template.parse(value), argument=tested)


def match(target: str, *conditions: Condition) -> Transition:
    return Transition(event="match", next=target, conditions=conditions)


NO_MATCH = Transition(event="noMatch", next="else")
INPUT = {"input": "{{flow.variables.answer}}"}


def taken(widget: Any) -> str | None:
    turn, logs = widget.enter()
    assert isinstance(turn, Done)
    assert logs == []
    assert turn.variables is None  # the widget leaves no variables
    return turn.transition.next if turn.transition else turn.event


def test_the_first_match_from_the_top_wins(bench: Bench) -> None:
    transitions = (
        NO_MATCH,
        match("a", condition("equal_to", "1")),
        match("b", condition("contains", "1")),
        match("c", condition("contains", "1")),
    )
    split = bench("split-based-on", INPUT, transitions=transitions, variables={"answer": "21"})
    assert taken(split) == "b"


def test_nothing_matching_is_no_match(bench: Bench) -> None:
    split = bench("split-based-on", INPUT, transitions=(NO_MATCH, match("a", condition("equal_to", "1"))))
    assert taken(split) == "noMatch"


def test_a_condition_tests_its_own_argument_where_it_has_one(bench: Bench) -> None:
    transitions = (NO_MATCH, match("a", condition("equal_to", "SAN JOSE", "{{trigger.call.FromCity}}")))
    assert taken(bench("split-based-on", INPUT, transitions=transitions)) == "a"


def test_every_condition_of_a_transition_must_hold(bench: Bench) -> None:
    transitions = (
        NO_MATCH,
        match("both", condition("greater_than", "1"), condition("less_than", "5")),
        match("none"),  # without a condition it never matches
    )
    for answer, target in (("3", "both"), ("7", "noMatch"), ("0", "noMatch")):
        split = bench("split-based-on", INPUT, transitions=transitions, variables={"answer": answer})
        assert taken(split) == target


def test_values_are_templates(bench: Bench) -> None:
    transitions = (NO_MATCH, match("a", condition("equal_to", "{{flow.variables.wanted}}")))
    split = bench("split-based-on", INPUT, transitions=transitions, variables={"answer": "x", "wanted": "X"})
    assert taken(split) == "a"


def test_case_is_a_switch_of_the_operator(bench: Bench) -> None:
    transitions = (NO_MATCH, match("a", condition("equal_to", "yes")))
    arguments = {"transitions": transitions, "variables": {"answer": "YES"}}
    assert taken(bench("split-based-on", INPUT, **arguments)) == "a"
    assert taken(bench("split-based-on", INPUT, case_sensitive=True, **arguments)) == "noMatch"


def test_no_match_that_leads_nowhere_is_warned_of(bench: Bench) -> None:
    turn, (log,) = bench("split-based-on", INPUT, transitions=(Transition(event="noMatch"),)).enter()
    assert turn.event == "noMatch"
    assert (log.level, log.code) == ("warning", 81005)


def test_a_rendered_pattern_that_cannot_be_used_is_named_and_does_not_match(bench: Bench) -> None:
    transitions = (NO_MATCH, match("a", condition("regex", "{{flow.variables.pattern}}")))
    turn, (log,) = bench("split-based-on", INPUT, transitions=transitions, variables={"pattern": "["}).enter()
    assert turn.event == "noMatch"
    assert "regular expression" in log.message


@pytest.mark.parametrize(
    ("bad", "place"),
    [
        (condition("regex", "["), "conditions[1].value"),
        (condition("equal_to", "x", "{{ bad"), "conditions[1].arguments[0]"),
    ],
)
def test_validation(bench: Bench, bad: Condition, place: str) -> None:
    split = bench("split-based-on", INPUT, transitions=(NO_MATCH, match("a", condition("is_blank", "x"), bad)))
    assert [problem.place for problem in split.errors] == [f"states[1].transitions[1].{place}"]


def test_the_input_is_required(bench: Bench) -> None:
    assert [problem.place for problem in bench("split-based-on", {}).errors] == ["states[1].properties.input"]
