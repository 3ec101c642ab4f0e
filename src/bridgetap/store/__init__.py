"""What is kept: calls, executions, steps, streams, notifications, registrations, callbacks to send.
In SQLite or PostgreSQL.

`open_store` is the door. Records are frozen dataclasses; `put` one again to change its row.
"""

from .callbacks import CallbackRecord
from .calls import CallDirection, CallFilter, CallRecord, CallStatus
from .documents import DocumentRecord
from .errors import StoreError, StoreFull, StoreRefused, StoreUnavailable
from .executions import ExecutionRecord, InitiatedBy
from .notifications import Level, NotificationRecord, NotificationSid
from .reading import Cut, Page
from .registrations import RegistrationRecord
from .steps import StepRecord
from .store import Store, open_store
from .streams import StreamRecord, StreamTransport

__all__ = [
    "CallDirection",
    "CallFilter",
    "CallRecord",
    "CallStatus",
    "CallbackRecord",
    "Cut",
    "DocumentRecord",
    "ExecutionRecord",
    "InitiatedBy",
    "Level",
    "NotificationRecord",
    "NotificationSid",
    "Page",
    "RegistrationRecord",
    "StepRecord",
    "Store",
    "StoreError",
    "StoreFull",
    "StoreRefused",
    "StoreUnavailable",
    "StreamRecord",
    "StreamTransport",
    "open_store",
]
