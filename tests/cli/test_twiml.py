"""`bridgetap twiml validate`: what a person, a pipe and a program read."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from bridgetap.cli.twiml import twiml_app

APP = typer.Typer()
APP.add_typer(twiml_app, name="twiml")
EXAMPLE = Path(__file__).parents[2] / "examples/voice.xml"


def invoke(*arguments: str, stdin: str | None = None) -> tuple[int, str]:
    result = CliRunner().invoke(APP, ["twiml", "validate", *arguments], input=stdin)
    return result.exit_code, result.output


def test_the_example_is_good() -> None:
    assert invoke(str(EXAMPLE)) == (0, f"{EXAMPLE}: ok, 5 verbs\n")


def test_a_warning_has_its_place_and_fails_nothing() -> None:
    code, output = invoke("-", stdin="<Response><Gater/><Dial timeout='soon'>1</Dial></Response>")
    assert code == 0
    unknown, timeout, ok = output.splitlines()
    assert unknown.startswith("-: warning: Response/Gater: '<Gater>': unknown verb")
    assert "Gather" in unknown
    assert "Response/Dial/@timeout: 'soon'" in timeout
    assert ok == "-: ok, 1 verbs"


@pytest.mark.parametrize(
    ("document", "told"),
    [("<Response><Say>", "error: "), ("<html/>", "must be <Response>"), ("", "is empty"), ("x" * 70_000, "at most")],
)
def test_what_cannot_run_is_an_error(document: str, told: str) -> None:
    code, output = invoke("-", stdin=document)
    assert code == 1
    assert told in output


def test_a_program_reads_json(tmp_path: Path) -> None:
    code, output = invoke("--json", str(EXAMPLE), str(tmp_path / "missing.xml"))
    assert code == 2
    report = json.loads(output)
    assert report["ok"] is False
    good, missing = report["files"]
    assert (good["ok"], good["verbs"], good["problems"]) == (True, 5, [])
    assert missing["unreadable"] == "No such file or directory"
