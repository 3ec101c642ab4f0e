"""Calls: one row each, from the first INVITE to the end."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from bridgetap.ids import AccountSid, CallSid, ExecutionSid

CallStatus: TypeAlias = Literal[
    "queued", "ringing", "in-progress", "completed", "busy", "failed", "no-answer", "canceled"
]
CallDirection: TypeAlias = Literal["inbound", "outbound-api", "outbound-dial"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """A call as it stands. Times are wall-clock nanoseconds."""

    sid: CallSid
    account_sid: AccountSid
    direction: CallDirection
    from_: str
    to: str
    status: CallStatus
    created_ns: int
    updated_ns: int
    parent_call_sid: CallSid | None = None
    caller_name: str | None = None
    forwarded_from: str | None = None
    trunk: str | None = None
    sip_call_id: str | None = None
    execution_sid: ExecutionSid | None = None
    started_ns: int | None = None  # the INVITE came or went
    answered_ns: int | None = None
    ended_ns: int | None = None
    sip_status: int | None = None  # of the final response, where there is one
    end_reason: str | None = None  # "hung-up", "bye", "crashed", …

    @property
    def is_open(self) -> bool:
        return self.ended_ns is None

    @property
    def duration_s(self) -> int | None:
        """Seconds from the answer to the end; None while it lasts and where nobody answered."""
        if self.answered_ns is None or self.ended_ns is None:
            return None
        return max(0, round((self.ended_ns - self.answered_ns) / 1e9))
