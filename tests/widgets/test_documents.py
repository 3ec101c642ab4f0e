"""The examples of docs/flows.md and docs/widgets.md are definitions that parse without a warning."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bridgetap.flow import Definition
from bridgetap.widgets import WIDGETS

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```json\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def examples(name: str) -> list[Any]:
    return [json.loads(block) for block in BLOCK.findall((DOCS / name).read_text(encoding="utf-8"))]


def test_the_flow_in_flows_md_is_clean() -> None:
    flow = examples("flows.md")[0]
    assert Definition.parse(flow, widgets=WIDGETS, strict=True).warnings == ()


@pytest.mark.parametrize("state", examples("widgets.md"), ids=lambda state: state["type"])
def test_each_state_in_widgets_md_is_clean(state: dict[str, Any]) -> None:
    targets = {transition["next"] for transition in state["transitions"] if "next" in transition}
    others = [{"name": name, "type": "say-play", "transitions": [], "properties": {"say": "x"}} for name in targets]
    trigger = {"name": "Trigger", "type": "trigger", "transitions": [{"event": "incomingCall", "next": state["name"]}]}
    states = [state, *others] if state["type"] == "trigger" else [trigger, state, *others]
    definition = Definition.parse({"states": states, "initial_state": "Trigger"}, widgets=WIDGETS, strict=True)
    assert definition.warnings == ()
