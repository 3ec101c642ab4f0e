"""What the interop tests share: certificates of loopback and tone files."""

import resource
import struct
import wave
from pathlib import Path

import pytest

from .certificates import Authority
from .tones import CALLEE_HZ, CALLER_HZ, RATE, tone, ulaw

# A program of others that falls over leaves no memory of calls, keys included, in somebody's checkout.
resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A CA of our own."""
    return Authority.make(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def localhost(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost, 127.0.0.1 and ::1, and its key."""
    return authority.issue(tmp_path_factory.mktemp("localhost"), "localhost")


@pytest.fixture(scope="session")
def tone_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with caller and callee tones, as WAV (baresip) and raw µ-law (sipp)."""
    folder = tmp_path_factory.mktemp("tones")
    for name, hz in (("caller", CALLER_HZ), ("callee", CALLEE_HZ)):
        samples = tone(hz, 4)
        (folder / f"{name}.ulaw").write_bytes(ulaw(samples))
        with wave.open(str(folder / f"{name}.wav"), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(RATE)
            out.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return folder
