"""The streams of one call: started and stopped through any door, each ending exactly once."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from bridgetap.clock import Clock
from bridgetap.engine import Core, EngineError, ForkEnded, ForkEvent, ForkId, ForkLagging, ForkOpened, LegHandle
from bridgetap.errors import Conflict, InvalidStream
from bridgetap.flow.effects import Transport
from bridgetap.ids import AccountSid, CallSid, StreamSid, make_sid

from .life import End, EndReason, State, Step, advance
from .names import Named, Names, StreamRequest
from .ports import NewStream, Notifier, StreamRecords
from .websocket import Sign, StreamPolicy, handshake

CONNECTOR_UNKNOWN = 31940
AUDIO_DROPPED = 31930
NOT_IN_PROGRESS = 21220
ENGINE_FAILED = 31900

MESSAGES = {  # spec/twilio §3.6
    31900: "the stream failed",
    31901: "the server did not answer in time",
    31902: "the server refused the connection",
    31903: "the server dropped the connection",
    31904: "the server cannot be reached",
    31910: "TLS failed",
    31920: "the server answered the handshake with something other than 101",
    31921: "the server closed the socket",
    31924: "the server broke the WebSocket protocol",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """What every call's streams share."""

    core: Core
    records: StreamRecords
    notifier: Notifier
    clock: Clock
    entropy: Callable[[int], bytes]
    sign: Sign
    account_sid: AccountSid
    policy: StreamPolicy

    def of_call(self, call_sid: CallSid) -> "CallStreams":
        return CallStreams(shared=self, call_sid=call_sid)


@dataclass(slots=True)
class _Fork:
    """One stream from its creation to its end."""

    named: Named
    state: State = State.CREATED
    fork: ForkId | None = None  # None until the row is committed and the core has it
    dropping: bool = False  # 31930 was said


class CallStreams:
    """One call's streams. `close` ends them all; their last words may come after the call's."""

    def __init__(self, *, shared: Streams, call_sid: CallSid) -> None:
        self._shared = shared
        self._call_sid = call_sid
        self._names = Names(max_tracks=shared.policy.max_tracks_per_call)
        self._forks: dict[str, _Fork] = {}
        self._leg: LegHandle | None = None
        self._closed = False
        self._log = structlog.get_logger(__name__).bind(call_sid=call_sid)

    def attach(self, leg: LegHandle) -> None:
        """The leg whose audio the streams carry."""
        self._leg = leg

    async def start(self, request: StreamRequest) -> Named:
        """Create a stream. Returns once it is validated, named, budgeted, its row committed and
        the core has it; the far end may take as long as it likes after that."""
        shared, leg = self._shared, self._leg
        if self._closed or leg is None:
            raise Conflict("the call is not in progress", code=NOT_IN_PROGRESS)
        if request.transport == "siprec":
            rule = "no connector of that name is configured"
            raise InvalidStream("connector", request.connector, rule, code=CONNECTOR_UNKNOWN)
        sid = StreamSid(make_sid("MZ", shared.entropy(16)))
        plan = handshake(
            request,
            sid=sid,
            call_sid=self._call_sid,
            account_sid=shared.account_sid,
            policy=shared.policy,
            sign=shared.sign,
        )
        named = self._names.claim(request, sid)
        fork = _Fork(named=named)
        self._forks[sid] = fork
        try:
            await shared.records.created(
                NewStream(
                    sid=sid,
                    call_sid=self._call_sid,
                    name=named.name,
                    transport=named.transport,
                    url=str(plan.url),
                    tracks=named.tracks,
                    created_ns=shared.clock.now_ns(),
                )
            )
        except BaseException:
            # Cancelled or failed before the core had it: the row, if it was written after all,
            # still gets its end.
            self._end(fork, End(reason="failed", code=ENGINE_FAILED, detail="the stream could not be written down"))
            raise
        for code, message in plan.warnings:
            shared.notifier.notify(call_sid=self._call_sid, level="warning", code=code, message=message)
        if (reason := self._ended_meanwhile(fork)) is not None:
            self._end(fork, End(reason=reason))
            return named
        try:
            fork.fork = leg.fork(plan.target)
        except EngineError as error:
            self._end(fork, End(reason="failed", code=ENGINE_FAILED, detail=str(error)))
            raise
        shared.core.hear_fork(fork.fork, lambda event: self._hear(fork, event))
        self._log.info("stream.created", stream_sid=sid, stream=named.name, tracks=named.tracks, host=plan.url.host)
        return named

    def stop(self, name: str | None, transport: Transport) -> Named:
        """Take no further audio for that stream; without a name, for the newest of its type."""
        if name is None:
            named = self._names.newest(transport)
            message = f"a stop without a name ends the newest {transport} stream: {named.name}"
            self._shared.notifier.notify(call_sid=self._call_sid, level="warning", code=0, message=message)
        else:
            named = self._names.find(name, transport)
        self._stop(self._forks[named.sid])
        return named

    def running(self) -> list[Named]:
        """The streams that take audio now, oldest first."""
        return self._names.all()

    def close(self) -> None:
        """The call is over: its leg is closed by the caller of this, which ends every fork."""
        self._closed = True

    def _ended_meanwhile(self, fork: _Fork) -> EndReason | None:
        """What befell a stream while its row was being written."""
        if self._closed:
            return "call-ended"
        return "stopped" if fork.state is State.STOPPING else None

    def _stop(self, fork: _Fork) -> None:
        fork.state = advance(fork.state, Step.STOPPED)
        self._names.release(fork.named.sid)
        if fork.fork is not None and self._leg is not None:
            self._leg.stop_fork(fork.fork)
        self._log.info("stream.stopped", stream_sid=fork.named.sid)

    def _hear(self, fork: _Fork, event: ForkEvent) -> None:
        shared = self._shared
        match event:
            case ForkOpened():
                fork.state = advance(fork.state, Step.OPENED)
                shared.records.opened(fork.named.sid, at_ns=shared.clock.now_ns(), connect_ms=event.connect_ms)
                self._log.info("stream.open", stream_sid=fork.named.sid, connect_ms=round(event.connect_ms, 1))
            case ForkLagging():
                self._lagging(fork, event)
            case ForkEnded():
                self._end(fork, _end_of(event))

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
            message = f"stream {fork.named.name}: the server reads too slowly, audio is dropped"
            self._shared.notifier.notify(call_sid=self._call_sid, level="warning", code=AUDIO_DROPPED, message=message)

    def _end(self, fork: _Fork, end: End) -> None:
        fork.state = advance(fork.state, Step.ENDED)
        self._names.release(fork.named.sid)
        del self._forks[fork.named.sid]
        self._shared.records.ended(fork.named.sid, at_ns=self._shared.clock.now_ns(), end=end)
        self._log.info(
            "stream.ended",
            stream_sid=fork.named.sid,
            reason=end.reason,
            code=end.code,
            detail=end.detail,
            frames=end.frames_sent,
            ms_dropped=end.ms_dropped,
        )
        if end.is_error:
            message = f"stream {fork.named.name}: {MESSAGES.get(end.code, MESSAGES[ENGINE_FAILED])}"
            self._shared.notifier.notify(
                call_sid=self._call_sid,
                level="error",
                code=end.code or ENGINE_FAILED,
                message=f"{message}: {end.detail}" if end.detail else message,
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
    )
