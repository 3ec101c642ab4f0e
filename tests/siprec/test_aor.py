"""Addresses of record: whatever a call names becomes a URI that stands in XML."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridgetap.siprec.aor import aor_of

URI = re.compile(r"(?:tel:\+[0-9]+|(?:sips?|tel):(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+)")


@pytest.mark.parametrize(
    ("address", "aor"),
    [
        ("+15551230000", "tel:+15551230000"),
        ("sip:bob@voice.example.com", "sip:bob@voice.example.com"),
        ("SIPS:bob@[2001:db8::1]:5061;transport=tls", "sips:bob@[2001:db8::1]:5061;transport=tls"),
        ("sip:b%20b@x;user=phone?X=y", "sip:b%20b@x;user=phone?X=y"),
        ("tel:+49-30-1234;ext=7", "tel:+49-30-1234;ext=7"),
        ("alice", "sip:alice@here.example"),
        ("client:alice", "sip:alice@here.example"),
        ("110", "sip:110@here.example"),
        ("anonymous", "sip:anonymous@here.example"),
        ("", "sip:anonymous@anonymous.invalid"),
        ('A "B" <c&d>', "sip:A%20%22B%22%20%3Cc&d%3E@here.example"),
        ("sip:100%@x", "sip:100%25@x"),
        ("mark@home", "sip:mark%40home@here.example"),
    ],
)
def test_an_address_becomes_a_uri(address: str, aor: str) -> None:
    """36: numbers, SIP addresses with parameters, users, nobody, and names that XML would choke on."""
    assert aor_of(address, domain="here.example") == aor


@given(st.text(max_size=60))
def test_any_address_becomes_a_uri(address: str) -> None:
    assert URI.fullmatch(aor_of(address, domain="here.example"))
