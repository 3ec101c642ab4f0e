"""What became of the streams of a run, by the rows that the server wrote of them."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Forks:
    """How many streams to one server were connected in the end, and how many it broke, before its 101 or after."""

    opened: int
    broken: int


def forks_to(port: int, database: Path) -> Forks:
    """Those to `localhost` at that port."""
    rows = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        opened, broken = rows.execute(
            "SELECT count(*) FILTER (WHERE code IS NULL AND opened_ns IS NOT NULL), count(code) "
            "FROM streams WHERE url LIKE ?",
            (f"wss://localhost:{port}/%",),
        ).fetchone()
    finally:
        rows.close()
    return Forks(opened=opened, broken=broken)


def prove(forks: Forks, streams: int, *, whole: bool) -> None:
    """Raises `RuntimeError` where a run says nothing, because its streams were not there. `whole`: none may break."""
    if forks.opened + forks.broken != streams or (whole and forks.broken):
        rule = "open" if whole else "open or break"
        raise RuntimeError(f"{forks.opened} streams opened and {forks.broken} broke: all {streams} must {rule}")
