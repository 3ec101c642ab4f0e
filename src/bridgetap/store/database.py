"""The connection to SQLite or PostgreSQL, its schema brought up to date, and the claim of one process to one node."""

import fcntl
import os
import zlib
from asyncio import Lock
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bridgetap.errors import ConfigurationError

from .errors import StoreError
from .file_thread import FileThread

BUSY_TIMEOUT_MS = 5000  # another process (a backup, a person) may hold the file for a moment
MIGRATION_LOCK = 0x62726467  # PostgreSQL's advisory locks are numbers that all its clients share
NODE_LOCK = 0x62724E00


@asynccontextmanager
async def open_database(url: str, *, node: str) -> AsyncIterator["Database"]:
    """A database with today's schema, claimed for `node`. Raises `StoreError`, `ConfigurationError`."""
    try:
        target = make_url(url)
        engine = _engine(target)
    except (ArgumentError, NoSuchModuleError):
        rule = "must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"
        raise ConfigurationError("store.url", rule) from None
    except ModuleNotFoundError as error:
        rule = f"the driver {error.name} is not installed: pip install 'bridgetap[postgresql]'"
        raise ConfigurationError("store.url", rule) from None
    in_memory, on_file = _is_memory(target), None
    async with AsyncExitStack() as stack:
        try:
            if target.get_backend_name() == "sqlite":
                stack.enter_context(_claimed_file(target))  # first: nobody else may have it before all below is closed
            stack.push_async_callback(engine.dispose)
            if target.get_backend_name() != "sqlite":
                await _claim_node(await stack.enter_async_context(engine.connect()), node)
            elif not in_memory:
                on_file = await stack.enter_async_context(FileThread.open(target))
                event.listen(on_file.engine, "connect", _prepare_sqlite)
            database = Database(engine, one_connection=in_memory, on_file=on_file)
            await database.migrate()
        except (SQLAlchemyError, OSError) as error:
            raise StoreError(f"{target.render_as_string(hide_password=True)}: {reason(error)}") from error
        yield database


class Database:
    """Connections, one transaction each."""

    def __init__(self, engine: AsyncEngine, *, one_connection: bool, on_file: FileThread | None = None) -> None:
        self.engine = engine
        self._on_file = on_file
        # In memory there is but one connection: two transactions on it would be one.
        self._alone = Lock() if one_connection else None

    @property
    def is_postgresql(self) -> bool:
        return self.engine.dialect.name == "postgresql"

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """To read."""
        async with self._alone or nullcontext(), self.engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """To write: committed at the end, or not at all."""
        async with self._alone or nullcontext(), self.engine.begin() as connection:
            yield connection

    async def write(self, work: Callable[[Connection], None]) -> None:
        """The same for what only writes, and often: `work` runs whole, without the loop between its statements."""
        if self._on_file is not None:
            await self._on_file.write(work)
            return
        async with self.transaction() as connection:
            await connection.run_sync(work)

    async def migrate(self) -> None:
        """Bring the schema up to date."""
        async with self.transaction() as connection:
            if self.is_postgresql:  # several nodes may start at once
                await connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
            await connection.run_sync(_upgrade)


def reason(error: BaseException) -> str:
    """What the driver said, without the statement and its values."""
    cause = getattr(error, "orig", None) or error
    return str(cause).strip().split("\n", 1)[0] or type(cause).__name__


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _engine(url: URL) -> AsyncEngine:
    if url.get_backend_name() != "sqlite":
        return create_async_engine(url, pool_pre_ping=True)
    engine = create_async_engine(url)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in (f"busy_timeout={BUSY_TIMEOUT_MS}", "journal_mode=WAL", "synchronous=NORMAL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _is_memory(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and url.database in {None, "", ":memory:"}


@contextmanager
def _claimed_file(url: URL) -> Iterator[None]:
    """Two servers on one file would each take the other's live calls for dead. The lock goes with
    the process, however it ends."""
    if _is_memory(url):
        yield
        return
    path = Path(str(url.database))
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # who called whom is nobody else's business
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(f"{path} is in use by another server") from None
        yield
    finally:
        os.close(descriptor)


async def _claim_node(connection: AsyncConnection, node: str) -> None:
    """The same for PostgreSQL: a lock that lasts as long as this connection."""
    number = (NODE_LOCK << 31) + zlib.crc32(node.encode())
    taken = await connection.scalar(text(f"SELECT pg_try_advisory_lock({number})"))
    await connection.commit()
    if not taken:
        raise StoreError(f"another server writes as node {node!r}: give each its own store.node")
