"""What a run of the bench is called, and that one whose streams were not there says nothing."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from bench.forks import Forks, forks_to, prove
from bench.targets import Bridgetap, Floor, Target
from bridgetap.store.streams import STREAMS


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (Bridgetap(), "bridgetap"),
        (Bridgetap(forks=False), "bridgetap, no fork"),
        (Bridgetap(what="resume", streams="resume = true"), "bridgetap, resume"),
        (Floor("none"), "floor, none"),
    ],
)
def test_a_pass_is_called_by_what_was_measured(target: Target, name: str) -> None:
    assert target.name == name


def test_streams_are_counted_by_the_rows_of_their_server(tmp_path: Path) -> None:
    database = tmp_path / "bridgetap.db"
    STREAMS.table.create(create_engine(f"sqlite:///{database}"))
    needed = [column.name for column in STREAMS.table.columns if not column.nullable and column.server_default is None]
    with sqlite3.connect(database) as rows:
        for number, (url, opened, code) in enumerate(
            [
                ("wss://localhost:8443/stall", 1, None),
                ("wss://localhost:8443/refuse", None, 31920),
                ("wss://localhost:8443/masked", 1, 31924),
                ("wss://localhost:8443/connecting", None, None),
                ("wss://localhost:844/media", 1, None),
                ("wss://localhost:84439/media", 1, None),
            ]
        ):
            values = dict.fromkeys(needed, "0") | {"sid": f"MZ{number}", "url": url, "opened_ns": opened, "code": code}
            rows.execute(
                f"INSERT INTO streams ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})", [*values.values()]
            )
    assert forks_to(8443, database) == Forks(opened=1, broken=2)


def test_a_run_without_its_streams_is_none() -> None:
    prove(Forks(opened=5, broken=15), 20, whole=False)
    prove(Forks(opened=20, broken=0), 20, whole=True)
    with pytest.raises(RuntimeError, match="5 streams opened and 14 broke: all 20 must open or break"):
        prove(Forks(opened=5, broken=14), 20, whole=False)
    with pytest.raises(RuntimeError, match="19 streams opened and 1 broke: all 20 must open"):
        prove(Forks(opened=19, broken=1), 20, whole=True)
