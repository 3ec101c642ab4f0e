"""Notifications: what a debugger shows, errors and warnings with Twilio's codes. History."""

from dataclasses import dataclass
from typing import Literal, NewType, TypeAlias

from bridgetap.ids import AccountSid, CallSid, ExecutionSid, StreamSid

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
    stream_sid: StreamSid | None = None
    widget: str = ""
