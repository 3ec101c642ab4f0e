"""`bridgetap flow validate`: what a person, a pipe and a program read."""

import json
from io import StringIO
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from bridgetap.cli.file_report import show
from bridgetap.cli.flow import _validate, flow_app

APP = typer.Typer()
APP.add_typer(flow_app, name="flow")
GOOD = Path(__file__).parents[2] / "examples/fork-stream.json"


def invoke(*arguments: str, stdin: str | None = None) -> tuple[int, str]:
    result = CliRunner().invoke(APP, ["flow", "validate", *arguments], input=stdin)
    return result.exit_code, result.output


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    body = json.loads(GOOD.read_bytes())
    body["states"][1]["properties"]["stream_url"] = "ws://cool.process.io"
    body["states"][2]["transitions"][0]["next"] = "stop_strem"
    body["states"][3]["type"] = "send-to-flex"
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(body))
    return path


def test_a_good_file_is_one_line_and_exit_0() -> None:
    assert invoke(str(GOOD)) == (0, f"{GOOD}: ok, 4 states\n")


def test_every_problem_has_its_file_place_value_and_rule(bad: Path) -> None:
    code, output = invoke(str(bad))
    assert code == 1
    scheme = "the only supported scheme is wss (31922)"
    name = "no state has this name; did you mean 'stop_stream'?"
    support = "this widget is not supported yet; a call that reaches it ends there"
    assert output.splitlines() == [
        f"{bad}: error: states[1].properties.stream_url: 'ws://cool.process.io': {scheme}",
        f"{bad}: error: states[2].transitions[0].next: 'stop_strem': {name}",
        f"{bad}: warning: states[3].type: 'send-to-flex': {support}",
    ]


def test_one_bad_file_of_several_fails_them_all(bad: Path) -> None:
    code, output = invoke(str(GOOD), str(bad))
    assert code == 1
    assert output.splitlines()[0] == f"{GOOD}: ok, 4 states"


def test_a_file_that_cannot_be_read_is_exit_2(tmp_path: Path, bad: Path) -> None:
    code, output = invoke(str(tmp_path / "none.json"), str(bad))
    assert code == 2
    assert "No such file" in output
    assert invoke(str(tmp_path))[0] == 2
    assert invoke()[0] == 2


def test_lenient_judges_as_the_server_does(tmp_path: Path) -> None:
    body = json.loads(GOOD.read_bytes())
    body["states"][2]["properties"]["timeout"] = "30"
    path = tmp_path / "loose.json"
    path.write_text(json.dumps(body))
    assert invoke(str(path))[0] == 1
    code, output = invoke("--lenient", str(path))
    assert code == 0
    assert "warning: states[2].properties.timeout: '30'" in output


def test_standard_input_is_a_file_too() -> None:
    assert invoke("-", stdin=GOOD.read_text()) == (0, "-: ok, 4 states\n")
    code, output = invoke("-", stdin="{")
    assert code == 1
    assert "line 1 column 2" in output


def test_json_is_one_object(bad: Path) -> None:
    code, output = invoke("--json", str(bad), str(GOOD))
    found = json.loads(output)
    assert (code, found["ok"]) == (1, False)
    first, second = found["files"]
    assert first["problems"][0] == {
        "severity": "error",
        "place": "states[1].properties.stream_url",
        "value": "ws://cool.process.io",
        "rule": "the only supported scheme is wss (31922)",
    }
    assert (second["ok"], second["states"], second["problems"]) == (True, 4, [])


def test_a_key_of_the_file_cannot_steer_the_terminal() -> None:
    _, output = invoke("-", stdin='{"states": [], "\\u001b[31mred": 1}')
    assert "\x1b" not in output
    assert "\\x1b[31mred" in output


def test_on_a_terminal_each_file_is_a_heading_and_a_table(bad: Path, tmp_path: Path) -> None:
    reports = [_validate(str(path), strict=True) for path in (GOOD, bad, tmp_path / "none.json")]
    console = Console(width=200, record=True, file=StringIO())
    show(reports, console)
    lines = [line.rstrip() for line in console.export_text().splitlines()]
    assert lines[0] == f"✓ {GOOD}: 4 states"
    assert lines[1] == f"✗ {bad}: 2 problems, 1 warning"
    assert lines[2].split() == ["Place", "Value", "Rule"]
    assert lines[3].split()[:3] == ["error", "states[1].properties.stream_url", "'ws://cool.process.io'"]
    assert lines[-1] == f"✗ {tmp_path / 'none.json'}: No such file or directory"


def test_the_help_tells_the_exit_codes() -> None:
    code, output = invoke("--help")
    assert code == 0
    assert "Exit codes" in output
    assert "--lenient" in output
