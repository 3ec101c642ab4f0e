"""58 real, published flows (test data only, outside the project): each parses, or is refused for the
widget types that its publisher made up."""

import csv
import json
from pathlib import Path

import pytest

from bridgetap.errors import InvalidDefinition
from bridgetap.flow import Definition
from bridgetap.flow.template import Template
from bridgetap.widgets import WIDGETS

CORPUS = Path("/work/shared/flow-corpus")
INDEX = CORPUS / "index.csv"
ROWS = list(csv.DictReader(INDEX.read_text(encoding="utf-8").splitlines())) if INDEX.exists() else []

# What strict parsing adds to the index: templates of Terraform left unfilled, hand-written properties.
STRICT_ONLY = {
    "040-ultimadefensalegal-udl-intake-flow-es.json",
    "042-vibe-a-thon-twilio-flow.json",
    "070-flex-plugins-voice-lambda-sd.json",
}

BROKEN_TEMPLATES = ["{{flow.variables.reservation_id"]  # as published

pytestmark = pytest.mark.skipif(not ROWS, reason=f"{CORPUS} is absent: 58 real flows are NOT tested")


def invented_types(row: dict[str, str]) -> set[str]:
    return {word.removeprefix("type:") for word in row["schema_problems"].split() if word.startswith("type:")}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["file"])
def test_a_real_flow_parses_or_is_refused_for_its_invented_types(row: dict[str, str]) -> None:
    source = (CORPUS / row["file"]).read_bytes()
    invented = invented_types(row)
    if not invented:
        definition = Definition.parse(source, widgets=WIDGETS)
        assert len(definition.states) == int(row["states"])
        assert json.dumps(definition.source) == json.dumps(_unwrapped(source))
        return
    with pytest.raises(InvalidDefinition) as caught:
        Definition.parse(source, widgets=WIDGETS)
    errors = [problem for problem in caught.value.problems if not problem.warning]
    assert {problem.value for problem in errors} == invented
    assert all(problem.place.endswith(".type") for problem in errors)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["file"])
def test_strict_parsing_agrees_with_studio(row: dict[str, str]) -> None:
    source = (CORPUS / row["file"]).read_bytes()
    if row["file"] in STRICT_ONLY:
        with pytest.raises(InvalidDefinition):
            Definition.parse(source, widgets=WIDGETS, strict=True)
    else:
        Definition.parse(source, widgets=WIDGETS, strict=True)


def test_every_template_of_every_flow_compiles() -> None:
    found = [text for row in ROWS for text in _texts(json.loads((CORPUS / row["file"]).read_bytes()))]
    templates = [Template.parse(text) for text in found if "{{" in text or "{%" in text]
    assert len(templates) > 500
    failed = [template.source for template in templates if template.error]
    assert failed == BROKEN_TEMPLATES


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for inner in value.values() for text in _texts(inner)]
    return [text for inner in value for text in _texts(inner)] if isinstance(value, list) else []


def _unwrapped(source: bytes) -> object:
    body = json.loads(source)
    while "definition" in body and "states" not in body:
        body = body["definition"]
        body = json.loads(body) if isinstance(body, str) else body
    return body
