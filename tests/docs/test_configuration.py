"""docs/configuration.md: every setting stands there, with its default and its meaning, and no other does."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from bridgetap.settings import Settings, tables

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def default(info: FieldInfo) -> str:
    """A default as the page writes it."""
    if info.default_factory is not None:
        return "none"
    match info.default:
        case value if value is PydanticUndefined:
            return "**required**"
        case None:
            return "absent"
        case bool() as value:
            return f"`{str(value).lower()}`"
        case () as value:
            return f"`[{', '.join(written(item) for item in value)}]`"
        case tuple() as value:
            return f"`[{', '.join(written(item) for item in value)}]`"
        case value:
            return f"`{written(value)}`"


def written(value: Any) -> str:
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return str(value) if isinstance(value, int | float) else f'"{value}"'


def row(name: str, info: FieldInfo) -> str:
    return f"| `{info.alias or name}` | {default(info)} | {info.description} |"


def sections() -> list[tuple[str, type[BaseModel]]]:
    return [(f"[[{name}]]" if many else f"[{name}]", model) for name, many, model in tables(Settings)]


def documented(heading: str) -> list[str]:
    """The rows of the table below a heading."""
    text = PAGE.read_text(encoding="utf-8")
    _, found, below = text.partition(f"\n## `{heading}`\n")
    assert found, f"{PAGE.name} has no heading ## `{heading}`"
    lines = below.split("\n## ", 1)[0].splitlines()
    return [line for line in lines if line.startswith("| `")]


@pytest.mark.parametrize(("heading", "model"), sections(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_setting_is_documented_with_its_default(heading: str, model: type[BaseModel]) -> None:
    assert documented(heading) == [row(name, info) for name, info in model.model_fields.items()]


@pytest.mark.parametrize(("heading", "model"), sections(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_setting_says_what_it_is(heading: str, model: type[BaseModel]) -> None:
    assert [name for name, info in model.model_fields.items() if not info.description] == []


def test_the_example_is_valid(tmp_path: Path) -> None:
    examples = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert examples
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "carrier").write_text("c4rrier")
    whole = {}
    for example in examples:
        whole |= tomllib.loads(example)
        (tmp_path / "bridgetap.toml").write_text(example)
        Settings.load(tmp_path / "bridgetap.toml", {})
    assert {"sip", "numbers", "trunks", "users"} <= set(whole)
