"""What the core is started with, for each setting that reaches it."""

import hashlib
from pathlib import Path

import pytest

from bridgetap.calls import MediaAddresses
from bridgetap.cli.core_config import admissions, media_config, sip_config, users
from bridgetap.cli.wiring import own_host
from bridgetap.clock import VirtualClock
from bridgetap.engine import Admission, User
from bridgetap.settings import Settings


def settings(folder: Path, text: str) -> Settings:
    (folder / "flow.json").write_text("{}")
    (folder / "bridgetap.toml").write_text(text)
    return Settings.load(folder / "bridgetap.toml", {})


def test_sip_and_media(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        """
[sip]
listen = ["udp://127.0.0.1:5070", "tcp://[::1]:5070"]
external_address = "203.0.113.7"
local_networks = ["10.0.0.0/8"]
trusted_ca = "sip-ca.pem"
realm = "pbx"
[media]
ports = [20000, 20100]
threads = 2
rtp_timeout_ms = 1234
[calls]
max_calls = 50
[streams]
trusted_ca = "ca.pem"
allow_networks = ["127.0.0.0/8"]
close_drain_ms = 777
""",
    )
    sip = sip_config(found, trace=tmp_path / "t.pcap")
    assert sip.listen == ["udp://127.0.0.1:5070", "tcp://[::1]:5070"]
    assert (sip.external_address, sip.local_networks, sip.realm) == ("203.0.113.7", ("10.0.0.0/8",), "pbx")
    assert (sip.trusted_ca, sip.trace) == (str(tmp_path / "sip-ca.pem"), str(tmp_path / "t.pcap"))
    assert sip.max_dialogs == 550
    media = media_config(found)
    assert (media.ports, media.threads, media.rtp_timeout_ms, media.close_drain_ms) == ((20000, 20100), 2, 1234, 777)
    assert (media.trusted_ca, media.allow_networks) == (str(tmp_path / "ca.pem"), ("127.0.0.0/8",))
    assert sip_config(found).trace is None


def test_who_may_call(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        """
[[trunks]]
name = "carrier"
uri = "sip:carrier.example"
allow_from = ["198.51.100.0/24", "2001:db8::1"]
[[trunks]]
name = "outgoing-only"
uri = "sip:198.51.100.200"
[[users]]
username = "alice"
password = "secret"
[[users]]
username = "bob"
ha1 = "0123456789ABCDEF0123456789abcdef"
ha1_sha256 = "%s"
"""
        % ("ab" * 32),
    )
    assert admissions(found) == [
        Admission(network="198.51.100.0/24", trunk="carrier"),
        Admission(network="2001:db8::1/128", trunk="carrier"),
    ]
    alice, bob = users(found)
    assert alice == User(username="alice", ha1=hashlib.md5(b"alice:bridgetap:secret").hexdigest())
    assert bob == User(username="bob", ha1="0123456789abcdef" * 2, ha1_sha256="ab" * 32)


@pytest.mark.parametrize(
    ("sip", "host"),
    [
        ('listen = ["udp://192.0.2.1:5060"]', "192.0.2.1"),
        ('listen = ["udp://[::]:5060", "udp://[2001:db8::1]:5062"]', "[2001:db8::1]"),
        ('listen = ["udp://0.0.0.0:5060"]\nexternal_address = "203.0.113.7"', "203.0.113.7"),
        ('listen = ["udp://0.0.0.0:5060"]', "198.51.100.5"),
    ],
)
def test_the_host_in_our_own_addresses(tmp_path: Path, sip: str, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MediaAddresses, "default", lambda self, version: "198.51.100.5")
    found = settings(tmp_path, f"[sip]\n{sip}\n")
    assert own_host(found, MediaAddresses(clock=VirtualClock())) == host
