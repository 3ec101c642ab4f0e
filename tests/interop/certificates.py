"""A CA and certificates for loopback, and the broken kinds that people really have."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PEM = serialization.Encoding.PEM


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA of our own."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    path: Path

    @classmethod
    def make(cls, folder: Path, name: str = "interop CA") -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(name)
        certificate = (
            _builder(subject, subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        path = folder / "ca.pem"
        path.write_bytes(certificate.public_bytes(PEM))
        return cls(certificate, key, path)

    def issue(
        self, folder: Path, label: str, *, names: tuple[str, ...] = ("localhost", "127.0.0.1", "::1"), days: int = 2
    ) -> tuple[Path, Path]:
        """A server certificate and its key; no `names` leaves the common name alone (refused by all today)."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name("localhost"), self.certificate.subject, key.public_key(), days=days)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([_general(n) for n in names]), critical=False)
        return _write(folder, label, builder.sign(self.key, hashes.SHA256()), key)


def self_signed(folder: Path, label: str) -> tuple[Path, Path]:
    """One certificate that is leaf and authority at once: what `openssl req -x509` makes."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name("localhost")
    builder = (
        _builder(subject, subject, key.public_key())
        .add_extension(x509.SubjectAlternativeName([_general("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    return _write(folder, label, builder.sign(key, hashes.SHA256()), key)


def _write(
    folder: Path, label: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> tuple[Path, Path]:
    paths = folder / f"{label}.pem", folder / f"{label}.key"
    paths[0].write_bytes(certificate.public_bytes(PEM))
    paths[1].write_bytes(
        key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
    return paths


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, *, days: int = 2
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=10))
        .not_valid_after(now + timedelta(days=days))
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
