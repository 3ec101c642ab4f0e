"""What the doctor's tests share: authorities and certificates of loopback."""

from pathlib import Path

import pytest

from tests.interop.certificates import Authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A CA of our own."""
    return Authority.make(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def localhost(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost and its key."""
    return authority.issue(tmp_path_factory.mktemp("localhost"), "localhost", days=60)
