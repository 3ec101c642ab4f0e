"""Which of our addresses carries RTP, and which one the peer is told."""

from ipaddress import ip_address, ip_network

import pytest

from bridgetap.calls import MediaAddress, MediaAddresses
from bridgetap.calls import media_address as module
from bridgetap.clock import VirtualClock
from bridgetap.settings import Address

EXTERNAL, LAN = ip_address("203.0.113.7"), [ip_network("10.0.0.0/8")]


@pytest.mark.parametrize(
    ("local", "remote", "external", "fixed", "bind", "advertised"),
    [
        ("192.0.2.1:5060", "198.51.100.1:5060", None, None, "192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:5060", "198.51.100.1:5060", EXTERNAL, None, "192.0.2.1", "203.0.113.7"),
        ("10.0.0.1:5060", "10.9.9.9:5060", EXTERNAL, None, "10.0.0.1", "10.0.0.1"),
        ("127.0.0.1:5060", "127.0.0.1:9", EXTERNAL, None, "127.0.0.1", "127.0.0.1"),
        ("[2001:db8::5]:5060", "[2001:db8::6]:5060", EXTERNAL, None, "2001:db8::5", "2001:db8::5"),
        ("[::ffff:192.0.2.1]:5060", "[::ffff:198.51.100.1]:1", None, None, "192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:5060", "198.51.100.1:5060", None, ip_address("192.0.2.9"), "192.0.2.9", "192.0.2.9"),
    ],
)
def test_a_call_that_came_in(
    local: str, remote: str, external: Address | None, fixed: Address | None, bind: str, advertised: str
) -> None:
    addresses = MediaAddresses(clock=VirtualClock(), fixed=fixed, external=external, local_networks=LAN)
    assert addresses.between(local=local, remote=remote) == MediaAddress(bind=bind, advertised=advertised)


def test_audio_over_another_ip_version_than_sip() -> None:
    chosen = MediaAddresses(clock=VirtualClock()).between(local="192.0.2.1:1", remote="198.51.100.1:1", version=6)
    assert ip_address(chosen.bind).version == 6


@pytest.mark.parametrize(("host", "bind"), [("127.0.0.1", "127.0.0.1"), ("[::1]", "::1")])
async def test_a_call_that_goes_out_leaves_by_the_machines_route(host: str, bind: str) -> None:
    addresses = MediaAddresses(clock=VirtualClock(), external=EXTERNAL)
    assert await addresses.towards(host) == MediaAddress(bind=bind, advertised=bind)


async def test_a_name_is_looked_up_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def look_up(host: str) -> Address:
        asked.append(host)
        return ip_address("127.0.0.1")

    monkeypatch.setattr(module, "_look_up", look_up)
    clock = VirtualClock()
    addresses = MediaAddresses(clock=clock)
    for _ in range(3):
        assert (await addresses.towards("carrier.example")).bind == "127.0.0.1"
        clock.advance(25)
    assert asked == ["carrier.example"]
    await addresses.towards("carrier.example")
    assert asked == ["carrier.example"] * 2


async def test_the_names_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    async def look_up(_: str) -> Address:
        return ip_address("127.0.0.1")

    monkeypatch.setattr(module, "_look_up", look_up)
    addresses = MediaAddresses(clock=VirtualClock())
    for number in range(module.MOST_NAMES + 50):
        await addresses.towards(f"host{number}.example")
    assert len(addresses._found) == module.MOST_NAMES


async def test_a_name_that_does_not_resolve_takes_the_default_route() -> None:
    chosen = await MediaAddresses(clock=VirtualClock()).towards("name.invalid")
    assert ip_address(chosen.bind).version == 4
