"""Documents: one row for each TwiML document that a call asked for or was given. History: never changed
once written."""

from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from bridgetap.ids import AccountSid, CallSid

from .kind import METADATA, Kind
from .reading import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRecord:
    """One document, had or not. `url` is without user, password and query; "" for one that came as a text."""

    call_sid: CallSid
    index: int  # 0 for the first of its call
    account_sid: AccountSid
    url: str = ""
    method: str = ""  # "GET", "POST"; "" for a text
    status: int | None = None  # of the HTTP answer; None: there was none
    code: int = 0  # Twilio's, where it could not be had or read
    detail: str = ""
    verbs: int = 0
    warnings: int = 0
    took_ms: int = 0  # from the request to the answer
    created_ns: int


DOCUMENTS = Kind(
    record=DocumentRecord,
    history=True,
    table=Table(
        "documents",
        METADATA,
        Column("call_sid", Text, primary_key=True),
        Column("index", Integer, primary_key=True),
        Column("account_sid", Text, nullable=False),
        Column("url", Text, nullable=False),
        Column("method", Text, nullable=False),
        Column("status", Integer),
        Column("code", Integer, nullable=False),
        Column("detail", Text, nullable=False),
        Column("verbs", Integer, nullable=False),
        Column("warnings", Integer, nullable=False),
        Column("took_ms", BigInteger, nullable=False),
        Column("created_ns", BigInteger, nullable=False),
        Index("ix_documents_created_ns", "created_ns"),
    ),
)


class Documents(Reader[DocumentRecord]):
    """Queries over documents."""

    async def of_call(self, call: CallSid) -> list[DocumentRecord]:
        """A call's documents in order."""
        table = DOCUMENTS.table
        return await self.select(table.select().where(table.c.call_sid == call).order_by(table.c.index))
