"""`[[stream_options]]`: what is refused at the start, and that secrets stay hidden."""

from pathlib import Path

import pytest

from bridgetap.cli.stream_policy import stream_policy
from bridgetap.flow.stream_options import StreamOptions
from bridgetap.flow.stream_url import StreamUrl
from bridgetap.receiver.authority import make_authority
from bridgetap.settings import InvalidSettings, Settings


def load(folder: Path, text: str) -> Settings:
    file = folder / "bridgetap.toml"
    file.write_text(text)
    return Settings.load(file, {"TOKEN": "s3cret"})


def test_an_entry_becomes_what_streams_to_its_server_do(tmp_path: Path) -> None:
    make_authority(tmp_path)
    settings = load(
        tmp_path,
        """
        [streams]
        resume = true
        ring_ms = 9000

        [[stream_options]]
        url = "wss://a.test/in/*"
        bearer_token = "${env:TOKEN}"
        headers = { X-Tenant = "42" }
        trusted_ca = "ca.pem"
        fallback_urls = ["wss://b.test/in"]
        overflow = "close"
        """,
    )
    assert "s3cret" not in repr(settings)
    policy = stream_policy(settings)
    (server,) = policy.servers
    assert server.trusted_ca == str(tmp_path / "ca.pem")
    options = policy.options(StreamOptions(), StreamUrl.parse("wss://a.test/in/1"))
    assert options == StreamOptions(
        resume=True,
        ring_ms=9000,
        overflow="close",
        bearer_token="s3cret",
        headers=(("X-Tenant", "42"),),
        fallback_urls=(StreamUrl(host="b.test", path="/in"),),
    )
    assert policy.options(StreamOptions(), StreamUrl.parse("wss://c.test/")).bearer_token == ""


@pytest.mark.parametrize(
    ("line", "key", "rule"),
    [
        ('url = "wss://a.test*"', "url", "a * may stand at the end of the path"),
        ('url = "ws://a.test/"', "url", "must be wss://"),
        ('trusted_ca = "none.pem"', "trusted_ca", "cannot be read"),
        ('trusted_ca = "bad.pem"', "trusted_ca", "cannot be used"),
        ('client_certificate = "bad.pem"', "client_key", "go together"),
        ('client_certificate = "bad.pem"\nclient_key = "bad.pem"', "client_certificate", "cannot be used"),
        ('certificate_pins = ["sha1/abc"]', "certificate_pins[0]", "must be sha256/"),
        ('bearer_token = "x"\nheaders = { authorization = "y" }', "bearer_token", "an Authorization already"),
        ('headers = { "X Y" = "z" }', "headers", "is no header name"),
        ("resumee = true", "resumee", "did you mean stream_options[0].resume"),
        ("ring_ms = 10", "ring_ms", "1000"),
    ],
)
def test_what_cannot_be_used_is_refused_at_the_start(tmp_path: Path, line: str, key: str, rule: str) -> None:
    (tmp_path / "bad.pem").write_text("no certificate")
    url = "" if line.startswith("url") else 'url = "wss://a.test/"'
    with pytest.raises(InvalidSettings) as refused:
        load(tmp_path, f"[[stream_options]]\n{url}\n{line}\n")
    (problem,) = refused.value.problems
    assert problem.key == f"stream_options[0].{key}"
    assert rule in str(problem)
