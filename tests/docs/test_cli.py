"""docs/cli.md: every command and every option stands there, and no other does."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from bridgetap.cli.app import COMMANDS, build_app

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")


def leaves(name: str) -> Iterator[tuple[str, set[str]]]:
    """Each command below `name` with its long options."""
    try:
        group: Any = typer.main.get_command(build_app([name]))
    except ImportError as error:
        if "_engine" not in str(error):
            raise
        pytest.skip("the Rust core is not built: `make build`")
    waiting = [(name, group.commands[name])]
    while waiting:
        path, command = waiting.pop()
        below = getattr(command, "commands", {})
        waiting += [(f"{path} {key}", value) for key, value in below.items()]
        if not below:
            options = {opt for parameter in command.params for opt in parameter.opts if opt.startswith("--")}
            yield path, options - {"--help"}


def documented(path: str) -> set[str]:
    _, found, below = PAGE.partition(f"\n## `bridgetap {path}`\n")
    assert found, f"cli.md has no heading ## `bridgetap {path}`"
    rows = [line for line in below.split("\n## ", 1)[0].splitlines() if line.startswith("| `-")]
    return {option for row in rows for option in re.findall(r"`(--[a-z-]+)", row.split("|")[1])}


@pytest.mark.parametrize("name", [entry.name for entry in COMMANDS])
def test_every_option_is_documented(name: str) -> None:
    for path, options in leaves(name):
        assert documented(path) == options, path


def test_every_heading_is_a_command() -> None:
    names = {heading.split()[1] for heading in re.findall(r"^## `(bridgetap [a-z ]+)`$", PAGE, re.MULTILINE)}
    assert names == {entry.name for entry in COMMANDS}


@pytest.mark.parametrize("name", [entry.name for entry in COMMANDS])
def test_every_command_names_its_exit_codes(name: str) -> None:
    try:
        group: Any = typer.main.get_command(build_app([name]))
    except ImportError as error:
        if "_engine" not in str(error):
            raise
        pytest.skip("the Rust core is not built: `make build`")
    command = group.commands[name]
    for leaf in getattr(command, "commands", {"": command}).values():
        assert "Exit codes" in (leaf.help or "")
