"""Every widget is in the registry, in the spec's list of types, and documented."""

import re
from pathlib import Path

import pytest

import bridgetap.widgets
from bridgetap.flow.known_types import KNOWN_TYPES
from bridgetap.widgets import WIDGETS

FOLDER = Path(bridgetap.widgets.__file__).parent
DOCUMENT = Path(__file__).parents[2] / "docs/widgets.md"


def test_each_type_has_its_file_and_each_widget_file_its_type() -> None:
    files = {path.stem for path in FOLDER.glob("*.py") if "WidgetType(" in path.read_text(encoding="utf-8")}
    assert files == {kind.replace("-", "_") for kind in WIDGETS}


def test_every_type_is_a_real_one() -> None:
    assert set(WIDGETS) <= KNOWN_TYPES


@pytest.mark.parametrize("kind", WIDGETS)
def test_every_widget_its_events_and_its_properties_are_documented(kind: str) -> None:
    section = re.split(r"^## ", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (text,) = [part for part in section if part.startswith(f"`{kind}`")]
    source = (FOLDER / f"{kind.replace('-', '_')}.py").read_text(encoding="utf-8")
    properties = re.findall(r'properties\.(?:text|integer|boolean|choice|pairs)\(\s*"(\w+)"', source)
    for word in (*WIDGETS[kind].events, *properties):
        assert f"`{word}`" in text, f"{word} is missing from the section of {kind}"
    assert "```json" in text
