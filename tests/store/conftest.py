"""Stores to test with: SQLite in a file, in memory, and PostgreSQL where it is installed."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

PG_CTL = shutil.which("pg_ctl") or next((str(p) for p in sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))), "")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL server of our own, on a socket in a folder of its own."""
    if not PG_CTL or find_spec("asyncpg") is None:
        pytest.skip("PostgreSQL (apt install postgresql) or asyncpg is not installed")
    with tempfile.TemporaryDirectory(prefix="bt-pg-") as name:
        folder = Path(name)
        data = folder / "data"
        as_user = []
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(folder, "postgres")
            as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        tools = Path(PG_CTL).resolve().parent
        run(*as_user, str(tools / "initdb"), "-D", str(data), "-U", "bridgetap", "-A", "trust", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        run(*as_user, PG_CTL, "-D", str(data), "-l", str(folder / "log"), "-w", "-o", options, "start")
        try:
            yield f"postgresql+asyncpg://bridgetap@/postgres?host={folder}"
        finally:
            run(*as_user, PG_CTL, "-D", str(data), "-m", "immediate", "-w", "stop")


@pytest.fixture(params=["file", "memory", pytest.param("postgresql", marks=pytest.mark.peer("postgresql"))])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Each kind of database, empty."""
    match request.param:
        case "file":
            return f"sqlite+aiosqlite:///{tmp_path / 'calls.db'}"
        case "memory":
            return "sqlite+aiosqlite://"
        case _:
            found: str = request.getfixturevalue("empty_postgresql")
            return found


@pytest.fixture
def empty_postgresql(postgresql: str) -> str:
    """The PostgreSQL server, without a table."""
    asyncio.run(empty(postgresql))
    return postgresql


async def empty(base: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(base.replace("+asyncpg", ""))
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.close()


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
