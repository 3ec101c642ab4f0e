"""`bridgetap stream doctor` as people run it: what it prints, and its exit codes."""

import asyncio
import json
import ssl
import sys
from pathlib import Path

import pytest

from bridgetap.signing import sign_stream
from tests.doctor import ws
from tests.doctor.ws import Socket
from tests.interop import bad_servers
from tests.interop.certificates import Authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def localhost(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return authority.issue(tmp_path_factory.mktemp("localhost"), "localhost", days=60)


async def run(*arguments: str, folder: Path) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bridgetap", "stream", "doctor"),
        *arguments,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_a_good_server_takes_exit_0_and_a_line_a_step(
    tmp_path: Path, authority: Authority, localhost: tuple[Path, Path]
) -> None:
    server = Socket()
    async with bad_servers.listening(server, localhost) as port:
        to = f"127.0.0.1:{port}"
        options = ("--seconds", "1", "--ca", str(authority.path), "--connect-to", to, "--tracks", "inbound_track")
        code, out, err = await run("wss://localhost/in", "--parameter", "tenant=42", *options, folder=tmp_path)
    assert (code, err) == (0, "")
    marks = [line[0] for line in out.splitlines() if line[:1] in set("✓!✗–")]
    assert marks == ["✓"] * 5 + ["!"] + ["✓"] * 5  # it verifies no signature
    assert "open to anybody" in out
    assert out.splitlines()[-1] == "a stream to this server would be well (no fault, 1 warning)"
    assert server.handshakes[0]["host"] == "localhost"
    assert b'"tracks":["inbound"]' in server.heard[0][1]


async def test_warnings_count_where_it_has_to_be_strict(
    tmp_path: Path, authority: Authority, localhost: tuple[Path, Path]
) -> None:
    async with bad_servers.listening(Socket(), localhost) as port:
        options = ("--seconds", "1", "--ca", str(authority.path), "--connect-to", f"127.0.0.1:{port}")
        code, _, _ = await run("wss://localhost/in", *options, "--strict", folder=tmp_path)
    assert code == 1


async def test_a_fault_takes_exit_1_and_says_what_to_change(
    tmp_path: Path, authority: Authority, localhost: tuple[Path, Path]
) -> None:
    async with bad_servers.listening(ws.status("404 Not Found"), localhost) as port:
        url, options = f"wss://localhost:{port}/in", ("--ca", str(authority.path), "--connect-to", f"127.0.0.1:{port}")
        code, out, _ = await run(url, *options, folder=tmp_path)
        json_code, json_out, _ = await run(url, *options, "--json", folder=tmp_path)
    assert code == json_code == 1
    assert "✗ upgrade to WebSocket" in out
    assert "answers 404 Not Found instead of 101 [31920]" in out
    assert "→ no such path" in out
    report = json.loads(json_out)
    assert (report["ok"], report["faults"], report["url"]) == (False, 1, url)
    steps = {step["step"]: step for step in report["steps"]}
    assert " ".join(steps) == "url dns tcp tls upgrade signature pings pace silence stays stop"
    assert steps["upgrade"]["findings"][0]["kind"] == "upgrade.404"
    assert steps["stop"]["verdict"] == "skipped"


async def test_the_configuration_of_the_server_that_will_call_is_used(
    tmp_path: Path, authority: Authority, localhost: tuple[Path, Path]
) -> None:
    (tmp_path / "bridgetap.toml").write_text(
        f'[account]\nauth_token = "{"a" * 32}"\n[streams]\ntrusted_ca = "{authority.path}"\n'
        'deny_networks = ["127.0.0.0/8"]\n'
    )
    code, out, _ = await run("wss://localhost:1/in", "--connect-to", "127.0.0.1:1", "--json", folder=tmp_path)
    assert code == 1
    assert [one["kind"] for step in json.loads(out)["steps"] for one in step["findings"]] == ["dns.denied"]
    assert "a" * 32 not in out


async def test_what_the_server_is_owed_by_its_stream_options_is_sent(
    tmp_path: Path, authority: Authority, localhost: tuple[Path, Path]
) -> None:
    (tmp_path / "bridgetap.toml").write_text(
        f'[[stream_options]]\nurl = "wss://localhost/*"\nbearer_token = "{"b" * 32}"\ntrusted_ca = "{authority.path}"\n'
    )
    server = Socket(accepts=lambda asked: asked.get("authorization") == f"Bearer {'b' * 32}")
    async with bad_servers.listening(server, localhost) as port:
        options = ("--connect-to", f"127.0.0.1:{port}", "--seconds", "1", "--header", "X-Tenant: 42", "--json")
        code, out, _ = await run("wss://localhost/in", *options, folder=tmp_path)
    report = json.loads(out)
    assert (code, report["faults"], report["warnings"]) == (0, 0, 0)
    assert server.handshakes[0]["x-tenant"] == "42"
    assert "authorization" not in server.handshakes[1]  # as a stranger
    assert "b" * 32 not in out


async def test_the_audio_is_that_of_the_stream_options_and_the_query_stays_where_it_is_allowed(
    tmp_path: Path, authority: Authority, localhost: tuple[Path, Path]
) -> None:
    (tmp_path / "bridgetap.toml").write_text(
        f'[account]\nauth_token = "{"a" * 32}"\n[streams]\nallow_query = true\ntrusted_ca = "{authority.path}"\n'
        '[[stream_options]]\nurl = "wss://localhost/*"\nformat = "l16-16000"\nchannels = "stereo"\nframe_ms = 100\n'
    )
    signature = sign_stream("a" * 32, "wss://localhost/in?k=hunter2")
    heard = []
    for tracks in ("both_tracks", "inbound_track"):
        server = Socket(accepts=lambda asked: asked.get("x-twilio-signature") == signature)
        async with bad_servers.listening(server, localhost) as port:
            options = ("--connect-to", f"127.0.0.1:{port}", "--seconds", "1", "--tracks", tracks, "--json")
            code, out, _ = await run("wss://localhost/in?k=hunter2", *options, folder=tmp_path)
        assert (code, json.loads(out)["warnings"]) == (0, 0), out
        assert server.requests[0] == "GET /in?k=hunter2 HTTP/1.1"
        assert "hunter2" not in out
        heard.append(json.loads(server.heard[0][1])["start"])
    assert [start["mediaFormat"]["channels"] for start in heard] == [2, 1]
    assert [start["extensions"]["channels"] for start in heard] == ["stereo", "separate"]
    assert {start["mediaFormat"]["sampleRate"] for start in heard} == {16_000}


async def test_a_client_certificate_is_shown(
    tmp_path: Path, authority: Authority, localhost: tuple[Path, Path]
) -> None:
    certificate, key = authority.issue(tmp_path, "client")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*localhost)
    context.load_verify_locations(authority.path)
    context.verify_mode = ssl.CERT_REQUIRED
    server = await asyncio.start_server(Socket(), "127.0.0.1", 0, ssl=context)
    async with server:
        to = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        options = ("--ca", str(authority.path), "--connect-to", to, "--seconds", "1")
        shown = ("--certificate", str(certificate), "--key", str(key))
        code, out, _ = await run("wss://localhost/in", *options, *shown, folder=tmp_path)
    assert code == 0, out


@pytest.mark.parametrize(
    ("url", "code", "words"),
    [("ws://media.example.com/", 31922, "write wss://"), ("media.example.com", 31923, "write wss://host/path")],
)
async def test_a_url_that_is_no_stream_s(tmp_path: Path, url: str, code: int, words: str) -> None:
    exit_code, out, _ = await run(url, "--json", folder=tmp_path)
    (finding,) = json.loads(out)["steps"][0]["findings"]
    assert (exit_code, finding["code"]) == (1, code)
    assert words in finding["change"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--tracks", "all"), "--tracks: 'all': must be one of"),
        (("--parameter", "tenant"), "--parameter: tenant: must be KEY=VALUE"),
        (("--header", "X-Tenant"), "--header: X-Tenant: must be NAME:VALUE"),
        (("--certificate", "none.pem"), "--certificate: none.pem: No such file"),
        (("--connect-to", "here"), "--connect-to: 'here': must be host:port"),
        (("--ca", "none.pem"), "--ca: none.pem: No such file"),
    ],
)
async def test_wrong_use_takes_exit_2(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    code, out, err = await run("wss://localhost:1/", *options, folder=tmp_path)
    assert (code, out) == (2, "")
    assert words in err
