"""Several readers of one stream: each gets every message; how far all of them have come is known."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from weakref import WeakSet

from .messages import Connected, Message

MOST_WAITING = 1000  # messages for a reader that another one has overtaken: ten seconds of two tracks


class Readers:
    """Whoever wants the next message fetches it for all, so a slow single reader slows the sender.

    Where several read, one that is far behind misses its oldest messages; `missed` counts them.
    """

    def __init__(self, fetch: Callable[[], Awaitable[Message | None]], handled: Callable[[int], None]) -> None:
        self._fetch = fetch
        self._handled = handled
        self._lock = asyncio.Lock()
        self._readers: WeakSet[Reader] = WeakSet()  # one that was broken out of is forgotten
        self._last = 0
        self._told = 0
        self.over = False
        self.missed = 0

    def join(self) -> "Reader":
        """A reader from now on."""
        reader = Reader(self)
        self._readers.add(reader)
        return reader

    def leave(self, reader: "Reader") -> None:
        self._readers.discard(reader)
        self.note()

    async def fetch(self, reader: "Reader") -> None:
        """Until there is something for `reader`, or the end."""
        async with self._lock:
            while not reader.waiting and not self.over:
                message = await self._fetch()
                if message is None:
                    self.over = True
                    return
                self._last = number(message) or self._last
                for one in self._readers:
                    if len(one.waiting) >= MOST_WAITING:
                        one.waiting.popleft()
                        self.missed += 1
                    one.waiting.append(message)

    def note(self) -> None:
        """Tell how far everybody has come."""
        unfinished = [first for reader in self._readers if (first := reader.unfinished()) is not None]
        done = min(unfinished) - 1 if unfinished else self._last
        if done > self._told:
            self._told = done
            self._handled(done)


class Reader:
    """`async for message in reader`. A message counts as handled when the next one is asked for."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._in_hand: Message | None = None
        self.waiting: deque[Message] = deque()

    def __aiter__(self) -> AsyncIterator[Message]:
        return self

    async def __anext__(self) -> Message:
        self._in_hand = None
        self._readers.note()
        if not self.waiting:
            await self._readers.fetch(self)
        if not self.waiting:
            self._readers.leave(self)
            raise StopAsyncIteration
        self._in_hand = self.waiting.popleft()
        return self._in_hand

    def unfinished(self) -> int | None:
        """The number of the first message that is not handled yet."""
        first = self._in_hand or next(iter(self.waiting), None)
        return None if first is None else number(first)


def number(message: Message) -> int | None:
    """Its sequence number, where it has one."""
    return None if isinstance(message, Connected) else message.sequence_number
