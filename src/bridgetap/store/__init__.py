"""What is kept: calls, executions, steps, streams, notifications, registrations. SQLite or PostgreSQL."""

from .calls import CallDirection, CallRecord, CallStatus
from .executions import ExecutionRecord, InitiatedBy
from .notifications import Level, NotificationRecord, NotificationSid
from .registrations import RegistrationRecord
from .steps import StepRecord
from .streams import StreamRecord, StreamTransport

__all__ = [
    "CallDirection",
    "CallRecord",
    "CallStatus",
    "ExecutionRecord",
    "InitiatedBy",
    "Level",
    "NotificationRecord",
    "NotificationSid",
    "RegistrationRecord",
    "StepRecord",
    "StreamRecord",
    "StreamTransport",
]
