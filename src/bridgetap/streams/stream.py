"""One stream from its creation to its end: what the core says of it, and what is written down and told of that."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import structlog

from bridgetap.engine import (
    ForkEnded,
    ForkEvent,
    ForkLagging,
    ForkOpened,
    ForkReconnecting,
    ForkResumed,
    ForkWarned,
)
from bridgetap.store import Level, StreamRecord
from bridgetap.webhooks import StatusCallback

from .callbacks import stream_ended, stream_started
from .carrier import Carrier
from .life import End, State, Step, advance, is_error
from .messages import code_of, warning_of, words_of
from .names import Named
from .parts import StreamParts

AUDIO_DROPPED = 31930


class Stream:
    """Its row is `record`, the newest version of it."""

    def __init__(
        self,
        *,
        named: Named,
        record: StreamRecord,
        parts: StreamParts,
        status: StatusCallback | None,
        gone: Callable[["Stream"], None],
    ) -> None:
        """`gone` hears of its end first."""
        self.named = named
        self.record = record
        self.state = State.CREATED
        self.carrier: Carrier | None = None  # begun once its row is committed
        self.over: asyncio.Future[End] | None = None  # of a bidirectional one: somebody waits for its end
        self._parts = parts
        self._status = status
        self._gone = gone
        self._drained = False
        self._dropping = False  # 31930 was said
        self._reconnecting = False  # that there is no connection was said
        self._log = structlog.get_logger(__name__).bind(call_sid=record.call_sid, stream_sid=named.sid)

    @property
    def is_over(self) -> bool:
        """It had its one end."""
        return self.state is State.ENDED

    def stopping(self) -> None:
        """It takes no further audio."""
        self.state = advance(self.state, Step.STOPPED)
        self._log.info("stream.stopped", stream=self.named.name)

    def drain(self) -> None:
        """It is the server that ends its call."""
        self._drained = True

    def hear(self, event: ForkEvent) -> None:
        """What the core says."""
        match event:
            case ForkOpened():
                self.opened(event.connect_ms)
            case ForkReconnecting():
                self._lost(event)
            case ForkResumed():
                self._resumed(event)
            case ForkLagging():
                self._lagging(event)
            case ForkWarned():
                self._warned(event)
            case ForkEnded():
                self.end(_end_of(event))

    def opened(self, connect_ms: float) -> None:
        """The far end takes it."""
        self.state = advance(self.state, Step.OPENED)
        self._reconnecting = False
        now = self._parts.clock.now_ns()
        opened = replace(self.record, opened_ns=now, updated_ns=now, connect_ms=connect_ms)
        if self._status is not None:
            self._parts.callbacks.put(stream_started(opened, self._status, at_ns=now))
        self._save(opened)
        self._log.info("stream.open", connect_ms=round(connect_ms, 1))

    def warn(self, code: int, detail: str) -> None:
        """Not all is well with its far end, and it goes on."""
        self._log.warning("stream.warned", code=code, detail=detail)
        self._notify("warning", code, detail)

    def _lost(self, event: ForkReconnecting) -> None:
        self.state = advance(self.state, Step.LOST)
        self._log.warning(
            "stream.reconnecting",
            code=event.code,
            detail=event.detail,
            close_code=event.close_code,
            endpoint=event.endpoint,
            wait_ms=event.wait_ms,
        )
        if not self._reconnecting:  # once for each time that it is lost
            self._reconnecting = True
            words = words_of(event.code, event.detail)
            self._notify("warning", code_of(event.code), f"{words}; connecting again")

    def _resumed(self, event: ForkResumed) -> None:
        self.state = advance(self.state, Step.RESUMED)
        self._reconnecting = False
        now = self._parts.clock.now_ns()
        self._save(replace(self.record, reconnects=self.record.reconnects + 1, updated_ns=now))
        self._log.info(
            "stream.resumed",
            endpoint=event.endpoint,
            down_ms=event.down_ms,
            knows=event.knows,
            frames_replayed=event.frames_replayed,
            gap_ms=event.gap_ms,
        )

    def _lagging(self, event: ForkLagging) -> None:
        self._log.warning(
            "stream.lagging",
            lag_ms=event.lag_ms,
            percent=event.percent,
            dropped_ms=event.dropped_ms,
        )
        if event.dropped_ms and not self._dropping:
            self._dropping = True
            self._notify("warning", AUDIO_DROPPED, "the server reads too slowly, audio is dropped")

    def _warned(self, event: ForkWarned) -> None:
        self._log.warning("stream.warned", code=event.code, detail=event.detail)
        self._notify("warning", event.code, warning_of(event.code, event.detail))

    def end(self, end: End) -> None:
        """The one end."""
        self.state = advance(self.state, Step.ENDED)
        if self.carrier is not None:
            self.carrier.drop()
        self._gone(self)
        if self._drained and end.reason == "call-ended":
            end = replace(end, reason="drained")
        now = self._parts.clock.now_ns()
        ended = replace(
            self.record,
            ended_ns=now,
            updated_ns=now,
            end_reason=end.reason,
            code=end.code or None,
            detail=end.detail,
            close_code=end.close_code or None,
            frames_sent=end.frames_sent,
            ms_sent=end.ms_sent,
            ms_dropped=end.ms_dropped,
            ms_repaired=end.ms_repaired,
            lag_max_ms=end.lag_max_ms,
            reconnects=end.reconnects,
            ms_replayed=end.ms_replayed,
            ms_missing=end.ms_missing,
            latency_p50_us=end.latency_p50_us,
            latency_p99_us=end.latency_p99_us,
        )
        if self._status is not None:
            # Ahead of the row: were we killed between the two, the next start finds this one already told.
            self._parts.callbacks.put(stream_ended(ended, self._status))
        self._save(ended)
        self._log.info(
            "stream.ended",
            reason=end.reason,
            code=end.code,
            detail=end.detail,
            frames=end.frames_sent,
            ms_dropped=end.ms_dropped,
            reconnects=end.reconnects,
            ms_missing=end.ms_missing,
            ms_played=end.ms_played,
        )
        if is_error(end.reason, end.close_code, self.record.transport):
            self._notify("error", code_of(end.code), words_of(end.code, end.detail))
        if self.over is not None:
            self.over.set_result(end)

    def _save(self, record: StreamRecord) -> None:
        self.record = record
        self._parts.records.put(record)

    def _notify(self, level: Level, code: int, message: str) -> None:
        self._parts.notifier.notify(
            level=level,
            code=code,
            message=f"stream {self.named.name}: {message}",
            call_sid=self.record.call_sid,
            stream_sid=self.named.sid,
        )


def _end_of(event: ForkEnded) -> End:
    return End(
        reason=event.reason,
        code=event.code,
        detail=event.detail,
        close_code=event.close_code,
        frames_sent=event.frames_sent,
        ms_sent=event.ms_sent,
        ms_dropped=event.ms_dropped,
        ms_repaired=event.ms_repaired,
        lag_max_ms=event.lag_max_ms,
        reconnects=event.reconnects,
        ms_replayed=event.ms_replayed,
        ms_missing=event.ms_missing,
        latency_p50_us=event.latency_p50_us,
        latency_p99_us=event.latency_p99_us,
        ms_played=event.ms_played,
    )
