"""Writing to an SQLite file: one connection, on a thread of its own.

Through the asyncio driver each statement would go to a thread and come back by itself, which costs
several times what the statement does. Here a transaction goes there once, whole.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.engine import URL


class FileThread:
    """Runs one transaction after the other."""

    def __init__(self, engine: Engine, thread: ThreadPoolExecutor) -> None:
        self.engine = engine
        self._thread = thread

    @classmethod
    @asynccontextmanager
    async def open(cls, url: URL) -> AsyncIterator["FileThread"]:
        """Until the block is left; a transaction that has begun then is waited for, however long it takes:
        the process could not end without it either."""
        engine = create_engine(url.set(drivername="sqlite+pysqlite"))
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bt-store")
        try:
            yield cls(engine, thread)
        finally:
            await asyncio.to_thread(thread.shutdown, cancel_futures=True)
            engine.dispose()

    async def write(self, work: Callable[[Connection], None]) -> None:
        """Run `work` in one transaction: committed when this returns, or not at all where it raises."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._transaction, work)

    def _transaction(self, work: Callable[[Connection], None]) -> None:
        with self.engine.begin() as connection:
            work(connection)
