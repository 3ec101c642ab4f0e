"""docs/twiml.md: every verb, attribute and code stands there, and its example is a clean document."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bridgetap.twiml import (
    Document,
    content_type,
    document,
    interpreter,
    markup,
    problems,
    read_dial,
    read_streams,
    urls,
)
from bridgetap.twiml.markup import parse_markup

from .test_sdk import PLACES, attributes_of

PAGE = (Path(__file__).parents[2] / "docs" / "twiml.md").read_text(encoding="utf-8")
SECTIONS = {part.split("`", 1)[0].strip("<>"): part for part in re.split(r"^#{3,4} `", PAGE, flags=re.MULTILINE)[1:]}


def test_the_example_is_clean() -> None:
    (example,) = re.findall(r"^```xml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert Document.parse_text(example).warnings == ()
    assert len(list(parse_markup(example.encode()).children)) == 4


def test_every_verb_has_its_section_and_no_other_has() -> None:
    assert set(SECTIONS) == {name for _, _, name, _ in PLACES}


@pytest.mark.parametrize(
    ("method", "name", "texts"), [place[1:] for place in PLACES], ids=[place[2] for place in PLACES]
)
def test_every_attribute_is_documented(method: Callable[..., Any], name: str, texts: set[str]) -> None:
    rows = "\n".join(line for line in SECTIONS[name].split("\n### ")[0].splitlines() if line.startswith("|"))
    named = set(re.findall(r"`(\w+)`", "\n".join(row.split("|")[1] for row in rows.splitlines())))
    assert named == attributes_of(method) - texts


@pytest.mark.parametrize("name", [*document.VERBS_NOT_DONE, *read_dial.NOUNS_NOT_DONE, *read_streams.NOUNS_NOT_DONE])
def test_what_is_left_out_is_named(name: str) -> None:
    assert f"`<{name}>`" in PAGE


def test_every_code_is_documented() -> None:
    modules = (content_type, document, interpreter, markup, problems, urls)
    codes = {value for module in modules for value in vars(module).values() if type(value) is int and value > 10_000}
    codes.discard(document.MAX_DOCUMENT)
    table = PAGE.split("## Errors")[1]
    assert codes == {11100, 11200, 11215, 11750, 11770, 12100, 12102, 12200, 12300}
    assert {code for code in codes if f"| {code} |" not in table} == set()
