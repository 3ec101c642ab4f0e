"""How far streams were kept: what a sender asks, and numbers that survive."""

from pathlib import Path

import pytest

from bridgetap.ids import StreamSid
from bridgetap.receiver import KeptInFolder
from bridgetap.receiver.kept import Asked

from .frames import MZ

SID = StreamSid(MZ)


@pytest.mark.parametrize(
    ("header", "asked"),
    [
        (f"{MZ}; sent=17", Asked(stream_sid=SID, sent=17)),
        (f" {MZ} ;sent=0 ", Asked(stream_sid=SID, sent=0)),
        (MZ, Asked(stream_sid=SID, sent=None)),
        (None, None),
        ("", None),
        ("MZ12; sent=1", None),
        (f"{MZ}; sent=-1", None),
        (f"{MZ}; sent=17, {MZ}; sent=18", None),
    ],
)
def test_what_a_sender_asks(header: str | None, asked: Asked | None) -> None:
    assert Asked.parse(header) == asked


def test_numbers_in_a_folder_survive_and_damage_is_nothing_known(tmp_path: Path) -> None:
    kept = KeptInFolder(tmp_path / "kept")
    kept.keep(SID, 999)
    kept.keep(SID, 1000)
    assert KeptInFolder(tmp_path / "kept").last(SID) == 1000
    kept.close()
    kept.close()
    kept.keep(SID, 1001)
    (tmp_path / "kept" / f"{MZ}.kept").write_bytes(b"half")
    assert kept.last(SID) is None
    kept.forget(SID)
    kept.forget(SID)
    assert list((tmp_path / "kept").iterdir()) == []


def test_streams_that_never_said_stop_cost_no_descriptors(tmp_path: Path) -> None:
    kept = KeptInFolder(tmp_path)
    sids = [StreamSid(f"MZ{number:032x}") for number in range(600)]
    for number in (1, 2):
        for sid in sids:
            kept.keep(sid, number)
    assert 0 < descriptors(tmp_path) <= 250
    assert [kept.last(sid) for sid in sids] == [2] * 600
    kept.close()
    assert descriptors(tmp_path) == 0


def descriptors(folder: Path) -> int:
    """How many files of a folder this process has open."""
    links = (link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink())
    return sum(folder in path.parents for path in links)
