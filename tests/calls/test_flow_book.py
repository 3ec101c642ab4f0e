"""Flows by path: read once, read again when the file changed, and never replaced by something broken."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from bridgetap.calls import FlowBook, flow_sid
from bridgetap.errors import InvalidDefinition, InvalidInput

from .stage import say, state


def write(path: Path, *states: dict[str, Any], at: int = 1) -> None:
    trigger = state("Trigger", "trigger", {"incomingCall": "one"})
    path.write_text(json.dumps({"description": "", "initial_state": "Trigger", "states": [trigger, *states]}))
    os.utime(path, ns=(at, at))


def test_a_flow_is_parsed_once_and_again_when_its_file_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "support.json"
    write(path, say(), at=1)
    book = FlowBook(folder=tmp_path, known=[path])
    (first,) = book.load_all()
    assert book.at(path) is first
    assert (first.name, first.version, first.flow_sid) == ("support", 1, flow_sid(path))
    write(path, say(then="two"), say("two"), at=2)
    second = book.at(path)
    assert (second.version, sorted(second.definition.states)) == (2, ["Trigger", "one", "two"])
    assert second.flow_sid == first.flow_sid


@pytest.mark.parametrize("breakage", ["json", "definition", "gone"])
def test_a_flow_that_breaks_while_the_server_runs_leaves_the_last_good_one(tmp_path: Path, breakage: str) -> None:
    path = tmp_path / "support.json"
    write(path, say(), at=1)
    book = FlowBook(folder=tmp_path, known=[path])
    good = book.at(path)
    match breakage:
        case "json":
            path.write_text("{")
        case "definition":
            write(path, say(then="nowhere"), at=2)
        case _:
            path.unlink()
    assert book.at(path) is good
    write(path, say(), at=3)
    assert book.at(path).version == 2


def test_every_problem_is_told_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "support.json"
    write(path, say(then="nowhere"))
    with pytest.raises(InvalidDefinition) as refused:
        FlowBook(folder=tmp_path, known=[path]).load_all()
    assert [problem.place for problem in refused.value.problems] == [f"{path}: states[1].transitions[0].next"]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        FlowBook(folder=tmp_path, known=[tmp_path / "missing.json"]).load_all()


@pytest.mark.parametrize(
    ("asked", "found"),
    [("flows/a.json", True), ("../outside.json", False), ("/etc/passwd", False), ("known.json", True)],
)
def test_rest_may_name_flows_below_the_folder_and_those_of_numbers(tmp_path: Path, asked: str, found: bool) -> None:
    folder = tmp_path / "config"
    (folder / "flows").mkdir(parents=True)
    for path in (folder / "flows" / "a.json", folder / "known.json", tmp_path / "outside.json"):
        write(path, say())
    book = FlowBook(folder=folder, known=[])
    if found:
        assert book.named(asked).name == Path(asked).stem
    else:
        with pytest.raises(InvalidInput) as refused:
            book.named(asked)
        assert refused.value.code == 20001
    assert FlowBook(folder=folder, known=[tmp_path / "outside.json"]).named("../outside.json").name == "outside"
