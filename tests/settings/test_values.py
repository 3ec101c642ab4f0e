"""The small types: addresses and numbers, there and back."""

import re
from ipaddress import IPv4Address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from bridgetap.errors import InvalidInput
from bridgetap.settings import HostPort, ListenAddress, NumberSettings, normalise_number
from bridgetap.webhooks import WebhookUrl

addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6).filter(lambda a: a.ipv4_mapped is None))
listens = st.builds(
    ListenAddress, transport=st.sampled_from(["udp", "tcp", "tls"]), address=addresses, port=st.integers(0, 65535)
)


@given(listens)
def test_parse_undoes_str(listen: ListenAddress) -> None:
    assert ListenAddress.parse(str(listen)) == listen


@given(st.builds(HostPort, address=addresses, port=st.integers(0, 65535)))
def test_parse_undoes_str_of_host_and_port(listen: HostPort) -> None:
    assert HostPort.parse(str(listen)) == listen


@pytest.mark.parametrize(
    ("text", "listen"),
    [
        ("udp://127.0.0.1", ("udp", 5060)),
        ("tls://127.0.0.1", ("tls", 5061)),
        ("tcp://localhost:0", ("tcp", 0)),
    ],
)
def test_what_may_be_left_out(text: str, listen: tuple[str, int]) -> None:
    parsed = ListenAddress.parse(text)
    assert (parsed.transport, parsed.port, parsed.address) == (*listen, IPv4Address("127.0.0.1"))


@pytest.mark.parametrize(
    "text", ["", "udp:127.0.0.1:5060", "UDP://127.0.0.1:1", "udp://::1:5060", "udp://1.2.3:5", "udp://[::1"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError):
        ListenAddress.parse(text)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("+15551230000", "+15551230000"),
        ("+1 (555) 123-0000", "+15551230000"),
        ("0015551230000", "+15551230000"),
        ("tel:+1-555-123-0000", "+15551230000"),
        ("sip:+15551230000@carrier.example;user=phone", "+15551230000"),
        ("100", "100"),
        ("00", "00"),
        ("*98", "*98"),
        ("alice", "alice"),
        ("*", "*"),
    ],
)
def test_numbers_written_differently_are_one(written: str, number: str) -> None:
    assert normalise_number(written) == number


@given(st.text(max_size=30))
@example(": @")
@example("sip: tel:+15551230000")
def test_a_normalised_number_stays_as_it_is(text: str) -> None:
    once = normalise_number(text)
    assert normalise_number(once) == once


@given(st.from_regex(r"(https?|HTTP|ftp):/{0,2}[a-z\[\]:@.#?/%0-9 é-]{0,20}", fullmatch=True))
@example("https://a.example:0/")
@example("https://a.example:/")
@example("https://a.example/" + "x" * 4096)
@example("https://me:s3cret@a.example/voice?k=s3cret#rc=2")
def test_a_web_server_of_the_configuration_can_be_called_or_is_refused_at_once(text: str) -> None:
    """What starts has no address that the first call finds out about."""
    try:
        WebhookUrl.parse(text)
        rule = ""
    except InvalidInput as error:
        rule = error.rule
    if rule:
        with pytest.raises(ValidationError, match=re.escape(rule)):
            NumberSettings.model_validate({"number": "*", "voice_url": text})
    else:
        NumberSettings.model_validate({"number": "*", "voice_url": text})
