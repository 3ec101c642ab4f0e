"""`bridgetap call` and `bridgetap calls list` against an HTTP server, and how they find it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bridgetap.cli import main
from bridgetap.cli.remote import Server
from bridgetap.errors import ConfigurationError
from bridgetap.settings import derive_sid

SID, TOKEN = "AC" + "a" * 32, "t0ken:with@odd/signs"
CALL = {
    "sid": "CA" + "1" * 32,
    "status": "completed",
    "direction": "inbound",
    "from": "\x1b[31malice",
    "to": "+15550002",
    "start_time": "Thu, 01 Jan 2026 00:00:00 +0000",
    "duration": None,
}


@dataclass
class Pretend:
    """A server that writes down what it is asked and says what it is told to."""

    port: int = 0
    status: int = 200
    body: bytes = b"{}"
    asked: list[dict[str, Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{SID}:t0ken%3Awith%40odd%2Fsigns@127.0.0.1:{self.port}"

    def says(self, body: object, status: int = 200) -> None:
        self.body, self.status = json.dumps(body).encode(), status


@pytest.fixture
def server() -> Iterator[Pretend]:
    pretend = Pretend()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer("")

        def do_POST(self) -> None:
            self.answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

        def answer(self, body: str) -> None:
            parts = urlsplit(self.path)
            sent = {**parse_qs(parts.query), **parse_qs(body)}
            flat = {name: value for name, (value,) in sent.items()}
            asked = {"path": parts.path, "auth": self.headers.get("Authorization"), **flat}
            pretend.asked.append({"method": self.command, **asked})
            self.send_response(pretend.status)
            self.end_headers()
            self.wfile.write(pretend.body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        pretend.port = http.server_address[1]
        thread = Thread(target=http.serve_forever)
        thread.start()
        yield pretend
        http.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("BRIDGETAP_URL", "BRIDGETAP_CONFIG"):
        monkeypatch.delenv(name, raising=False)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main(words)
    printed = capsys.readouterr()
    return int(caught.value.code or 0), printed.out, printed.err


def test_a_call_is_asked_for(
    server: Pretend, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BRIDGETAP_URL", server.url)
    server.says(CALL, 201)
    words = ("call", "client:alice", "--from", "+15551", "--flow", "flows/a.json", "--timeout", "9")
    assert run(capsys, *words) == (0, f"{CALL['sid']}\n", "")
    (asked,) = server.asked
    assert asked.pop("auth").startswith("Basic ")
    assert asked == {
        "method": "POST",
        "path": f"/2010-04-01/Accounts/{SID}/Calls.json",
        "To": "client:alice",
        "From": "+15551",
        "Flow": "flows/a.json",
        "Timeout": "9",
    }
    assert json.loads(run(capsys, "call", "1", "--json")[1]) == CALL
    assert set(server.asked[1]) == {"method", "path", "auth", "To"}


def test_a_call_is_given_a_document(
    server: Pretend, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("BRIDGETAP_URL", server.url)
    server.says(CALL, 201)
    good, bad = tmp_path / "good.xml", tmp_path / "bad.xml"
    good.write_text("<Response><Say>häll</Say></Response>")
    bad.write_text("<Response><Say>")
    assert run(capsys, "call", "1", "--twiml", str(good))[0] == 0
    assert run(capsys, "call", "1", "--url", "https://app.example/voice")[0] == 0
    assert (server.asked[0]["Twiml"], server.asked[1]["Url"]) == (good.read_text(), "https://app.example/voice")
    for words in (["--twiml", str(bad)], ["--twiml", "missing.xml"], ["--twiml", str(good), "--flow", "f"]):
        assert run(capsys, "call", "1", *words)[0] == 2
    assert len(server.asked) == 2


def test_a_list_into_a_pipe(
    server: Pretend, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BRIDGETAP_URL", server.url)
    server.says({"calls": [CALL]})
    code, out, _ = run(capsys, "calls", "list", "--status", "completed", "--to", "+15550002", "--limit", "5")
    assert code == 0
    assert out == f"{CALL['sid']}\tcompleted\tinbound\t?[31malice\t+15550002\tThu, 01 Jan 2026 00:00:00 +0000\t\n"
    assert (server.asked[0]["Status"], server.asked[0]["PageSize"]) == ("completed", "5")
    assert json.loads(run(capsys, "calls", "list", "--json")[1]) == CALL
    server.says({"calls": []})
    assert run(capsys, "calls", "list") == (0, "", "")


def test_a_refusal_is_exit_1(
    server: Pretend, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BRIDGETAP_URL", server.url)
    server.says({"code": 21211, "message": "To: must be a telephone number", "status": 400}, 400)
    assert run(capsys, "call", "x y") == (1, "", "bridgetap: To: must be a telephone number (21211)\n")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"", b"{}"])
def test_something_else_at_that_address_is_exit_2(
    server: Pretend, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], body: bytes
) -> None:
    monkeypatch.setenv("BRIDGETAP_URL", server.url)
    server.body = body
    code, _, err = run(capsys, "calls", "list")
    assert code == 2
    assert "answered 200" in err
    assert "t0ken" not in err


def test_nobody_there_is_exit_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("BRIDGETAP_URL", f"http://{SID}:t0ken@127.0.0.1:1")
    code, _, err = run(capsys, "calls", "list")
    assert code == 2
    assert "http://127.0.0.1:1: no answer" in err
    assert "t0ken" not in err


def test_a_configuration_that_is_named_wins_over_the_variable(
    server: Pretend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BRIDGETAP_URL", "http://a:b@127.0.0.1:1")
    (tmp_path / "bt.toml").write_text(f'[http]\nlisten = "0.0.0.0:{server.port}"\n')
    (tmp_path / "token").write_text("the-token-of-this-folder\n")
    server.says({"calls": []})
    assert run(capsys, "calls", "list", "--config", str(tmp_path / "bt.toml"))[0] == 0
    assert server.asked[0]["path"] == f"/2010-04-01/Accounts/{derive_sid('the-token-of-this-folder')}/Calls.json"


def test_a_server_that_never_started_has_no_token(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "calls", "list")
    assert code == 2
    assert "`serve` makes it" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "host", "ftp://a:b@h", "http://host", "http://a@host", "http://:b@host"])
def test_a_variable_that_is_no_url_of_ours(text: str) -> None:
    with pytest.raises(ConfigurationError, match="BRIDGETAP_URL: must be http"):
        Server.parse(text)


def test_the_variable_is_taken_apart() -> None:
    server = Server.parse("https://AC1:a%20b@h.test:8443/below/?x=1#y")
    assert (server.url, server.account_sid, server.token) == ("https://h.test:8443/below", "AC1", "a b")
    assert "a b" not in repr(server)
