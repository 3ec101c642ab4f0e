"""What streams need from the store and from those who tell, as Protocols."""

from typing import Literal, Protocol

from bridgetap.ids import CallSid, SiprecSid, StreamSid
from bridgetap.store import StreamRecord
from bridgetap.webhooks import Callback, StatusCallback


class StreamRecords(Protocol):
    """Where streams are written down."""

    async def commit_now(self, record: StreamRecord) -> None:
        """Returns when the row is committed: its end then survives a killed process. `StoreFull` and
        `StoreRefused` where it never will be, `StoreUnavailable` where it may be later."""

    def put(self, record: StreamRecord) -> None:
        """Keep this version of a row that was committed. Returns at once."""


class Callbacks(Protocol):
    """Who tells other servers."""

    def put(self, callback: Callback) -> None:
        """Returns at once: sent at least once, in order in its line."""


class Sealed(Protocol):
    """How an address is kept in a row."""

    def close(self, to: StatusCallback) -> str: ...


class Notifier(Protocol):
    """The notification log that operators and the REST API read (spec/twilio §5.4)."""

    def notify(
        self,
        *,
        level: Literal["warning", "error"],
        code: int,
        message: str,
        call_sid: CallSid,
        stream_sid: StreamSid | SiprecSid | None = None,
    ) -> None: ...
