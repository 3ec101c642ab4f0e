"""What is written down of calls: a row for each leg, kept up to date, and the notification log."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, TypeAlias

import structlog

from bridgetap.clock import Clock
from bridgetap.engine import LegStats
from bridgetap.ids import AccountSid, CallSid, ExecutionSid, SiprecSid, StreamSid, make_sid
from bridgetap.store import (
    CallDirection,
    CallRecord,
    DocumentRecord,
    ExecutionRecord,
    Level,
    NotificationRecord,
    NotificationSid,
    StepRecord,
    StoreFull,
)
from bridgetap.twiml.effects import CallEvent

from .leg_states import Ended

log = structlog.get_logger(__name__)

Record: TypeAlias = CallRecord | ExecutionRecord | StepRecord | DocumentRecord | NotificationRecord

EndedAs: TypeAlias = Literal["completed", "busy", "failed", "no-answer", "canceled"]

# What became of a call that was never answered, by the SIP status that ended it (spec/twilio §5.4);
# any other is "failed".
NOT_ANSWERED: dict[int, EndedAs] = {
    408: "no-answer",
    480: "no-answer",
    486: "busy",
    487: "no-answer",
    600: "busy",
    603: "busy",  # declined: to the caller that is a busy phone
}


class Records(Protocol):
    """Where rows are kept."""

    async def commit_now(self, record: Record) -> None:
        """Returns when the row is committed."""

    def put(self, record: Record) -> None:
        """Keep this version of a row. Returns at once; `StoreFull` for a new one that finds no place."""


class Reports(Protocol):
    """Who tells others how a call goes."""

    def tell(self, event: CallEvent, call: CallRecord) -> None:
        """Returns at once."""


class Ledger:
    """Makes SIDs and rows."""

    def __init__(
        self, *, records: Records, account_sid: AccountSid, clock: Clock, entropy: Callable[[int], bytes]
    ) -> None:
        self.account_sid = account_sid
        self.records = records
        self.clock = clock
        self._entropy = entropy

    def sid(self, prefix: str) -> str:
        return make_sid(prefix, self._entropy(16))

    def session_id(self) -> int:
        """A number for an SDP session (RFC 8866 §5.2)."""
        return int.from_bytes(self._entropy(6), "big")

    def token(self) -> str:
        """What tells one request from another that looks the same."""
        return self._entropy(16).hex()

    def call(self, *, sid: CallSid, direction: CallDirection, from_: str, to: str, **more: Any) -> "CallEntry":
        """A new row, not written yet."""
        now = self.clock.now_ns()
        record = CallRecord(
            sid=sid,
            account_sid=self.account_sid,
            direction=direction,
            from_=from_,
            to=to,
            status="ringing" if direction == "inbound" else "queued",
            created_ns=now,
            updated_ns=now,
            started_ns=now,
            **more,
        )
        return CallEntry(ledger=self, record=record)

    def notify(
        self,
        *,
        level: Level,
        code: int,
        message: str,
        call_sid: CallSid,
        execution_sid: ExecutionSid | None = None,
        stream_sid: StreamSid | SiprecSid | None = None,
        widget: str = "",
    ) -> None:
        """One entry of the notification log, and of our own log."""
        log.log(30 if level == "warning" else 40, "call.notification", call_sid=call_sid, code=code, message=message)
        self.records.put(
            NotificationRecord(
                sid=NotificationSid(self.sid("NO")),
                account_sid=self.account_sid,
                level=level,
                code=code,
                message=message,
                created_ns=self.clock.now_ns(),
                call_sid=call_sid,
                execution_sid=execution_sid,
                stream_sid=stream_sid,
                widget=widget,
            )
        )


@dataclass(slots=True)
class CallEntry:
    """One call's row, and who is told of it."""

    ledger: Ledger
    record: CallRecord
    reports: Reports | None = None
    documents: int = 0  # rows so far
    given_up: EndedAs | None = None  # somebody ended it from outside: how it closes where nobody answered
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def commit(self) -> None:
        await self.ledger.records.commit_now(self.record)

    def save(self, **changes: Any) -> None:
        self._change(changes)

    def next_document(self) -> int:
        """The index of one more document."""
        self.documents += 1
        return self.documents - 1

    def initiated(self) -> None:
        """The INVITE came or goes; one that came rings here."""
        self._tell("initiated")
        if self.record.status == "ringing":
            self._tell("ringing")

    def ringing(self) -> None:
        if self.record.status == "queued":
            self._change({"status": "ringing"}, "ringing")

    def answered(self) -> None:
        if self.record.answered_ns is None:
            self._change({"status": "in-progress", "answered_ns": self.ledger.clock.now_ns()}, "answered")

    def ended(self, ended: Ended, *, given_up: EndedAs | None = None) -> None:
        """Close the row. `given_up` is why we ended it ourselves before the answer."""
        if self.record.is_open:
            answered, given_up = self.record.answered_ns is not None, given_up or self.given_up
            changes = {
                "status": final_status(ended, answered=answered, given_up=given_up),
                "ended_ns": self.ledger.clock.now_ns(),
                "sip_status": ended.status or None,
                "end_reason": ended.cause,
            }
            self._change(changes, "completed")
            self.over.set()

    def audio(self, stats: LegStats) -> None:
        """The leg's last figures. They come after its end, and are the first to go where there is no room."""
        figures = {
            "packets_received": stats.packets_received,
            "packets_sent": stats.packets_sent,
            "packets_lost": stats.lost,
            "jitter_ms": round(stats.jitter_ms, 2),
        }
        try:
            self._change(figures)
        except StoreFull as error:
            log.warning("call.figures_dropped", call_sid=self.record.sid, error=str(error))

    def _change(self, changes: dict[str, Any], event: CallEvent | None = None) -> None:
        self.record = replace(self.record, updated_ns=self.ledger.clock.now_ns(), **changes)
        if event is not None:
            # Ahead of the row: were we killed between the two, the next start tells the end again, not never.
            self._tell(event)
        self.ledger.records.put(self.record)

    def _tell(self, event: CallEvent) -> None:
        if self.reports is not None:
            self.reports.tell(event, self.record)


def final_status(ended: Ended, *, answered: bool, given_up: EndedAs | None) -> EndedAs:
    """How a call ended, in Twilio's words."""
    if answered:
        return "completed"
    if given_up is not None:
        return given_up
    if ended.cause == "cancelled":  # the caller hung up while it rang
        return "canceled"
    if ended.cause == "timeout" and not ended.status:
        return "no-answer"
    return NOT_ANSWERED.get(ended.status, "failed")
