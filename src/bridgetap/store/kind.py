"""A kind of record and its table: how one becomes the other, and how rows are written over."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import JSON, Column, Dialect, Executable, MetaData, RowMapping, Table
from sqlalchemy.dialects import postgresql, sqlite

METADATA = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"},
)

Key = tuple[str, ...]


R = TypeVar("R")  # a frozen dataclass with one field for each column but `node`


@dataclass(frozen=True, kw_only=True, eq=False)
class Kind(Generic[R]):
    """One kind of record. `history` rows are written once and may be dropped when the disk is behind;
    the others are live: they open, change and end, and no end is ever lost."""

    record: type[R]
    table: Table
    history: bool = False

    def key(self, record: R) -> Key:
        return (self.table.name, *(getattr(record, name) for name in self._key_names))

    def is_open(self, record: R) -> bool:
        """Whether an end of it is still to come."""
        return not self.history and bool(getattr(record, "is_open", False))

    def row(self, record: R, node: str) -> dict[str, Any]:
        """The row of a record; `node` goes into its column where the table has one."""
        row = {name: _to_column(getattr(record, name)) for name in self._names}
        if self._has_node:
            row["node"] = node
        return row

    def read(self, row: RowMapping) -> R:
        """The record of a row."""
        values = {}
        for name in self._names:
            value = row[name]
            values[name] = _to_tuple(value) if isinstance(self._column(name).type, JSON) else value
        return self.record(**values)

    def upsert(self, dialect: Dialect) -> Executable:
        """Insert, or change the row that is there."""
        insert: Any = postgresql.insert if dialect.name == "postgresql" else sqlite.insert
        statement = insert(self.table)
        keys = [column.name for column in self.table.primary_key]
        changes = {column.name: statement.excluded[column.name] for column in self.table.c if column.name not in keys}
        return cast("Executable", statement.on_conflict_do_update(index_elements=keys, set_=changes))

    def insert_new(self, dialect: Dialect) -> Executable:
        """Insert, or leave the row that is there."""
        insert: Any = postgresql.insert if dialect.name == "postgresql" else sqlite.insert
        return cast("Executable", insert(self.table).on_conflict_do_nothing())

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(field.name for field in fields(cast("Any", self.record)))

    @cached_property
    def _key_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.table.primary_key)

    @cached_property
    def _has_node(self) -> bool:
        return "node" in self.table.c

    def _column(self, name: str) -> Column[Any]:
        return self.table.c[name]


def _to_column(value: Any) -> Any:
    if isinstance(value, str):
        if value.isascii() and "\0" not in value:
            return value
        # What a peer wrote may hold bytes that were no UTF-8, and PostgreSQL takes no NUL.
        return value.encode("utf-8", "replace").decode().replace("\0", "")
    return list(value) if isinstance(value, tuple) else value


def _to_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
