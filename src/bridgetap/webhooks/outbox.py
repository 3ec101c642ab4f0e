"""Callbacks that outlive the process: put here they are sent, at least once, in order, or given up loudly.

One owner task (`run`) sends. A callback goes out only once its row is committed: what a far server has
heard of, a killed process remembers. `schedule` says what is sent when.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import structlog

from bridgetap.clock import Clock
from bridgetap.errors import BAD_URL, InvalidInput
from bridgetap.store import CallbackRecord, StoreError

from .callback import Callback, CallbackRows
from .client import WebhookAnswer, WebhookClient, WebhookRequest
from .errors import PROTOCOL_VIOLATION, TOO_MANY_REDIRECTS, WebhookFailed
from .ports import Notifier
from .schedule import Item, Limits, Outcome, Schedule
from .seal import Unreadable

log = structlog.get_logger(__name__)

NOT_TAKEN = 15003
MAX_BODY = 65_536  # not looked at; but a connection is used again only once its answer was read
GRACE_S = 300.0  # what a restart finds is tried for so long at least
STORE_PAUSE_S = 5.0
LONGEST_WISH_S = 3600.0  # a Retry-After above it is not honoured
FAILURES = {  # somebody is there, and answers; any other failure is the host's
    BAD_URL: Outcome.REFUSED,  # ours, or what it redirects to
    TOO_MANY_REDIRECTS: Outcome.REFUSED,
    PROTOCOL_VIOLATION: Outcome.PUT_OFF,
}
MAY_BE_BETTER_LATER = frozenset({408, 425, 429})  # and every 5xx


class CallbackRecords(Protocol):
    """Where callbacks are written down."""

    def put(self, record: CallbackRecord) -> None:
        """Returns at once; `StoreFull` where it finds no place."""

    def remove(self, record: CallbackRecord) -> None:
        """Returns at once."""

    async def settled(self) -> None:
        """Returns when all that was put until now is committed, however long that takes."""

    async def callbacks_left(self, *, limit: int, after: CallbackRecord | None = None) -> list[CallbackRecord]:
        """What this node still has to send, line by line, each in its order; `after` that one.
        `StoreError` where it cannot be read now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxParts:
    """What an outbox is made with."""

    client: WebhookClient
    records: CallbackRecords
    notifier: Notifier
    clock: Clock
    rows: CallbackRows
    dice: Callable[[], float]  # 0 ≤ x < 1
    limits: Limits = field(default_factory=Limits)
    timeout_s: float = 15.0


@dataclass(frozen=True, slots=True)
class _Waiting:
    record: CallbackRecord
    callback: Callback


_Item: TypeAlias = Item[_Waiting]


class Outbox:
    """Takes callbacks and returns at once; `run` sends them."""

    def __init__(self, parts: OutboxParts) -> None:
        self._parts = parts
        self._schedule: Schedule[_Waiting] = Schedule(parts.limits, dice=parts.dice)
        self._fresh: list[_Item] = []
        self._committing: list[_Item] = []
        self._more = True  # may be left of an earlier process, and not read yet
        self._reading = False
        self._over: set[str] = set()  # what came to its end since the reading began
        self._room = asyncio.Event()
        self._news = asyncio.Event()
        self._arrived = asyncio.Event()
        self._quiet = asyncio.Event()
        self._counts = dict.fromkeys(("sent", "retried", "given_up", "dropped"), 0)

    def put(self, callback: Callback) -> None:
        """Write it down and send it when its turn comes. Where there is no place, it is dropped, logged
        and counted: a callback never holds up what it tells of."""
        record = self._parts.rows.row(callback)
        try:
            self._parts.records.put(record)
        except StoreError as error:
            self._drop(callback, str(error))
            return
        self._fresh.append(self._item(_Waiting(record, callback), self._parts.limits.max_age_s))
        self._quiet.clear()
        self._arrived.set()

    async def run(self) -> None:
        """Send until cancelled; what an earlier process left too."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._recover())
            tasks.create_task(self._commit())
            while True:
                self._news.clear()
                now = self._now()
                for item in self._schedule.expired(now):
                    self._give_up(item, "nobody took it in time")
                for item in self._schedule.due(now):
                    tasks.create_task(self._try(item))
                if reads_on := self._more and self._has_room():
                    self._room.set()
                if self._schedule.busy or self._fresh or self._committing or self._reading or reads_on:
                    self._quiet.clear()
                else:
                    self._quiet.set()
                try:
                    async with asyncio.timeout_at(self._deadline()):
                        await self._news.wait()
                except TimeoutError:
                    pass

    async def drain(self, *, patience_s: float) -> None:
        """Send what can be sent now, for so long at most. What waits for a later try stays in the store,
        for the next start."""
        try:
            async with asyncio.timeout(patience_s):
                await self._quiet.wait()
        except TimeoutError:
            pass
        if left := self._waiting:
            log.info("callbacks.left", waiting=left)

    def gauges(self) -> dict[str, float]:
        """Figures for `/metrics`."""
        counts = {f"callbacks_{name}_total": float(count) for name, count in self._counts.items()}
        return {"callbacks_waiting": float(self._waiting), **counts}

    # -- in --

    async def _recover(self) -> None:
        """Let in what an earlier process left: as much as there is room for, the rest as places come free."""
        last: CallbackRecord | None = None
        count = 0
        while self._more:
            await self._room.wait()
            self._reading = True
            rows = await self._left(last)
            ours = {item.id for item in (*self._fresh, *self._committing)} | self._over
            for record in rows:
                last = record
                if record.id not in ours:
                    self._let_in(record)
                    count += 1
            self._reading = False
            self._more = len(rows) == self._page
            self._room.clear()
            self._news.set()
        self._over.clear()
        if count:
            log.info("callbacks.recovered", count=count)

    def _let_in(self, record: CallbackRecord) -> None:
        limits = self._parts.limits
        try:
            callback = self._parts.rows.callback(record)
        except (Unreadable, InvalidInput) as error:
            log.error("callback.unreadable", callback=record.id, error=str(error))
            self._counts["dropped"] += 1
            self._parts.records.remove(record)
            return
        age = max(0, self._parts.clock.now_ns() - record.created_ns) / 1e9  # the clock may have been set back
        grace = min(GRACE_S, limits.max_age_s)
        self._add(self._item(_Waiting(record, callback), max(limits.max_age_s - age, grace)))

    async def _left(self, after: CallbackRecord | None) -> list[CallbackRecord]:
        """What the store has, once it answers."""
        while True:
            self._over.clear()
            try:
                return await self._parts.records.callbacks_left(limit=self._page, after=after)
            except StoreError as error:
                log.warning("callbacks.unread", error=str(error))
                await asyncio.sleep(STORE_PAUSE_S)

    @property
    def _waiting(self) -> int:
        return len(self._schedule) + len(self._committing) + len(self._fresh)

    @property
    def _page(self) -> int:
        return max(1, self._parts.limits.waiting // 4)

    def _has_room(self) -> bool:
        """For one more page. The other half of the places is for what is new."""
        return self._waiting + self._page <= self._parts.limits.waiting // 2 or not self._waiting

    async def _commit(self) -> None:
        """Let in what was put, once the store has it."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            self._committing, self._fresh = self._fresh, []
            await self._parts.records.settled()
            fresh, self._committing = self._committing, []
            for item in fresh:
                self._add(item)
            self._news.set()

    def _add(self, item: _Item) -> None:
        if (lost := self._schedule.add(item)) is not None:
            self._forget(lost)
            self._drop(lost.load.callback, f"{self._parts.limits.waiting} callbacks wait already")

    def _item(self, waiting: _Waiting, lifetime_s: float) -> _Item:
        callback = waiting.callback
        return Item(
            id=callback.id,
            line=callback.line,
            host=callback.to.url.host,
            expires=self._now() + lifetime_s,
            load=waiting,
        )

    # -- out --

    async def _try(self, item: _Item) -> None:
        parts, callback = self._parts, item.load.callback
        request = WebhookRequest(
            url=callback.to.url,
            method=callback.to.method,
            parameters=callback.parameters,
            token=item.load.record.token,
            wants_body=False,
        )
        pause_s = 0.0
        try:
            answer = await parts.client.send(request, timeout_s=parts.timeout_s, max_bytes=MAX_BODY)
        except WebhookFailed as error:
            outcome = FAILURES.get(error.code or 0, Outcome.NO_ANSWER)
            why = f"{error.reason} ({error.code})"
        except Exception as error:
            # The root of this task: what no rule foresaw must not end the sending of the others.
            log.exception("callback.fault", callback=callback.id)
            outcome, why = Outcome.NO_ANSWER, type(error).__name__
        else:
            outcome, why, pause_s = _judged(answer), f"answered {answer.status}", _wished_pause(answer)
        over = self._schedule.finished(item, outcome, self._now(), pause_s=pause_s)
        if not over:
            self._counts["retried"] += 1
            log.info("callback.put_off", callback=callback.id, url=callback.to.url.shown, tries=item.tries, reason=why)
        elif outcome is Outcome.TAKEN:
            self._counts["sent"] += 1
            self._forget(item)
            log.info("callback.sent", callback=callback.id, url=callback.to.url.shown, tries=item.tries)
        else:
            self._give_up(item, why)
        self._news.set()

    def _give_up(self, item: _Item, why: str) -> None:
        callback = item.load.callback
        self._counts["given_up"] += 1
        self._forget(item)
        log.warning("callback.given_up", callback=callback.id, url=callback.to.url.shown, tries=item.tries, reason=why)
        self._warn(callback, f"status callback to {callback.to.url.shown} given up after {item.tries} tries: {why}")

    def _forget(self, item: _Item) -> None:
        self._parts.records.remove(item.load.record)
        if self._reading:  # it may be among what is just read
            self._over.add(item.id)

    def _drop(self, callback: Callback, why: str) -> None:
        self._counts["dropped"] += 1
        log.error("callback.dropped", callback=callback.id, url=callback.to.url.shown, reason=why)
        self._warn(callback, f"status callback to {callback.to.url.shown} dropped: {why}")

    def _warn(self, callback: Callback, message: str) -> None:
        self._parts.notifier.notify(
            level="warning",
            code=NOT_TAKEN,
            message=message,
            call_sid=callback.call_sid,
            stream_sid=callback.stream_sid,
        )

    def _now(self) -> float:
        return self._parts.clock.monotonic()

    def _deadline(self) -> float | None:
        """The schedule's next moment on the loop's clock."""
        at = self._schedule.next_timeout()
        return None if at is None else asyncio.get_running_loop().time() + max(0.0, at - self._now())


def _judged(answer: WebhookAnswer) -> Outcome:
    if answer.is_success:
        return Outcome.TAKEN
    if answer.status >= 500 or answer.status in MAY_BE_BETTER_LATER:
        return Outcome.PUT_OFF
    return Outcome.REFUSED


def _wished_pause(answer: WebhookAnswer) -> float:
    """Retry-After in seconds (RFC 9110 §10.2.3); as a date it is not looked at."""
    text = answer.headers.get("retry-after", "")
    return min(float(text), LONGEST_WISH_S) if text.isascii() and text.isdigit() and len(text) < 10 else 0.0
