"""Reading: what was put a moment ago is seen, because reading waits for it to be written."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import Executable, RowMapping, Select, and_, or_
from sqlalchemy.exc import SQLAlchemyError

from .database import Database, reason
from .errors import StoreError
from .kind import Kind
from .writer import Writer

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[R]):
    """Some rows of many, newest first."""

    rows: tuple[R, ...]
    has_next: bool
    has_previous: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Which rows of a list: `size` of them, after or before a SID, or `skip` from the start."""

    size: int = 50
    skip: int = 0
    after: str | None = None
    before: str | None = None


class Reader(Generic[R]):
    """Queries over one kind."""

    def __init__(self, kind: Kind[R], database: Database, writer: Writer) -> None:
        self._kind = kind
        self._database = database
        self._writer = writer

    async def select(self, statement: Executable) -> list[R]:
        """The records a statement finds."""
        return [self._kind.read(row) for row in await self.rows(statement)]

    async def rows(self, statement: Executable) -> Sequence[RowMapping]:
        await self._writer.flush()
        try:
            async with self._database.connection() as connection:
                return (await connection.execute(statement)).mappings().all()
        except (SQLAlchemyError, OSError) as error:
            raise StoreError(reason(error)) from error

    async def page(self, statement: Select[Any], cut: Cut) -> Page[R]:
        """Newest first. A page stays where it is while new rows come: it is cut at a row, not at a count."""
        table = self._kind.table
        created, sid = table.c.created_ns, table.c.sid
        newest_first = (created.desc(), sid.desc())
        anchor = cut.after or cut.before
        if anchor is None:
            found = await self.select(statement.order_by(*newest_first).offset(cut.skip).limit(cut.size + 1))
            return Page(rows=tuple(found[: cut.size]), has_next=len(found) > cut.size, has_previous=cut.skip > 0)
        at = await self.rows(table.select().with_only_columns(created).where(sid == anchor))
        if not at:
            return Page(rows=(), has_next=False, has_previous=False)
        when = at[0]["created_ns"]
        if cut.after is not None:
            beyond = or_(created < when, and_(created == when, sid < anchor))
            found = await self.select(statement.where(beyond).order_by(*newest_first).limit(cut.size + 1))
            return Page(rows=tuple(found[: cut.size]), has_next=len(found) > cut.size, has_previous=True)
        beyond = or_(created > when, and_(created == when, sid > anchor))
        found = await self.select(statement.where(beyond).order_by(created.asc(), sid.asc()).limit(cut.size + 1))
        return Page(rows=tuple(reversed(found[: cut.size])), has_next=True, has_previous=len(found) > cut.size)

    async def one(self, statement: Executable) -> R | None:
        found = await self.select(statement)
        return found[0] if found else None

    async def get(self, *key: str) -> R | None:
        """The record with that key."""
        columns = self._kind.table.primary_key.columns
        matches = [column == value for column, value in zip(columns, key, strict=True)]
        return await self.one(self._kind.table.select().where(and_(*matches)))

    def live(self, *key: str) -> R | None:
        """The record with that key as this server last put it, while it has not ended."""
        return cast("R | None", self._writer.open_record(self._kind, *key))
