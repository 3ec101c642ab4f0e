"""TLS files of one peer, read once at the start: one that cannot be used is told then, not in the first call."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from .base import broken


class TlsFiles(Protocol):
    """A section that has them."""

    @property
    def trusted_ca(self) -> Path | None: ...
    @property
    def client_certificate(self) -> Path | None: ...
    @property
    def client_key(self) -> Path | None: ...


def check_tls_files(files: TlsFiles) -> None:
    """The error of a validator, at the key that is to blame."""
    certificate, key, authorities = files.client_certificate, files.client_key, files.trusted_ca
    if (certificate is None) != (key is None):
        missing = "client_key" if key is None else "client_certificate"
        raise broken(missing, "client_certificate and client_key go together")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if authorities is not None:
        _usable("trusted_ca", authorities, lambda: context.load_verify_locations(authorities))
    if certificate is not None:
        # An empty password: one that is wanted is a fault, and must not be asked of the terminal.
        _usable("client_certificate", certificate, lambda: context.load_cert_chain(certificate, key, password=""))


def _usable(key: str, path: Path, load: Callable[[], None]) -> None:
    try:
        load()
    except ssl.SSLError as error:
        raise broken(key, f"{path} cannot be used: {error.reason or error}") from None
    except OSError as error:
        raise broken(key, f"{path} cannot be read: {error.strerror}") from None
