"""The streams of one call: started and stopped through any door, each ending exactly once."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from bridgetap.clock import Clock
from bridgetap.engine import (
    Core,
    EngineError,
    ForkEnded,
    ForkEvent,
    ForkId,
    ForkLagging,
    ForkOpened,
    ForkReconnecting,
    ForkResumed,
    ForkWarned,
    LegHandle,
)
from bridgetap.errors import Conflict, InvalidStream, NotFound
from bridgetap.flow.effects import Transport
from bridgetap.flow.stream_options import StreamEvent
from bridgetap.flow.stream_rules import CONNECTOR_UNKNOWN
from bridgetap.ids import AccountSid, CallSid, StreamSid, make_sid
from bridgetap.store import Level, StoreFull, StoreRefused, StreamRecord
from bridgetap.webhooks import StatusCallback

from .callbacks import stream_ended, stream_started
from .life import End, EndReason, State, Step, advance
from .messages import STREAM_FAILED, code_of, warning_of, words_of
from .names import Named, Names, StreamRequest
from .news import StreamNews, body_of, event_of
from .policy import StreamPolicy
from .ports import Callbacks, Notifier, Sealed, StreamRecords
from .websocket import Sign, fork_target, required_url

NOT_IN_PROGRESS = 21220
AUDIO_DROPPED = 31930


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamParts:
    """What every stream is made with."""

    core: Core
    records: StreamRecords
    notifier: Notifier
    callbacks: Callbacks
    sealed: Sealed
    clock: Clock
    entropy: Callable[[int], bytes]
    sign: Sign
    account_sid: AccountSid
    policy: StreamPolicy


class Streams:
    """Every stream of the server."""

    def __init__(self, parts: StreamParts) -> None:
        self._parts = parts
        self._live: dict[str, Callable[[], None]] = {}  # by SID: how to end it at once
        self._empty = asyncio.Event()
        self._empty.set()

    def of_call(self, call_sid: CallSid, leg: LegHandle) -> "CallStreams":
        """The streams of a call: they carry the audio of that leg."""
        return CallStreams(parts=self._parts, registry=self, call_sid=call_sid, leg=leg)

    @property
    def live(self) -> int:
        """How many have not ended; some of them drain after their call."""
        return len(self._live)

    async def close(self, *, patience_s: float) -> None:
        """Let what drains end by itself; after that long each stream that is left ends as `drained`."""
        try:
            async with asyncio.timeout(patience_s):
                await self._empty.wait()
        except TimeoutError:
            for end in list(self._live.values()):
                end()

    def begun(self, sid: str, end: Callable[[], None]) -> None:
        self._live[sid] = end
        self._empty.clear()

    def ended(self, sid: str) -> None:
        self._live.pop(sid, None)
        if not self._live:
            self._empty.set()


@dataclass(slots=True)
class _Fork:
    """One stream from its creation to its end."""

    named: Named
    record: StreamRecord
    status: StatusCallback | None
    state: State = State.CREATED
    events: tuple[StreamEvent, ...] = ()
    fork: ForkId | None = None  # None until its row is committed and the core has it
    dropping: bool = False  # 31930 was said
    reconnecting: bool = False  # that there is no connection was said
    over: asyncio.Future[End] | None = None  # of a bidirectional one: somebody waits for its end


@dataclass(frozen=True, slots=True, kw_only=True)
class _Connection:
    """A bidirectional stream, for whoever waits for its end."""

    named: Named
    end: asyncio.Future[End]


class CallStreams:
    """One call's streams. The last words of some may come after the call's own."""

    def __init__(self, *, parts: StreamParts, registry: Streams, call_sid: CallSid, leg: LegHandle) -> None:
        self._parts = parts
        self._registry = registry
        self._call_sid = call_sid
        self._leg = leg
        self._names = Names(max_tracks=parts.policy.max_tracks_per_call)
        self._forks: dict[str, _Fork] = {}
        self._connection: _Connection | None = None  # the newest, whether it has ended or not
        self._call_is_over = False
        self._drained = False
        self._log = structlog.get_logger(__name__).bind(call_sid=call_sid)

    async def start(self, request: StreamRequest) -> Named:
        """Create a stream. Returns once it is named, budgeted, its row committed and the core has
        it; the far end may take as long as it likes after that.

        `InvalidStream` or `Conflict` says which rule forbids it, and then nothing was started.
        """
        return await self._create(request)

    async def connect(self, request: StreamRequest) -> Named:
        """Create a bidirectional stream, as `start` would: its far end hears the inbound track, and all
        that the leg plays from now on is what it says. There is one at a time (else 31941); neither
        name nor SID stops it. `until_ended` waits for its end, `disconnect` ends it.
        """
        return await self._create(request, bidirectional=True)

    async def until_ended(self, named: Named) -> End:
        """How a stream that `connect` made has ended; waits for it. `End.error` is what went wrong."""
        connection = self._connection
        if connection is None or connection.named is not named:
            raise NotFound("bidirectional stream", named.name)
        return await asyncio.shield(connection.end)

    def disconnect(self, named: Named) -> None:
        """End a stream that `connect` made; one that is over is left alone."""
        if (fork := self._forks.get(named.sid)) is not None:
            self._stop(fork)

    async def _create(self, request: StreamRequest, *, bidirectional: bool = False) -> Named:
        parts = self._parts
        if self._call_is_over:
            raise Conflict("the call is not in progress", code=NOT_IN_PROGRESS)
        if request.transport == "siprec":
            rule = "no connector of that name is configured"
            raise InvalidStream("connector", request.connector, rule, code=CONNECTOR_UNKNOWN)
        sid = StreamSid(make_sid("MZ", parts.entropy(16)))
        target = fork_target(
            request,
            sid=sid,
            call_sid=self._call_sid,
            account_sid=parts.account_sid,
            policy=parts.policy,
            sign=parts.sign,
            bidirectional=bidirectional,
        )
        named = self._names.claim(request, sid, bidirectional=bidirectional)
        status = request.status or parts.policy.status
        fork = _Fork(named=named, record=self._new_record(named, request, status), status=status, events=target.events)
        self._forks[sid] = fork
        if bidirectional:
            fork.over = asyncio.get_running_loop().create_future()
            self._connection = _Connection(named=named, end=fork.over)
        self._registry.begun(sid, lambda: self._end(fork, End(reason="drained")))
        try:
            await parts.records.commit_now(fork.record)
        except (StoreFull, StoreRefused) as error:
            self._forget(fork)
            raise Conflict(f"the stream cannot be written down: {error}", code=STREAM_FAILED) from None
        except BaseException:
            # Cancelled, or the database does not answer: the row may be there, so it gets its end.
            self._end(fork, End(reason="failed", code=STREAM_FAILED, detail="the stream could not be written down"))
            raise
        if (reason := self._ended_meanwhile(fork)) is not None:
            self._end(fork, End(reason=reason))
            return named
        try:
            fork.fork = self._leg.fork(target)
        except EngineError as error:
            # As when the far end cannot be reached: it was created, and this is its end.
            self._end(fork, End(reason="failed", code=STREAM_FAILED, detail=str(error)))
            return named
        except BaseException:
            # A bug of ours; but what began ends, whatever happens.
            self._end(fork, End(reason="failed", code=STREAM_FAILED, detail="the core could not be asked"))
            raise
        parts.core.hear_fork(fork.fork, lambda event: self._hear(fork, event))
        self._log.info(
            "stream.created", stream_sid=sid, stream=named.name, tracks=named.tracks, host=target.endpoints[0].host
        )
        return named

    def stop(self, name: str | None, transport: Transport) -> Named:
        """Take no further audio for that stream; without a name, for the newest of its type."""
        named = self._names.newest(transport) if name is None else self._names.find(name, transport)
        self._stop(self._forks[named.sid])
        return named

    def tell(self, news: StreamNews) -> None:
        """Something happened on the call: every stream that asked for such news and takes audio now
        hears of it, at its place between the audio."""
        event, body = event_of(news), body_of(news)
        for fork in self._forks.values():
            if fork.fork is not None and event in fork.events:
                try:
                    self._leg.tell_fork(fork.fork, event, body)
                except EngineError as error:
                    self._log.warning("stream.untold", stream_sid=fork.named.sid, news=event, detail=str(error))

    def running(self) -> list[Named]:
        """The streams that take audio now, oldest first."""
        return self._names.all()

    def end_of_call(self, *, drained: bool = False) -> None:
        """No further stream starts. Those that run end as the call's leg is closed; `drained` where
        it is the server that ended the call."""
        self._call_is_over = True
        self._drained = self._drained or drained

    # -- what the core says --

    def _hear(self, fork: _Fork, event: ForkEvent) -> None:
        match event:
            case ForkOpened():
                fork.state = advance(fork.state, Step.OPENED)
                fork.reconnecting = False
                now = self._parts.clock.now_ns()
                opened = replace(fork.record, opened_ns=now, updated_ns=now, connect_ms=event.connect_ms)
                if fork.status is not None:
                    self._parts.callbacks.put(stream_started(opened, fork.status, at_ns=now))
                self._save(fork, opened)
                self._log.info("stream.open", stream_sid=fork.named.sid, connect_ms=round(event.connect_ms, 1))
            case ForkReconnecting():
                self._reconnecting(fork, event)
            case ForkResumed():
                self._resumed(fork, event)
            case ForkLagging():
                self._lagging(fork, event)
            case ForkWarned():
                self._warned(fork, event)
            case ForkEnded():
                self._end(fork, self._end_of(event))

    def _reconnecting(self, fork: _Fork, event: ForkReconnecting) -> None:
        fork.state = advance(fork.state, Step.LOST)
        self._log.warning(
            "stream.reconnecting",
            stream_sid=fork.named.sid,
            code=event.code,
            detail=event.detail,
            close_code=event.close_code,
            endpoint=event.endpoint,
            wait_ms=event.wait_ms,
        )
        if not fork.reconnecting:  # once for each time that it is lost
            fork.reconnecting = True
            words = words_of(event.code, event.detail)
            self._notify(fork, "warning", code_of(event.code), f"{words}; connecting again")

    def _resumed(self, fork: _Fork, event: ForkResumed) -> None:
        fork.state = advance(fork.state, Step.RESUMED)
        fork.reconnecting = False
        now = self._parts.clock.now_ns()
        self._save(fork, replace(fork.record, reconnects=fork.record.reconnects + 1, updated_ns=now))
        self._log.info(
            "stream.resumed",
            stream_sid=fork.named.sid,
            endpoint=event.endpoint,
            down_ms=event.down_ms,
            knows=event.knows,
            frames_replayed=event.frames_replayed,
            gap_ms=event.gap_ms,
        )

    def _lagging(self, fork: _Fork, event: ForkLagging) -> None:
        self._log.warning(
            "stream.lagging",
            stream_sid=fork.named.sid,
            lag_ms=event.lag_ms,
            percent=event.percent,
            dropped_ms=event.dropped_ms,
        )
        if event.dropped_ms and not fork.dropping:
            fork.dropping = True
            self._notify(fork, "warning", AUDIO_DROPPED, "the server reads too slowly, audio is dropped")

    def _warned(self, fork: _Fork, event: ForkWarned) -> None:
        self._log.warning("stream.warned", stream_sid=fork.named.sid, code=event.code, detail=event.detail)
        self._notify(fork, "warning", event.code, warning_of(event.code, event.detail))

    def _end(self, fork: _Fork, end: End) -> None:
        fork.state = advance(fork.state, Step.ENDED)
        self._forget(fork)
        now = self._parts.clock.now_ns()
        ended = replace(
            fork.record,
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
        if fork.status is not None:
            # Ahead of the row: were we killed between the two, the next start finds this one already told.
            self._parts.callbacks.put(stream_ended(ended, fork.status))
        self._save(fork, ended)
        self._log.info(
            "stream.ended",
            stream_sid=fork.named.sid,
            reason=end.reason,
            code=end.code,
            detail=end.detail,
            frames=end.frames_sent,
            ms_dropped=end.ms_dropped,
            reconnects=end.reconnects,
            ms_missing=end.ms_missing,
            ms_played=end.ms_played,
        )
        if end.is_error:
            self._notify(fork, "error", code_of(end.code), words_of(end.code, end.detail))
        if fork.over is not None:
            fork.over.set_result(end)

    # -- below --

    def _stop(self, fork: _Fork) -> None:
        fork.state = advance(fork.state, Step.STOPPED)
        self._names.release(fork.named.sid)
        if fork.fork is not None:
            self._leg.stop_fork(fork.fork)
        self._log.info("stream.stopped", stream_sid=fork.named.sid, stream=fork.named.name)

    def _forget(self, fork: _Fork) -> None:
        self._names.release(fork.named.sid)
        del self._forks[fork.named.sid]
        self._registry.ended(fork.named.sid)

    def _end_of(self, event: ForkEnded) -> End:
        drained = self._drained and event.reason == "call-ended"
        return End(
            reason="drained" if drained else event.reason,
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

    def _ended_meanwhile(self, fork: _Fork) -> EndReason | None:
        """What befell a stream while its row was being written."""
        if self._call_is_over:
            return "drained" if self._drained else "call-ended"
        return "stopped" if fork.state is State.STOPPING else None

    def _new_record(self, named: Named, request: StreamRequest, status: StatusCallback | None) -> StreamRecord:
        now = self._parts.clock.now_ns()
        return StreamRecord(
            sid=named.sid,
            account_sid=self._parts.account_sid,
            call_sid=self._call_sid,
            name=named.name,
            transport=named.transport,
            url=str(required_url(request).without_query()),  # a query may hold a secret
            tracks=named.tracks,
            parameter_names=tuple(name for name, _ in request.parameters),
            callback="" if status is None else self._parts.sealed.close(status),
            created_ns=now,
            updated_ns=now,
        )

    def _save(self, fork: _Fork, record: StreamRecord) -> None:
        fork.record = record
        self._parts.records.put(record)

    def _notify(self, fork: _Fork, level: Level, code: int, message: str) -> None:
        self._parts.notifier.notify(
            level=level,
            code=code,
            message=f"stream {fork.named.name}: {message}",
            call_sid=self._call_sid,
            stream_sid=fork.named.sid,
        )
