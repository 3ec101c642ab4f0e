"""What keeps a server's certificate chain from being accepted, everything at once. Pure.

The rules are those of the core's TLS (rustls with ring), which is stricter than OpenSSL: a CA
certificate is no server's, a common name names nobody (RFC 9525).
"""

import hashlib
import warnings
from base64 import b64encode
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import islice

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from .report import Finding, fault, plain, warning

TLS_FAILED = 31910
SOON = timedelta(days=14)
_LONGEST_CHAIN = 16
_STEPS, _PATHS = 300, 8  # a chain of look-alikes has more ways to go than anybody has time


def judge_chain(
    chain: Sequence[bytes], *, roots: Sequence[bytes], host: str, now: datetime, pins: Sequence[bytes] = ()
) -> list[Finding]:
    """`chain` as the server sends it, `roots` as trusted, both DER; `pins` are SHA-256 digests of public keys."""
    try:
        certificates = [_load(der) for der in chain[:_LONGEST_CHAIN]]
        return [*_judge(certificates, _readable(roots), host, now), *_pinned(certificates, pins)]
    except (ValueError, x509.InvalidVersion, x509.DuplicateExtension) as error:
        return [
            _bad("unreadable", f"a certificate cannot be read: {plain(str(error))}", "make a new X.509 v3 certificate")
        ]


def describe(chain: Sequence[bytes]) -> str:
    """The chain in one line: names and the leaf's last day."""
    try:
        certificates = [_load(der) for der in chain[:_LONGEST_CHAIN]]
        names = " ← ".join(_title(certificate.subject) for certificate in certificates)
        return f"{names}, until {certificates[0].not_valid_after_utc:%Y-%m-%d}" if certificates else ""
    except (ValueError, x509.InvalidVersion):
        return ""


def _judge(
    chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], host: str, now: datetime
) -> Iterator[Finding]:
    if not chain:
        yield _bad("none", "the server sends no certificate", "configure a certificate and its key")
        return
    leaf = chain[0]
    trusted = [[*_dates(path, now), *_signatures(path)] for path in islice(_paths(chain, roots), _PATHS)]
    # What a server sends beside the way to something trusted (an old cross-signature) harms nobody.
    yield from min(trusted, key=len) if trusted else [*_dates(chain, now), *_signatures(chain)]
    yield from _names(leaf, host)
    yield from _use(leaf)
    yield from _key_strength(leaf)
    if not trusted:
        yield from _issuer(chain, roots)


def _pinned(chain: Sequence[x509.Certificate], pins: Sequence[bytes]) -> Iterator[Finding]:
    key = _public_key(chain[0]) if pins and chain else None
    if key is None:
        return
    digest = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    if digest not in pins:
        yield _bad(
            "pin",
            f"the certificate's public key is sha256/{b64encode(digest).decode()}, which is not among the pins",
            "if the server's key was changed on purpose, put this into certificate_pins; keep the key when renewing",
        )


def _dates(chain: Sequence[x509.Certificate], now: datetime) -> Iterator[Finding]:
    for index, certificate in enumerate(chain):
        which = "the certificate" if index == 0 else f"the intermediate {_title(certificate.subject)!r}"
        if certificate.not_valid_after_utc < now:
            yield _bad(
                "expired",
                f"{which} expired on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC",
                "renew it and restart or reload the server: a renewed file is not read by itself",
            )
        elif certificate.not_valid_before_utc > now:
            yield _bad(
                "not-yet-valid",
                f"{which} is valid only from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC",
                "set the clocks right (NTP), here and where it was made",
            )
        elif index == 0 and certificate.not_valid_after_utc - now < SOON:
            yield warning(
                "tls.expires-soon",
                f"{which} expires on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC",
                "renew it, and see that the renewal runs by itself",
            )


def _names(leaf: x509.Certificate, host: str) -> Iterator[Finding]:
    address = _address(host)
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        common = _title(leaf.subject)
        kind = "IP" if address else "DNS"
        yield _bad(
            "common-name-only",
            f"the certificate names {common!r} as common name (CN) only; without a subjectAltName it names no host",
            f"make it again with subjectAltName={kind}:{host} (openssl req -addext 'subjectAltName={kind}:{host}')",
        )
        return
    dns = names.get_values_for_type(x509.DNSName)
    addresses = names.get_values_for_type(x509.IPAddress)
    fits = address in addresses if address else any(_matches(name, host) for name in dns)
    if not fits:
        listed = ", ".join([*dns, *map(str, addresses)][:6]) or "no host at all"
        yield _bad(
            "wrong-name",
            f"the certificate is not for {host}, but for {plain(listed)}",
            f"use a URL with one of these names, or a certificate whose subjectAltName holds {host}",
        )


def _use(leaf: x509.Certificate) -> Iterator[Finding]:
    if leaf.version is not x509.Version.v3:
        yield _bad(
            "version",
            "the certificate is of X.509 version 1, which can name no host",
            "make one of version 3 (openssl x509 -req needs -extfile or -copy_extensions copy)",
        )
    if _is_authority(leaf):
        own = "a self-signed certificate that is an authority too" if _self_issued(leaf) else "an authority's"
        yield _bad(
            "ca-as-leaf",
            f"the server's certificate is {own} (CA:TRUE): trusting it does not help, a CA is no server",
            "sign a server certificate with it (basicConstraints=CA:FALSE, subjectAltName), serve that one, and put "
            "only the CA into streams.trusted_ca (openssl req -x509 makes CA:TRUE unless told otherwise)",
        )
    try:
        usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(usages):
        yield _bad(
            "purpose",
            "the certificate is not for servers: its extended key usage lacks serverAuth",
            "make it again with extendedKeyUsage=serverAuth",
        )


def _key_strength(leaf: x509.Certificate) -> Iterator[Finding]:
    key = _public_key(leaf)
    if isinstance(key, rsa.RSAPublicKey):
        good, kind = 2048 <= key.key_size <= 8192, f"RSA with {key.key_size} bits"
    elif isinstance(key, ec.EllipticCurvePublicKey):
        good, kind = isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1), f"on the curve {key.curve.name}"
    else:
        good, kind = isinstance(key, ed25519.Ed25519PublicKey), "of a rare kind"
    if not good:
        yield _bad(
            "key",
            f"the certificate's key is {kind}, which is not accepted",
            "make one with an RSA key of 2048 to 8192 bits, or on P-256 or P-384",
        )


def _signatures(path: Sequence[x509.Certificate]) -> Iterator[Finding]:
    for certificate in path:
        try:
            digest = certificate.signature_hash_algorithm
        except UnsupportedAlgorithm:
            how = f"in a way that nobody knows here ({certificate.signature_algorithm_oid.dotted_string})"
        else:
            if not isinstance(digest, hashes.SHA1 | hashes.MD5) or _self_issued(certificate):
                continue
            how = f"with {digest.name}"
        yield _bad(
            "old-signature", f"{_title(certificate.subject)!r} is signed {how}", "have it signed anew with SHA-256"
        )


def _paths(
    chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]
) -> Iterator[Sequence[x509.Certificate]]:
    """Every way from the leaf to an issuer that is trusted, without that one; the order of the rest does not matter."""
    steps = iter(range(_STEPS))

    def further(path: list[x509.Certificate]) -> Iterator[Sequence[x509.Certificate]]:
        if any(_issued(path[-1], root) for root in roots):
            yield path
        for other in chain[1:]:
            if next(steps, None) is None:
                return
            if other not in path and _issued(path[-1], other):
                yield from further([*path, other])

    return further([chain[0]])


def _issuer(chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]) -> Iterator[Finding]:
    """Why nothing trusted was found: where following the issuers ends."""
    current, left = chain[0], list(chain[1:])
    while following := next((other for other in left if _issued(current, other)), None):
        left.remove(following)
        current = following
    leaf, issuer = chain[0], _title(current.issuer)
    if _self_issued(leaf):
        if not _is_authority(leaf):
            yield _bad(
                "self-signed",
                "the certificate is self-signed, and nobody trusts it",
                "use a certificate of a public authority; or sign it with a CA of your own and give that CA with "
                "--ca, and to the server as streams.trusted_ca",
            )
    elif current is leaf and _names_issuer_address(leaf):
        yield _bad(
            "incomplete-chain",
            f"the server sends its own certificate alone; the intermediate {issuer!r} that signed it is missing",
            "serve the full chain, leaf first (certbot: fullchain.pem; nginx: ssl_certificate; Node: cert). Browsers "
            "fetch what is missing, other clients do not",
        )
    elif leaf in roots:
        yield _bad(
            "unknown-issuer",
            f"the certificate itself is among the trusted authorities, but {issuer!r} has signed it",
            "trust its issuer instead: put that authority into --ca, and into streams.trusted_ca of the server",
        )
    else:
        yield _bad(
            "unknown-issuer",
            f"the chain ends at the issuer {issuer!r}, which is not trusted here",
            "if it is your own authority, give it with --ca, and to the server as streams.trusted_ca; if it is an "
            "intermediate, serve the full chain, leaf first",
        )


def _readable(roots: Sequence[bytes]) -> list[x509.Certificate]:
    found = []
    for der in roots:
        try:
            found.append(_load(der))
        except (ValueError, x509.InvalidVersion):  # some system roots are older than the rules
            continue
    return found


def _load(der: bytes) -> x509.Certificate:
    """Raises `ValueError` or `InvalidVersion`; some old roots break rules that are only warned of."""
    with warnings.catch_warnings(action="ignore"):
        return x509.load_der_x509_certificate(der)


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    if certificate.issuer != issuer.subject:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _public_key(certificate: x509.Certificate) -> CertificatePublicKeyTypes | None:
    """None: of a kind that nobody knows here."""
    try:
        return certificate.public_key()
    except UnsupportedAlgorithm:
        return None


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _self_issued(certificate: x509.Certificate) -> bool:
    return certificate.issuer == certificate.subject


def _names_issuer_address(certificate: x509.Certificate) -> bool:
    """Public authorities say where the issuer's certificate can be fetched."""
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return False
    return any(one.access_method == AuthorityInformationAccessOID.CA_ISSUERS for one in access)


def _matches(pattern: str, host: str) -> bool:
    """RFC 9525 §6.3: a wildcard stands for one whole label, the leftmost."""
    pattern, host = pattern.lower().rstrip("."), host.lower().rstrip(".")
    if not pattern.startswith("*."):
        return pattern == host
    return host.partition(".")[2] == pattern[2:] != ""


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _title(name: x509.Name) -> str:
    """A name as people know it."""
    for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        if found := name.get_attributes_for_oid(oid):
            return plain(str(found[0].value), most=60)
    return plain(name.rfc4514_string(), most=60) or "(no name)"


def _bad(name: str, text: str, change: str) -> Finding:
    return fault(f"tls.{name}", text, change, TLS_FAILED)
