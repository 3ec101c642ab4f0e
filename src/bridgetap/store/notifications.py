"""Notifications: what a debugger shows, errors and warnings with Twilio's codes. History."""

from dataclasses import dataclass
from typing import Literal, NewType, TypeAlias

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from bridgetap.ids import AccountSid, CallSid, ExecutionSid, SiprecSid, StreamSid

from .kind import METADATA, Kind
from .reading import Cut, Page, Reader

NotificationSid = NewType("NotificationSid", str)  # NO + 32 hex
Level: TypeAlias = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationRecord:
    """One entry of the log (spec/twilio §1.5, §3.6)."""

    sid: NotificationSid
    account_sid: AccountSid
    level: Level
    code: int
    message: str
    created_ns: int
    call_sid: CallSid | None = None
    execution_sid: ExecutionSid | None = None
    stream_sid: StreamSid | SiprecSid | None = None
    widget: str = ""


NOTIFICATIONS = Kind(
    record=NotificationRecord,
    history=True,
    table=Table(
        "notifications",
        METADATA,
        Column("sid", Text, primary_key=True),
        Column("account_sid", Text, nullable=False),
        Column("level", Text, nullable=False),
        Column("code", Integer, nullable=False),
        Column("message", Text, nullable=False),
        Column("call_sid", Text, index=True),
        Column("execution_sid", Text),
        Column("stream_sid", Text),
        Column("widget", Text, nullable=False),
        Column("created_ns", BigInteger, nullable=False),
        Index("ix_notifications_created_ns_sid", "created_ns", "sid"),
    ),
)


class Notifications(Reader[NotificationRecord]):
    """Queries over the log."""

    async def of_call(self, call: CallSid) -> list[NotificationRecord]:
        """A call's notifications, oldest first."""
        table = NOTIFICATIONS.table
        return await self.select(table.select().where(table.c.call_sid == call).order_by(table.c.created_ns))

    async def newest(self, cut: Cut) -> Page[NotificationRecord]:
        """All of them, newest first."""
        return await self.page(NOTIFICATIONS.table.select(), cut)
