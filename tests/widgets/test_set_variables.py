"""Set Variables: rendered one after the other, kept in two places."""

from collections.abc import Callable
from typing import Any

import pytest

from bridgetap.flow.widget import Done

Bench = Callable[..., Any]


def test_values_land_in_the_flow_and_in_the_widget(bench: Bench) -> None:
    widget = bench("set-variables", {"variables": [{"key": "city", "value": "{{trigger.call.FromCity}}"}]})
    assert widget.enter() == (Done(event="next", variables={"city": "SAN JOSE"}), [])
    assert widget.context.variables == {"city": "SAN JOSE"}
    assert widget.problems == []


def test_a_value_may_use_the_one_before_it_and_its_own_old_self(bench: Bench) -> None:
    variables = [
        {"key": "n", "value": "{{ flow.variables.n | plus: 1 }}"},
        {"key": "twice", "value": "{{ flow.variables.n | times: 2 }}"},
    ]
    widget = bench("set-variables", {"variables": variables}, variables={"n": "4", "kept": "x"})
    widget.enter()
    assert widget.context.variables == {"n": "5", "kept": "x", "twice": "10"}


def test_whitespace_and_case_are_kept(bench: Bench) -> None:
    variables = [{"key": "Key", "value": " a\n{% if true %}\nb{% endif %} "}, {"key": "key", "value": ""}]
    widget = bench("set-variables", {"variables": variables})
    widget.enter()
    assert widget.context.variables == {"Key": " a\n\nb ", "key": ""}


def test_newer_exports_carry_a_type_and_an_index(bench: Bench) -> None:
    variables = [
        {"key": "a", "value": "1", "type": "string", "index": "0"},
        {"key": "b", "value": '{"n": [1, null]}', "type": "object", "index": "1"},
        {"key": "c", "value": "{{flow.variables.b.n[0]}}", "type": "string"},
    ]
    widget = bench("set-variables", {"variables": variables})
    _, logs = widget.enter()
    assert widget.problems == []
    assert logs == []
    assert widget.context.variables == {"a": "1", "b": {"n": [1, None]}, "c": "1"}


@pytest.mark.parametrize("value", ["{", "", "NaN", '"\\ud800"', "[" * 5000])
def test_an_object_that_is_no_json_stays_text_with_a_warning(bench: Bench, value: str) -> None:
    widget = bench("set-variables", {"variables": [{"key": "o", "value": value, "type": "object"}]})
    turn, (log,) = widget.enter()
    assert turn.event == "next"
    assert widget.context.variables == {"o": value}
    assert (log.level, log.code) == ("warning", 81027)


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ({}, "variables"),
        (["x"], "variables[0]"),
        ([{"value": "x"}], "variables[0].key"),
        ([{"key": "", "value": "x"}], "variables[0].key"),
        ([{"key": "a", "value": {}}], "variables[0].value"),
        ([{"key": "a", "value": 5}], "variables[0].value"),
        ([{"key": "a", "value": "{{ x"}], "variables[0].value"),
        ([{"key": "a", "value": "x", "type": "list"}], "variables[0].type"),
        ([{"key": "a", "value": "x", "kind": "string"}], "variables[0].kind"),
    ],
)
def test_validation(bench: Bench, variables: object, place: str) -> None:
    widget = bench("set-variables", {"variables": variables})
    assert [problem.place for problem in widget.errors] == [f"states[1].properties.{place}"]


def test_no_variables_at_all_goes_on(bench: Bench) -> None:
    assert bench("set-variables", {}).enter() == (Done(event="next", variables={}), [])
