"""`bridgetap check`: each finding, from files that have it."""

import json
import resource
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bridgetap.cli import findings, main

NOW = datetime(2026, 6, 1, tzinfo=UTC)
FLOW = {
    "description": "",
    "initial_state": "Trigger",
    "flags": {"allow_concurrent_calls": True},
    "states": [
        {"name": "Trigger", "type": "trigger", "transitions": [{"event": "incomingCall", "next": "hello"}]},
        {
            "name": "hello",
            "type": "say-play",
            "transitions": [{"event": "audioComplete"}],
            "properties": {"say": "Hello"},
        },
    ],
}
GOOD = """
[calls]
max_calls = 10
[[numbers]]
number = "*"
flow = "flow.json"
[[users]]
username = "alice"
ha1 = "${env:HA1}"
"""
TLS = """
[sip]
listen = ["tls://127.0.0.1:5061"]
tls_certificate = "sip.pem"
tls_key = "sip.key"
"""

NO_WAY_BACK = "absent, and sip.listen is on private addresses: peers outside cannot send audio back"

Check = Callable[[str], list[str]]


def make_pair(folder: Path, name: str = "sip", *, days: int = 365, host: str = "pbx.example") -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pbx.example")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=30))
        .not_valid_after(NOW + timedelta(days=days))
    )
    if host:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / f"{name}.key").chmod(0o600)


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Check:
    """Findings for a configuration, without the folder's own name and what this machine has installed."""
    monkeypatch.setenv("HA1", "0" * 32)
    monkeypatch.setattr(findings, "utc_now", lambda: NOW)
    monkeypatch.setattr("bridgetap.cli.check.utc_now", lambda: NOW)
    monkeypatch.setattr(findings.shutil, "which", lambda name: None if name == "absent" else f"/usr/bin/{name}")
    (tmp_path / "flow.json").write_text(json.dumps(FLOW))

    def run(text: str) -> list[str]:
        path = tmp_path / "bridgetap.toml"
        path.write_text(text)
        path.chmod(0o600)
        code = 0
        try:
            main(["check", "--config", str(path), "--json"])
        except SystemExit as end:
            code = int(end.code or 0)
        report = json.loads(capsys.readouterr().out)
        assert report["ok"] == (code == 0)
        assert report["file"] == str(path)
        found = [f"{row['severity']} {row['place']}: {row['rule']}" for row in report["findings"]]
        assert code == any(line.startswith("error") for line in found)
        return [line.replace(f"{tmp_path}/", "").replace(str(tmp_path), ".") for line in found]

    return run


def test_a_good_one(check: Check) -> None:
    assert check(GOOD) == []


def test_a_good_one_with_tls(check: Check, tmp_path: Path) -> None:
    make_pair(tmp_path)
    assert check(GOOD + TLS) == []


def test_the_files_own_problems(check: Check) -> None:
    assert check("[sip]\nlistn = []\nrealm = 5\n") == [
        "error bridgetap.toml: sip.realm: 5: must be a text, in quotes",
        "error bridgetap.toml: sip.listn: unknown key; did you mean sip.listen?",
    ]


def test_files_that_are_not_there(check: Check, tmp_path: Path) -> None:
    (tmp_path / "flow.json").unlink()
    assert check(GOOD + TLS + "trusted_ca = 'ca.pem'\n") == [
        "error sip.tls_certificate: sip.pem cannot be read: No such file or directory",
        "error sip.tls_key: sip.key cannot be read: No such file or directory",
        "error sip.trusted_ca: ca.pem cannot be read: No such file or directory",
        "error numbers[0].flow: flow.json cannot be read: No such file or directory",
    ]


def test_a_key_of_another_certificate(check: Check, tmp_path: Path) -> None:
    make_pair(tmp_path)
    make_pair(tmp_path, "other")
    assert check(GOOD + TLS.replace("sip.key", "other.key")) == [
        "error sip.tls_key: other.key does not belong to sip.pem"
    ]


def test_files_that_hold_something_else(check: Check, tmp_path: Path) -> None:
    make_pair(tmp_path)
    (tmp_path / "ca.pem").write_text("hello")
    (tmp_path / "sip.key").write_text("hello")
    (tmp_path / "sip.key").chmod(0o600)
    assert check(GOOD + TLS + "trusted_ca = 'ca.pem'\n") == [
        "error sip.tls_key: sip.key cannot be used: it must be a PEM key without a password",
        "error sip.trusted_ca: ca.pem holds no PEM certificate",
    ]
    (tmp_path / "sip.pem").write_text("hello")
    assert check(GOOD + TLS) == ["error sip.tls_certificate: sip.pem holds no PEM certificate"]


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (-1, ["error sip.tls_certificate: ran out on 2026-05-31"]),
        (5, ["warning sip.tls_certificate: runs out on 2026-06-06"]),
        (20, []),
    ],
)
def test_a_certificates_time(check: Check, tmp_path: Path, days: int, told: list[str]) -> None:
    make_pair(tmp_path, days=days)
    assert check(GOOD + TLS) == told


def test_a_certificate_with_a_common_name_only(check: Check, tmp_path: Path) -> None:
    make_pair(tmp_path, host="")
    assert check(GOOD + TLS) == ["warning sip.tls_certificate: names no host as subjectAltName; phones will refuse it"]


def test_secrets_that_others_can_read(check: Check, tmp_path: Path) -> None:
    make_pair(tmp_path)
    (tmp_path / "sip.key").chmod(0o644)
    (tmp_path / "token").write_text("a-long-token\n")
    (tmp_path / "token").chmod(0o644)
    assert check(GOOD + TLS) == [
        "warning sip.tls_key: sip.key is readable by others: chmod 600",
        "warning account.token_file: token is readable by others: chmod 600",
    ]


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ('[[users]]\nusername = "a"\npassword = "s3cret"', True),
        ('users = [{username = "a", "password" = "s3cret"}]', True),
        ('[[users]]\nusername = "a"\npassword = "s3://[cret"', True),
        ('[[stream_options]]\nurl = "wss://a.example/*"\nbearer_token = "s3cret"', True),
        ('[[stream_options]]\nurl = "wss://a.example/*"\nheaders = {X-Key = "s3cret"}', True),
        ('[voice]\nheaders.X-Key = "s3cret"', True),
        ('[store]\nurl = "postgresql://a:s3cret@127.0.0.1/b"', True),
        ('[[numbers]]\nnumber = "*"\nvoice_url = "https://a:s3cret@app.example/"', True),
        ('[[numbers]]\nnumber = "*"\nvoice_url = "https://app.example/?k=s3cret"', True),
        ('[[users]]\nusername = "a"\npassword = "${env:HA1}"', False),
        ('[[numbers]]\nnumber = "*"\nvoice_url = "https://app.example/voice"', False),
        ('# password = "s3cret"', False),
    ],
)
def test_a_configuration_with_secrets_that_others_can_read(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str,
    secret: bool,
) -> None:
    monkeypatch.setenv("HA1", "0" * 32)
    path = tmp_path / "bridgetap.toml"
    path.write_text(text)
    path.chmod(0o644)
    with suppress(SystemExit):
        main(["check", "--config", str(path)])
    out = capsys.readouterr().out
    assert ("holds secrets and is readable by others" in out) is secret
    assert "s3cret" not in out


def test_what_no_stream_could_be_made_by(check: Check, tmp_path: Path) -> None:
    make_pair(tmp_path, "us")
    (tmp_path / "us.key").chmod(0o644)
    text = """
[[stream_options]]
url = "wss://a.example/*"
client_certificate = "us.pem"
client_key = "us.key"
[[stream_options]]
url = "wss://b.example/*"
headers = {Host = "c.example"}
"""
    problem, mode = check(GOOD + text)
    assert problem.startswith("error stream_options[1].headers.Host: ")
    assert mode == "warning stream_options[0].client_key: us.key is readable by others: chmod 600"


def test_a_flows_problems(check: Check, tmp_path: Path) -> None:
    broken = json.loads(json.dumps(FLOW))
    broken["states"][0]["transitions"][0]["next"] = "nowhere"
    (tmp_path / "flow.json").write_text(json.dumps(broken))
    line, *others = check(GOOD)
    assert all(other.startswith("warning numbers[0].flow: ") for other in others)  # nothing leads to hello
    assert line.startswith("error numbers[0].flow: flow.json: states[0].transitions[0].next: 'nowhere': ")


def test_limits_that_do_not_fit(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 1024))
    text = GOOD.replace("max_calls = 10", "max_calls = 1000") + "[media]\nports = [20000, 20099]\n"
    ports, files = check(text)
    assert ports == (
        "warning media.ports: 20000 to 20099 carry 50 legs; calls.max_calls = 1000 may need 2000 (2 a call):"
        " widen the range or lower max_calls to 25"
    )
    assert files == (
        "warning calls.max_calls: 1000 calls may need 8128 open files and the limit is 1024:"
        " raise it (ulimit -n, LimitNOFILE=) or lower max_calls to 112"
    )


def test_what_will_surprise(check: Check) -> None:
    text = """
[sip]
listen = ["udp://192.168.1.5:5060"]
[streams]
system_roots = false
[[trunks]]
name = "idle"
uri = "sip:a.example"
max_calls = 2000
"""
    assert check(text) == [
        "error streams.trusted_ca: required, because streams.system_roots is false: nothing would be trusted",
        "warning calls.max_calls: is 1000; the trunks' own limits add up to 2000",
        "warning numbers: none: no incoming call is answered",
        "warning users: none, and no trunk has allow_from: every incoming call gets 403",
        "warning trunks[0]: has neither match nor allow_from nor register: no call uses it",
        f"warning sip.external_address: {NO_WAY_BACK}",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('voice.provider = "command"\nvoice.command = ["absent"]', "error voice.command: absent is not installed"),
        ('voice.audio_folder = "no"', "error voice.audio_folder: no is no folder"),
        ('store.url = "sqlite:///."', "error store.url: . is a folder"),
        ('account.token_file = "flow.json/token"', "error account.token_file: flow.json/token cannot be made:"),
    ],
)
def test_what_cannot_work(check: Check, text: str, told: str) -> None:
    (line,) = check(text + "\n" + GOOD)
    assert line.startswith(told)


def test_text_for_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BRIDGETAP_CONFIG", raising=False)
    (tmp_path / "bridgetap.toml").write_text("threads = 2\n")
    with pytest.raises(SystemExit) as caught:
        main(["check"])
    assert caught.value.code == 1
    assert capsys.readouterr().out.splitlines() == [
        "error: bridgetap.toml: threads: unknown key; it belongs under media.threads",
        "bridgetap.toml: 1 error",
    ]


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://app.example/voice", []),
        ("http://127.0.0.1:5000/voice", []),
        ("http://10.0.0.7/voice", []),
        ("http://app.example/voice?k=s3cret", ["warning numbers[0].voice_url: is http: who calls whom"]),
    ],
)
def test_a_document_that_crosses_the_network_in_clear(check: Check, url: str, found: list[str]) -> None:
    lines = [line for line in check(GOOD.replace('flow = "flow.json"', f'voice_url = "{url}"')) if "numbers" in line]
    assert [line.partition(" crosses")[0] for line in lines] == found
