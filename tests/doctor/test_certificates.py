"""Certificate chains, good and broken, as the core's TLS would judge them."""

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from bridgetap.doctor.certificates import describe, judge_chain

NOW = datetime(2026, 11, 28, tzinfo=UTC)
HOST = "media.example.com"
Made = tuple[x509.Certificate, Any]


def made(
    common: str,
    issuer: Made | None = None,
    *,
    names: Sequence[str] = (),
    ca: bool | None = None,
    key: Any = None,
    days: tuple[int, int] = (-10, 60),
    purposes: Sequence[x509.ObjectIdentifier] = (),
    issuer_at: str = "",
) -> Made:
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=days[0]))
        .not_valid_after(NOW + timedelta(days=days[1]))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([general(name) for name in names]), critical=False)
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    if issuer_at:
        where = x509.UniformResourceIdentifier(issuer_at)
        access = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, where)
        builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256()), key


def general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def der(*certificates: Made) -> list[bytes]:
    return [certificate.public_bytes(serialization.Encoding.DER) for certificate, _ in certificates]


ROOT = made("Example Root", ca=True)
OTHER = made("Another Root", ca=True)
MIDDLE = made("Example Intermediate", ROOT, ca=True)
OWN = made("localhost", names=[HOST], ca=True)
PLAIN_OWN = made("localhost", names=[HOST], ca=False)
CROSS = made("Example Intermediate", OTHER, ca=True, key=MIDDLE[1], days=(-90, -1))
EXPIRED = made("Somebody", ca=True, days=(-90, -1))
SIGNED = made("a", ROOT, names=[HOST])
# One number of an identifier changed: P-256 to a curve, ECDSA with SHA-256 to a signature, that there is not.
RARE_CURVE = der(SIGNED)[0].replace(bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a8648ce3d030177"))
RARE_SIGNATURE = der(SIGNED)[0].replace(bytes.fromhex("06082a8648ce3d040302"), bytes.fromhex("06082a8648ce3d040309"))
CA_ISSUERS = "http://example.com/intermediate.crt"

CASES: list[tuple[str, list[bytes], list[bytes], set[str], str]] = [
    ("good", der(made("a", MIDDLE, names=[HOST]), MIDDLE), der(ROOT), set(), ""),
    ("a wildcard", der(made("a", ROOT, names=["*.example.com"])), der(ROOT), set(), ""),
    ("the intermediate is trusted itself", der(made("a", MIDDLE, names=[HOST])), der(MIDDLE), set(), ""),
    ("self-signed, no CA, trusted", der(PLAIN_OWN), der(PLAIN_OWN), set(), ""),
    ("self-signed, no CA", der(PLAIN_OWN), der(ROOT), {"tls.self-signed"}, "self-signed"),
    ("a CA as leaf, trusted", der(OWN), der(OWN), {"tls.ca-as-leaf"}, "CA:TRUE"),
    ("a CA as leaf", der(OWN), der(ROOT), {"tls.ca-as-leaf"}, "trusting it does not help"),
    ("a common name only", der(made(HOST, ROOT)), der(ROOT), {"tls.common-name-only"}, HOST),
    ("another name", der(made("a", ROOT, names=["b.test"])), der(ROOT), {"tls.wrong-name"}, "but for b.test"),
    ("a wildcard for two labels", der(made("a", ROOT, names=["*.com"])), der(ROOT), {"tls.wrong-name"}, "*.com"),
    ("expired", der(made("a", ROOT, names=[HOST], days=(-90, -1))), der(ROOT), {"tls.expired"}, "2026-11-27"),
    ("not yet valid", der(made("a", ROOT, names=[HOST], days=(1, 90))), der(ROOT), {"tls.not-yet-valid"}, "2026-11-29"),
    ("soon over", der(made("a", ROOT, names=[HOST], days=(-9, 9))), der(ROOT), {"tls.expires-soon"}, "2026-12-07"),
    ("a stranger's", der(made("a", OTHER, names=[HOST])), der(ROOT), {"tls.unknown-issuer"}, "Another Root"),
    (
        "without its intermediate",
        der(made("a", MIDDLE, names=[HOST], issuer_at=CA_ISSUERS)),
        der(ROOT),
        {"tls.incomplete-chain"},
        "Example Intermediate",
    ),
    (
        "for clients",
        der(made("a", ROOT, names=[HOST], purposes=[ExtendedKeyUsageOID.CLIENT_AUTH])),
        der(ROOT),
        {"tls.purpose"},
        "serverAuth",
    ),
    (
        "a short key",
        der(made("a", ROOT, names=[HOST], key=rsa.generate_private_key(65537, 1024))),
        der(ROOT),
        {"tls.key"},
        "1024 bits",
    ),
    (
        "a rare curve",
        der(made("a", ROOT, names=[HOST], key=ec.generate_private_key(ec.SECP521R1()))),
        der(ROOT),
        {"tls.key"},
        "secp521r1",
    ),
    (
        "everything at once",
        der(made("a", OTHER, names=["b.test"], days=(-90, -1))),
        der(ROOT),
        {"tls.expired", "tls.wrong-name", "tls.unknown-issuer"},
        "expired",
    ),
    (
        "an expired cross-signature beside the way to the root",
        der(made("a", MIDDLE, names=[HOST]), CROSS, MIDDLE),
        der(ROOT),
        set(),
        "",
    ),
    ("an expired stranger beside it", der(made("a", ROOT, names=[HOST]), EXPIRED), der(ROOT), set(), ""),
    (
        "the way to the root has expired",
        der(made("a", CROSS, names=[HOST]), CROSS),
        der(OTHER),
        {"tls.expired"},
        "the intermediate 'Example Intermediate' expired",
    ),
    (
        "trusted itself, its issuer not",
        der(SIGNED),
        der(SIGNED),
        {"tls.unknown-issuer"},
        "'Example Root' has signed it",
    ),
    (
        "a key of a curve that nobody knows",
        [RARE_CURVE],
        der(ROOT),
        {"tls.key", "tls.unknown-issuer"},
        "of a rare kind",
    ),
    (
        "a signature of a kind that nobody knows",
        [RARE_SIGNATURE],
        der(ROOT),
        {"tls.old-signature", "tls.unknown-issuer"},
        "in a way that nobody knows here (1.2.840.10045.4.3.9)",
    ),
    ("none", [], der(ROOT), {"tls.none"}, "no certificate"),
    ("no certificate at all", [b"\x30\x03abc"], der(ROOT), {"tls.unreadable"}, "cannot be read"),
]


@pytest.mark.parametrize(("chain", "roots", "kinds", "words"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_chain(chain: list[bytes], roots: list[bytes], kinds: set[str], words: str) -> None:
    findings = judge_chain(chain, roots=roots, host=HOST, now=NOW)
    assert {finding.kind for finding in findings} == kinds
    assert not findings or words in findings[0].text
    assert all(finding.change for finding in findings)
    assert {finding.code for finding in findings} <= {31910, None}


@pytest.mark.parametrize(("host", "good"), [("10.0.0.5", True), ("10.0.0.6", False), ("::1", True)])
def test_an_address_is_named_as_an_address(host: str, good: bool) -> None:
    chain = der(made("a", ROOT, names=["10.0.0.5", "::1"]))
    assert (judge_chain(chain, roots=der(ROOT), host=host, now=NOW) == []) is good


def test_another_public_key_than_the_pinned_is_named() -> None:
    certificate, key = made("a", ROOT, names=[HOST])
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    digest = hashlib.sha256(public).digest()
    chain = der((certificate, key))

    def judged(*pins: bytes) -> list[str]:
        return [one.text for one in judge_chain(chain, roots=der(ROOT), host=HOST, now=NOW, pins=pins)]

    assert judged(bytes(32), digest) == []
    (text,) = judged(bytes(32))
    assert f"sha256/{base64.b64encode(digest).decode()}" in text


def test_pins_and_a_key_that_nobody_knows() -> None:
    findings = judge_chain([RARE_CURVE], roots=der(ROOT), host=HOST, now=NOW, pins=[bytes(32)])
    assert {one.kind for one in findings} == {"tls.key", "tls.unknown-issuer"}


def test_a_chain_of_look_alikes_is_judged_in_bounded_time() -> None:
    twins = [made("Example Root", ca=True, key=OTHER[1]) for _ in range(15)]
    leaf = made("a", twins[0], names=[HOST])
    findings = judge_chain(der(leaf, *twins), roots=der(MIDDLE), host=HOST, now=NOW)
    assert [one.kind for one in findings] == ["tls.unknown-issuer"]


def test_the_chain_in_one_line() -> None:
    chain = der(made("media", MIDDLE, names=[HOST]), MIDDLE)
    assert describe(chain) == "media ← Example Intermediate, until 2027-01-27"


@given(st.lists(st.binary(max_size=200), max_size=4))
def test_no_bytes_raise(chain: list[bytes]) -> None:
    judge_chain(chain, roots=[], host=HOST, now=NOW)
    describe(chain)
