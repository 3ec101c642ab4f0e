"""`bridgetap simulate`: the dry half, and the seam to the live one."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from bridgetap.cli.simulate import LiveRequest, make_simulate

SEED = str(Path(__file__).parents[2] / "examples/fork-stream.json")


def invoke(*arguments: str) -> tuple[int, str]:
    app = typer.Typer()
    app.command("simulate")(make_simulate())
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


def test_the_path_is_printed_step_by_step() -> None:
    code, output = invoke(SEED, "--dry", "--dial", "busy")
    assert code == 0
    assert "the call out: busy" in output
    assert output.splitlines()[-1] == "Trigger → start_stream → connect_agent → stop_stream → Ended"


def test_json_is_on_the_last_line() -> None:
    code, output = invoke(SEED, "--dry", "--json", "--from", "+1999", "--hangup-at", "5", "--digits", "1@1")
    found = json.loads(output.splitlines()[-1])
    assert (code, found["ok"], found["duration_s"]) == (0, True, 5.0)
    assert found["path"] == ["Trigger", "start_stream", "connect_agent", "Ended"]
    assert found["context"]["trigger"]["call"]["From"] == "+1999"


def test_an_error_on_the_way_is_exit_1(tmp_path: Path) -> None:
    body = json.loads(Path(SEED).read_bytes())
    body["states"][1]["properties"]["stream_url"] = "ws://cool.process.io"
    path = tmp_path / "flow.json"
    path.write_text(json.dumps(body))
    code, output = invoke(str(path), "--dry")
    assert code == 1
    assert "error 31922" in output
    assert output.splitlines()[-1].endswith("→ Ended")


def test_connectors_are_those_of_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = json.loads(Path(SEED).read_bytes())
    asked = {"stream_transport_type": "siprec", "stream_connector": "srs", "stream_url": ""}
    body["states"][1]["properties"] |= asked
    flow, config = tmp_path / "flow.json", tmp_path / "server.toml"
    flow.write_text(json.dumps(body))
    monkeypatch.chdir(tmp_path)
    code, output = invoke(str(flow), "--dry")
    assert code == 0, output
    assert output.count("note: no configuration") == 1
    config.write_text('[[connectors]]\nname = "other"\nrecorders = ["sip:rec@127.0.0.1"]\n')
    code, output = invoke(str(flow), "--dry", "--config", str(config))
    assert code == 1
    assert "error 31940" in output
    assert "note:" not in output
    config.rename("bridgetap.toml")
    Path("bridgetap.toml").write_text('[[connectors]]\nname = "srs"\nrecorders = ["sip:rec@127.0.0.1"]\n')
    code, output = invoke(str(flow), "--dry")
    assert code == 0, output
    assert "note:" not in output


def test_an_invalid_flow_is_exit_1_with_its_problems(tmp_path: Path) -> None:
    path = tmp_path / "flow.json"
    path.write_text("{}")
    code, output = invoke(str(path), "--dry")
    assert code == 1
    assert "states: None: must be a list" in output


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["none.json", "--dry"], "No such file"),
        ([SEED, "--dry", "--digits", "x"], "KEYS@SECONDS"),
        ([SEED, "--dry", "--dial", "x"], "completed"),
        ([SEED, "--dry", "--http-stub", "none.json"], "No such file"),
        ([SEED, "--http-stub", "none.json"], "--dry"),
        ([SEED], "--dry"),
        ([], "Missing"),
    ],
)
def test_wrong_use_is_exit_2(arguments: list[str], word: str) -> None:
    code, output = invoke(*arguments)
    assert code == 2
    assert word in output


def test_a_stub_is_read(tmp_path: Path) -> None:
    stub = tmp_path / "stub.json"
    stub.write_text("[]")
    assert invoke(SEED, "--dry", "--http-stub", str(stub))[0] == 0
    stub.write_text("[5]")
    code, output = invoke(SEED, "--dry", "--http-stub", str(stub))
    assert code == 2
    assert "[0]" in output


def test_without_dry_the_live_simulator_gets_the_request() -> None:
    seen: list[LiveRequest] = []

    def live(request: LiveRequest) -> int:
        seen.append(request)
        return 7

    app = typer.Typer()
    app.command("simulate")(make_simulate(live))
    assert CliRunner().invoke(app, [SEED, "--caller", "a.wav", "--digits", "1@2.5", "--json"]).exit_code == 7
    (request,) = seen
    assert request.caller == Path("a.wav")
    assert request.script.digits[0].at_s == 2.5
    assert (request.allow_network, request.as_json) == (False, True)
    assert CliRunner().invoke(app, [SEED]).exit_code == 2
