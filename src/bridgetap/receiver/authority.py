"""A made-up certificate authority and one server certificate, for loopback: demo, simulator, tests.

Streams go over TLS only, and a test is no reason for an exception: the sender is given `ca_file`
as `streams.trusted_ca`, the receiver `server_context()`.
"""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_LIFE = timedelta(days=2)
_LEAST_LEFT = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """Three PEM files."""

    ca_file: Path
    certificate_file: Path
    key_file: Path

    def server_context(self) -> ssl.SSLContext:
        """For the receiver."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate_file, self.key_file)
        return context

    def client_context(self) -> ssl.SSLContext:
        """For a Python client that trusts this authority only."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.ca_file)
        return context


def loopback_tls(folder: Path, *, now: datetime | None = None) -> ssl.SSLContext:
    """The server's side for a try on this machine, with the authority in `folder`, whose `ca.pem` the sender trusts.

    It is made where there is none, and anew where it has less than an hour left; otherwise the one that is trusted
    already serves.
    """
    files = _files(folder)
    if not _last(files, (now or datetime.now(UTC)) + _LEAST_LEFT):
        folder.mkdir(parents=True, exist_ok=True)
        files = make_authority(folder)
    return files.server_context()


def make_authority(folder: Path, *, names: Sequence[str] = LOOPBACK) -> Authority:
    """Write `ca.pem`, `server.pem` and `server.key` into `folder`; the authority's own key is thrown away."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = _name("Bridgetap made-up authority")
    ca = (
        _builder(ca_name, ca_name, ca_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    certificate = (
        _builder(_name("Bridgetap loopback"), ca_name, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    files = _files(folder)
    files.ca_file.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    files.certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files.key_file.unlink(missing_ok=True)
    files.key_file.touch(mode=0o600)
    files.key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


def _files(folder: Path) -> Authority:
    return Authority(ca_file=folder / "ca.pem", certificate_file=folder / "server.pem", key_file=folder / "server.key")


def _last(files: Authority, until: datetime) -> bool:
    """Whether all three are there, belong together and are good until then."""
    try:
        made = [x509.load_pem_x509_certificate(path.read_bytes()) for path in (files.ca_file, files.certificate_file)]
        made[1].verify_directly_issued_by(made[0])
        files.server_context()
    except (OSError, ValueError, InvalidSignature):  # ssl.SSLError is an OSError
        return False
    return all(certificate.not_valid_after_utc > until for certificate in made)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _LIFE)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
