"""What streams need from the store, as a Protocol."""

from typing import Protocol

from bridgetap.store import StreamRecord


class StreamRecords(Protocol):
    """Where streams are written down."""

    async def commit_now(self, record: StreamRecord) -> None:
        """Returns when the row is committed: its end then survives a killed process. `StoreFull` and
        `StoreRefused` where it never will be, `StoreUnavailable` where it may be later."""

    def put(self, record: StreamRecord) -> None:
        """Keep this version of a row that was committed. Returns at once."""
