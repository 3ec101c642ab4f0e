"""`bridgetap stream start`, `stop` and `list` against an HTTP server."""

import json

import pytest

from bridgetap.cli import main

from .test_remote import SID, Pretend, _alone, server  # noqa: F401 - fixtures

CALL, STREAM = "CA" + "1" * 32, "MZ" + "2" * 32
URL = "wss://media.example/in"
STREAMS = f"/2010-04-01/Accounts/{SID}/Calls/{CALL}/Streams"
ROW = {
    "sid": STREAM,
    "status": "stopped",
    "name": "\x1b[31mtap",
    "tracks": ["inbound", "outbound"],
    "url": URL,
    "date_created": "Thu, 01 Jan 2026 00:00:00 +0000",
    "end_reason": "stopped",
    "error_code": None,
    "ms_sent": 2000,
}


def run(pretend: Pretend, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setenv("BRIDGETAP_URL", pretend.url)
    with pytest.raises(SystemExit) as ended:
        main(["stream", *words])
    return int(ended.value.code or 0)


def test_a_stream_is_started_with_all_that_was_said(
    server: Pretend,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.says({"sid": STREAM, "status": "in-progress"})
    words = [
        "start",
        CALL,
        URL,
        "--name",
        "tap",
        "--track",
        "both_tracks",
        "--parameter",
        "a=1",
        "--parameter",
        "b=x=y",
        "--option",
        "frame_ms=100",
        "--option",
        "events=dtmf hold",
    ]
    assert run(server, monkeypatch, *words, "--status-callback", "https://a.example/", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"sid": STREAM, "status": "in-progress"}
    (asked,) = server.asked
    asked.pop("auth")
    assert asked == {
        "method": "POST",
        "path": f"{STREAMS}.json",
        "Url": URL,
        "Name": "tap",
        "Track": "both_tracks",
        "StatusCallback": "https://a.example/",
        "Parameter1.Name": "a",
        "Parameter1.Value": "1",
        "Parameter2.Name": "b",
        "Parameter2.Value": "x=y",
        "FrameMs": "100",
        "Events": "dtmf hold",
    }


@pytest.mark.parametrize("words", [("--parameter", "a"), ("--option", "format"), ("--option", "colour=red")])
def test_half_a_parameter_or_an_unknown_option_is_wrong_use(
    server: Pretend,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, str],
) -> None:
    assert run(server, monkeypatch, "start", CALL, URL, *words) == 2
    assert server.asked == []


def test_a_stream_is_stopped_by_its_name(
    server: Pretend,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.says({"sid": STREAM, "status": "stopped"})
    assert run(server, monkeypatch, "stop", CALL, "my/tap") == 0
    assert capsys.readouterr().out == f"{STREAM}\n"
    (asked,) = server.asked
    assert (asked["path"], asked["Status"]) == (f"{STREAMS}/my%2Ftap.json", "stopped")


def test_a_refusal_is_told_and_is_exit_1(
    server: Pretend,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.says({"code": 20404, "message": "The requested resource was not found"}, status=404)
    assert run(server, monkeypatch, "stop", CALL, "tap") == 1
    assert "not found (20404)" in capsys.readouterr().err


def test_streams_are_listed_line_by_line(
    server: Pretend,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.says({"streams": [ROW]})
    assert run(server, monkeypatch, "list", CALL) == 0
    when = "Thu, 01 Jan 2026 00:00:00 +0000"
    line = [STREAM, "stopped", "?[31mtap", "inbound+outbound", URL, when, "stopped", "", "2000"]
    assert capsys.readouterr().out == "\t".join(line) + "\n"
    assert run(server, monkeypatch, "list", CALL, "--json", "--limit", "7") == 0
    assert json.loads(capsys.readouterr().out) == ROW
    assert server.asked[1]["PageSize"] == "7"
