"""What goes wrong between a record and the disk."""

from bridgetap.errors import ProviderError


class StoreError(ProviderError):
    """The store cannot do what was asked."""


class StoreFull(StoreError):
    """More is open and waiting to be written than the queue holds: nothing new may start."""

    def __init__(self, capacity: int) -> None:
        super().__init__(f"the store is behind: {capacity} records are open or wait to be written")
        self.capacity = capacity


class StoreUnavailable(StoreError):
    """The database did not take a record in time; it will be tried again."""

    def __init__(self, what: str, waited_s: float) -> None:
        super().__init__(f"{what} was not committed within {waited_s:g} s")
        self.what, self.waited_s = what, waited_s


class StoreRefused(StoreError):
    """The database will never take this record."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(f"{what}: {reason}")
        self.what, self.reason = what, reason
