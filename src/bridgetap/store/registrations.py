"""Registrations: where a user's phones are. Written whole, a user at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Float, Integer, Table, Text, and_

from .kind import METADATA, Kind
from .reading import Reader
from .writer import Replace


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationRecord:
    """One phone of one user."""

    username: str
    contact: str  # the URI as the phone wrote it
    instance: str = ""  # "+sip.instance" (RFC 5626 §4.1)
    q: float = 1.0
    transport: str
    source: str  # "host:port", where it was heard from
    call_id: str
    cseq: int
    expires_ns: int


REGISTRATIONS = Kind(
    record=RegistrationRecord,
    table=Table(
        "registrations",
        METADATA,
        Column("node", Text, primary_key=True),
        Column("username", Text, primary_key=True),
        Column("contact", Text, primary_key=True),
        Column("instance", Text, nullable=False),
        Column("q", Float, nullable=False),
        Column("transport", Text, nullable=False),
        Column("source", Text, nullable=False),
        Column("call_id", Text, nullable=False),
        Column("cseq", Integer, nullable=False),
        Column("expires_ns", BigInteger, nullable=False),
    ),
)


class Registrations(Reader[RegistrationRecord]):
    """Queries over registrations, and their one change."""

    async def of_node(self, node: str, *, now_ns: int) -> list[RegistrationRecord]:
        """What phones of this node are still registered: what a restarted server takes up."""
        table = REGISTRATIONS.table
        return await self.select(table.select().where(table.c.node == node, table.c.expires_ns > now_ns))

    def replace(self, username: str, bindings: Sequence[RegistrationRecord], *, node: str) -> None:
        """Keep these bindings of a user and no others; returns at once."""
        table = REGISTRATIONS.table
        self._writer.replace(
            (table.name, node, username),
            Replace(
                table=table,
                where=and_(table.c.node == node, table.c.username == username),
                rows=tuple(REGISTRATIONS.row(binding, node) for binding in bindings),
            ),
        )
