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

LATER = "Thu, 01 Jan 2026 00:00:01 +0000"
SIPREC = STREAMS.removesuffix("Streams") + "Siprec"
RECORDING = {
    "sid": "SR" + "3" * 32,
    "status": "paused",
    "name": "rec",
    "tracks": ["inbound"],
    "url": "",
    "connector": "my_srs",
    "date_created": LATER,
    "end_reason": None,
    "error_code": None,
    "ms_sent": 0,
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
    server.says({"streams": [ROW], "siprec": [RECORDING]})
    assert run(server, monkeypatch, "list", CALL) == 0
    when = "Thu, 01 Jan 2026 00:00:00 +0000"
    line = [STREAM, "stopped", "?[31mtap", "inbound+outbound", URL, when, "stopped", "", "2000"]
    recording = [RECORDING["sid"], "paused", "rec", "inbound", "my_srs", LATER, "", "", "0"]
    assert capsys.readouterr().out == "\t".join(map(str, recording)) + "\n" + "\t".join(line) + "\n"
    assert run(server, monkeypatch, "list", CALL, "--json", "--limit", "7") == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [RECORDING, ROW]
    assert [(asked["path"], asked["PageSize"]) for asked in server.asked[2:]] == [
        (f"{STREAMS}.json", "7"),
        (f"{SIPREC}.json", "7"),
    ]


def test_a_recording_is_started_at_a_connector(
    server: Pretend,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.says({"sid": RECORDING["sid"], "status": "in-progress"})
    assert run(server, monkeypatch, "start", CALL, "--connector", "my_srs", "--name", "rec") == 0
    assert capsys.readouterr().out == f"{RECORDING['sid']}\n"
    (asked,) = server.asked
    assert (asked["path"], asked["ConnectorName"], asked["Name"]) == (f"{SIPREC}.json", "my_srs", "rec")


@pytest.mark.parametrize("words", [(), (URL, "--connector", "my_srs")])
def test_a_stream_goes_to_a_server_or_to_recorders(
    server: Pretend,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
) -> None:
    assert run(server, monkeypatch, "start", CALL, *words) == 2
    assert server.asked == []


@pytest.mark.parametrize(("word", "status"), [("pause", "paused"), ("resume", "in-progress"), ("stop", "stopped")])
def test_a_recording_is_paused_resumed_and_stopped(
    server: Pretend,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    word: str,
    status: str,
) -> None:
    server.says({"sid": RECORDING["sid"], "status": status})
    assert run(server, monkeypatch, word, CALL, str(RECORDING["sid"])) == 0
    (asked,) = server.asked
    assert (asked["path"], asked["Status"]) == (f"{SIPREC}/{RECORDING['sid']}.json", status)


def test_a_name_may_be_a_streams_or_a_recordings(
    server: Pretend,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server.says({"code": 20404, "message": "The requested resource was not found"}, status=404)
    assert run(server, monkeypatch, "stop", CALL, "rec") == 1
    assert [asked["path"] for asked in server.asked] == [f"{STREAMS}/rec.json", f"{SIPREC}/rec.json"]
