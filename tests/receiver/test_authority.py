"""Certificates for a try: made once, gone on with, made anew before they expire."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridgetap.receiver import loopback_tls

FILES = ("ca.pem", "server.pem", "server.key")


def made(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in FILES]


def trusted(folder: Path, server: ssl.SSLContext) -> bool:
    """Whether a client that trusts the folder's `ca.pem` takes the server for localhost."""
    client = ssl.create_default_context(cafile=folder / "ca.pem")
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    ours = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    for _ in range(3):
        for end in (ours, theirs):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError:
                return False
    return True


def test_the_one_that_is_trusted_already_serves_again(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "on the way"
    assert trusted(folder, loopback_tls(folder))
    before = made(folder)
    assert trusted(folder, loopback_tls(folder))
    assert made(folder) == before
    assert (folder / "server.key").stat().st_mode & 0o077 == 0


def test_one_that_is_about_to_expire_is_made_anew(tmp_path: Path) -> None:
    loopback_tls(tmp_path)
    before = made(tmp_path)
    assert trusted(tmp_path, loopback_tls(tmp_path, now=datetime.now(UTC) + timedelta(hours=47, minutes=30)))
    assert not set(made(tmp_path)) & set(before)


@pytest.mark.parametrize("name", FILES)
def test_what_is_damaged_or_of_another_authority_is_made_anew(tmp_path: Path, name: str) -> None:
    for folder in (tmp_path / "here", tmp_path / "other"):
        loopback_tls(folder)
    here, other = tmp_path / "here", tmp_path / "other"
    for wrong in ((other / name).read_bytes(), b"half a fi", None):
        (here / name).unlink()
        if wrong is not None:
            (here / name).write_bytes(wrong)
        assert trusted(here, loopback_tls(here))
