"""docs/siprec.md: its checklist is whole, every test in it is there and names the statement that it proves."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "siprec.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
NUMBERS = re.compile(r"((?:\d+, )*\d+)[.:]")  # how a docstring begins that names statements

ROWS = ROW.findall(PAGE)


@cache
def docstrings(file: str) -> dict[str, str]:
    """Of every test of a file."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {node.name: ast.get_docstring(node) or "" for node in functions}


def test_every_statement_stands_there_once() -> None:
    assert [number for number, *_ in ROWS] == [str(number) for number in range(1, 71)]


@pytest.mark.parametrize(("number", "tests"), [(number, tests) for number, _, tests, _ in ROWS])
def test_every_statement_is_a_test_that_names_its_number(number: str, tests: str) -> None:
    named = re.findall(r"`([a-z_/]+\.py)::(test_\w+)`", tests)
    assert named
    assert len(named) == tests.count("`") // 2
    for file, name in named:
        found = NUMBERS.match(docstrings(file)[name])
        assert found, f"{file}::{name} names no statement"
        assert number in found[1].split(", "), f"{file}::{name}"


def test_what_is_not_built_is_said() -> None:
    assert "Recordings that the recorder begins" in PAGE.partition("## Not built yet")[2]
