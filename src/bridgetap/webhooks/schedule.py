"""What is sent next, and when: no I/O, no clock, no dice.

* A line (a stream, a call) is sent in its order: its next callback waits until the one before was taken
  or given up.
* A host that gives no answer is asked less and less often, by one callback at a time; the first answer
  opens it again. Other hosts notice nothing.
* A callback that is answered with an error waits by itself, and its line with it.
* When all places are taken, the host with most waiting loses its oldest.
"""

from bisect import bisect_left, insort
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from heapq import heappop, heappush
from itertools import islice
from typing import Generic, TypeVar

T = TypeVar("T")

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much at a time, and for how long."""

    waiting: int = 10_000
    at_once: int = 64
    per_host: int = 8
    max_age_s: float = 3600.0


class Outcome(Enum):
    """What became of one try."""

    TAKEN = "taken"  # 2xx
    REFUSED = "refused"  # an answer that will not change: it is given up
    PUT_OFF = "put off"  # an answer that may be better later
    NO_ANSWER = "no answer"  # the host itself is in trouble


@dataclass(slots=True, kw_only=True, eq=False)
class Item(Generic[T]):
    """A callback as the schedule sees it."""

    id: str
    line: str
    host: str
    expires: float
    load: T
    tries: int = 0
    in_flight: bool = False


@dataclass(slots=True, eq=False)
class _Host(Generic[T]):
    items: "OrderedDict[str, Item[T]]" = field(default_factory=OrderedDict)  # all that wait, oldest first
    ready: "OrderedDict[str, None]" = field(default_factory=OrderedDict)  # lines whose first may go
    in_flight: int = 0
    failures: int = 0  # in a row
    shut_until: float | None = None


@dataclass(slots=True, eq=False)
class _Line(Generic[T]):
    items: deque[Item[T]] = field(default_factory=deque)
    failures: int = 0  # of its first
    not_before: float = 0.0


class Schedule(Generic[T]):
    """Feed it `add`, `finished` and the time; ask it for `due` and `expired`."""

    def __init__(self, limits: Limits, *, dice: Callable[[], float]) -> None:
        self._limits = limits
        self._dice = dice
        self._items: dict[str, Item[T]] = {}
        self._ages: list[tuple[float, str]] = []  # when each expires, and its id; the next first
        self._lines: dict[str, _Line[T]] = {}
        self._hosts: dict[str, _Host[T]] = {}
        self._turns: OrderedDict[str, None] = OrderedDict()  # hosts that may be asked now, next first
        self._wakes: list[tuple[float, str, str]] = []  # when, and which line or which host
        self._in_flight = 0

    def __len__(self) -> int:
        return len(self._items)

    @property
    def busy(self) -> bool:
        """Whether anything is on its way, or could be now."""
        return bool(self._in_flight or self._turns)

    def add(self, item: Item[T]) -> Item[T] | None:
        """Let it wait its turn. Returns what lost its place for it, which may be itself."""
        if item.id in self._items:
            return None
        lost = self._make_room(item) if len(self._items) >= self._limits.waiting else None
        if lost is item:
            return item
        self._items[item.id] = item
        insort(self._ages, (item.expires, item.id))
        self._hosts.setdefault(item.host, _Host()).items[item.id] = item
        line = self._lines.setdefault(item.line, _Line())
        line.items.append(item)
        if len(line.items) == 1:
            self._ready(item)
        return lost

    def due(self, now: float) -> list[Item[T]]:
        """What to send now. Each must come back through `finished`."""
        self._wake(now)
        found: list[Item[T]] = []
        while self._turns and self._in_flight < self._limits.at_once:
            name, _ = self._turns.popitem(last=False)
            host = self._hosts[name]
            line, _ = host.ready.popitem(last=False)
            item = self._lines[line].items[0]
            item.in_flight = True
            item.tries += 1
            host.in_flight += 1
            self._in_flight += 1
            self._offer(name)
            found.append(item)
        return found

    def finished(self, item: Item[T], outcome: Outcome, now: float, *, pause_s: float = 0.0) -> bool:
        """What became of it; True when it is over. `pause_s`: how long the server asked to be left alone."""
        host, line = self._hosts[item.host], self._lines[item.line]
        item.in_flight = False
        host.in_flight -= 1
        self._in_flight -= 1
        if outcome is not Outcome.NO_ANSWER:
            host.failures, host.shut_until = 0, None
        elif host.shut_until is None:  # else it is another of those that were on their way when it fell silent
            host.failures += 1
            host.shut_until = now + self._pause(host.failures)
            heappush(self._wakes, (host.shut_until, "", item.host))
        over = outcome in (Outcome.TAKEN, Outcome.REFUSED) or now >= item.expires
        if over:
            self._remove(item)
        elif outcome is Outcome.PUT_OFF:
            line.failures += 1
            line.not_before = now + max(self._pause(line.failures), pause_s)
            heappush(self._wakes, (line.not_before, item.line, ""))
        else:
            host.ready[item.line] = None
            host.ready.move_to_end(item.line, last=False)
        self._offer(item.host)
        return over

    def expired(self, now: float) -> list[Item[T]]:
        """Take out what is too old."""
        found: list[Item[T]] = []
        for expires, name in self._ages:
            if expires > now:
                break
            if not (item := self._items[name]).in_flight:  # else `finished` will say so
                found.append(item)
        for item in found:
            self._remove(item)
        return found

    def next_timeout(self) -> float | None:
        """When to ask again, if nothing happens before."""
        times = [self._wakes[0][0]] if self._wakes else []
        times += islice((expires for expires, name in self._ages if not self._items[name].in_flight), 1)
        return min(times, default=None)

    # -- below --

    def _ready(self, item: Item[T]) -> None:
        """It is the first of its line, and goes as soon as its host may be asked."""
        self._hosts[item.host].ready[item.line] = None
        self._offer(item.host)

    def _offer(self, name: str) -> None:
        """Give a host its turn if it may be asked, else take it away; forget it when nothing is wanted of it."""
        host = self._hosts.get(name)
        if host is None:
            return
        limit = 1 if host.failures else self._limits.per_host
        if host.ready and host.shut_until is None and host.in_flight < limit:
            self._turns.setdefault(name)
            return
        self._turns.pop(name, None)
        if not host.items and host.shut_until is None:
            del self._hosts[name]

    def _wake(self, now: float) -> None:
        while self._wakes and self._wakes[0][0] <= now:
            _, line_name, host_name = heappop(self._wakes)
            host = self._hosts.get(host_name)
            if host is not None and host.shut_until is not None and host.shut_until <= now:
                host.shut_until = None
                self._offer(host_name)
            line = self._lines.get(line_name)
            if line is not None and line.not_before <= now and not line.items[0].in_flight:
                self._ready(line.items[0])

    def _pause(self, failures: int) -> float:
        whole = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(failures - 1, 30))
        return whole * (0.5 + 0.5 * self._dice())  # at least half of it: many that fail together part ways

    def _remove(self, item: Item[T]) -> None:
        del self._items[item.id]
        del self._ages[bisect_left(self._ages, (item.expires, item.id))]
        host, line = self._hosts[item.host], self._lines[item.line]
        del host.items[item.id]
        if line.items[0] is not item:
            line.items.remove(item)
            return
        line.items.popleft()
        line.failures, line.not_before = 0, 0.0
        host.ready.pop(item.line, None)
        if line.items:
            self._ready(line.items[0])
        else:
            del self._lines[item.line]
        self._offer(item.host)

    def _make_room(self, newcomer: Item[T]) -> Item[T]:
        fullest = max(self._hosts.values(), key=lambda host: len(host.items))
        for item in fullest.items.values():
            if not item.in_flight:
                self._remove(item)
                return item
        return newcomer
