"""A bounded queue of one object's news: filled by the drain, emptied by the task that owns the object."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

from bridgetap.errors import BridgetapError

T = TypeVar("T")

CAPACITY = 256  # a call that leaves this much unread is stuck: it fails, and nobody else waits for it


class InboxOverflow(BridgetapError):
    """More news than an inbox holds: its owner does not keep up."""

    def __init__(self, capacity: int) -> None:
        super().__init__(f"more than {capacity} unread events")
        self.capacity = capacity


class Inbox(Generic[T]):
    """Takes without waiting, gives in order, to one reader.

    When it is full the rule is: the newcomer is dropped, and once what is kept has been read
    `get` raises `InboxOverflow`, so that the owner fails instead of going on with a gap.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._items: deque[T] = deque()
        self._reader: asyncio.Future[None] | None = None  # whoever waits in `get`
        self._overflowed = False

    def put(self, item: T) -> None:
        if len(self._items) >= self._capacity:
            self._overflowed = True
        else:
            self._items.append(item)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def get(self) -> T:
        while not self._items:
            if self._overflowed:
                raise InboxOverflow(self._capacity)
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        return self._items.popleft()

    def __len__(self) -> int:
        return len(self._items)
