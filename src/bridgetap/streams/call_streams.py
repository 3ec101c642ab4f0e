"""The streams of one call: started and stopped through any door, each ending exactly once."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from bridgetap.engine import EngineError, LegHandle
from bridgetap.errors import Conflict, InvalidStream, NotFound
from bridgetap.flow.effects import Transport
from bridgetap.flow.stream_rules import CONNECTOR_UNKNOWN
from bridgetap.ids import CallSid, SiprecSid, StreamSid, make_sid
from bridgetap.sdp import RecordState
from bridgetap.store import StoreFull, StoreRefused, StreamRecord
from bridgetap.webhooks import StatusCallback

from .carrier import Carrier, ForkCarrier
from .life import End, EndReason, State
from .messages import CONNECTOR_INVALID, STREAM_FAILED
from .names import Named, Names, StreamRequest
from .news import StreamNews
from .parts import StreamParts
from .picture import Picture
from .recorded_call import CallAbout
from .recorder_carrier import Listener, RecorderCarrier, RecordingOrder
from .stream import Stream
from .websocket import fork_target

NOT_IN_PROGRESS = 21220
NOT_WRITTEN = End(reason="failed", code=STREAM_FAILED, detail="the stream could not be written down")


class Streams:
    """Every stream of the server."""

    def __init__(self, parts: StreamParts) -> None:
        self._parts = parts
        self._live: dict[str, Callable[[], None]] = {}  # by SID: how to end it at once
        self._empty = asyncio.Event()
        self._empty.set()

    def of_call(
        self,
        call_sid: CallSid,
        leg: LegHandle,
        *,
        about: CallAbout | None = None,
        picture: Picture | None = None,
        unrecorded: Callable[[], None] = lambda: None,
        changed: Callable[[], None] = lambda: None,
    ) -> "CallStreams":
        """The streams of a call: they carry the audio of that leg. `about` and `picture` are what recorders are
        told of it; `unrecorded` ends a call that must be recorded and is not; `changed` is called when
        `CallStreams.recorded`, `sounds` or `is_awaited` may be another."""
        return CallStreams(
            parts=self._parts,
            registry=self,
            call_sid=call_sid,
            leg=leg,
            about=about or CallAbout(sid=call_sid, group=call_sid),
            picture=picture or Picture(),
            unrecorded=unrecorded,
            changed=changed,
        )

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Connection:
    """A bidirectional stream, for whoever waits for its end."""

    named: Named
    end: asyncio.Future[End]


class CallStreams:
    """One call's streams. The last words of some may come after the call's own."""

    def __init__(
        self,
        *,
        parts: StreamParts,
        registry: Streams,
        call_sid: CallSid,
        leg: LegHandle,
        about: CallAbout,
        picture: Picture,
        unrecorded: Callable[[], None],
        changed: Callable[[], None],
    ) -> None:
        self._about = about
        self._picture = picture
        self._unrecorded = unrecorded
        self._changed = changed
        self._parts = parts
        self._registry = registry
        self._call_sid = call_sid
        self._leg = leg
        self._names = Names(max_tracks=parts.policy.max_tracks_per_call)
        self._streams: dict[str, Stream] = {}
        self._connection: _Connection | None = None  # the newest, whether it has ended or not
        self._call_is_over = False
        self._drained = False
        self._log = structlog.get_logger(__name__).bind(call_sid=call_sid)

    async def start(self, request: StreamRequest, *, claimed: Callable[[], None] = lambda: None) -> Named:
        """Create a stream. Returns once it is named, budgeted, its row committed and the core has
        it; the far end may take as long as it likes after that. `claimed` is called before anything is waited
        for: `is_awaited` counts it from then on.

        `InvalidStream` or `Conflict` says which rule forbids it, and then nothing was started.
        """
        try:
            return await self._create(request, claimed=claimed)
        except Exception:
            if self._must_be_recorded(request):
                self._unrecorded()
            raise

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
        if (stream := self._streams.get(named.sid)) is not None:
            self._stop(stream)

    async def _create(
        self, request: StreamRequest, *, bidirectional: bool = False, claimed: Callable[[], None] = lambda: None
    ) -> Named:
        parts = self._parts
        if self._call_is_over:
            raise Conflict("the call is not in progress", code=NOT_IN_PROGRESS)
        prefix = "SR" if request.transport == "siprec" else "MZ"
        sid = make_sid(prefix, parts.entropy(16))
        carry = (
            self._recorders_of(request, SiprecSid(sid))
            if prefix == "SR"
            else self._fork_of(request, StreamSid(sid), bidirectional=bidirectional)
        )
        named = self._names.claim(request, StreamSid(sid), bidirectional=bidirectional)
        status = request.status or parts.policy.status
        stream = Stream(
            named=named,
            record=self._new_record(named, request, status),
            parts=parts,
            status=status,
            gone=self._forget,
        )
        carrier = stream.carrier = carry(stream)
        self._streams[sid] = stream
        if bidirectional:
            stream.over = asyncio.get_running_loop().create_future()
            self._connection = _Connection(named=named, end=stream.over)
        self._registry.begun(sid, lambda: stream.end(End(reason="drained")))
        self._changed()
        claimed()
        try:
            await parts.records.commit_now(stream.record)
        except (StoreFull, StoreRefused) as error:
            if not stream.is_over:
                self._forget(stream)
            raise Conflict(f"the stream cannot be written down: {error}", code=STREAM_FAILED) from None
        except BaseException as error:
            # Cancelled, or the database does not answer: the row may be there, so it gets its end.
            if not stream.is_over:
                reason = self._ended_meanwhile(stream) if isinstance(error, asyncio.CancelledError) else None
                stream.end(End(reason=reason) if reason else NOT_WRITTEN)
            raise
        if stream.is_over:  # the server stopped, and had no patience left
            return named
        if (reason := self._ended_meanwhile(stream)) is not None:
            stream.end(End(reason=reason))
            return named
        try:
            carrier.begin()
        except EngineError as error:
            # As when the far end cannot be reached: it was created, and this is its end.
            stream.end(End(reason="failed", code=STREAM_FAILED, detail=str(error)))
            return named
        except BaseException:
            # A bug of ours; but what began ends, whatever happens.
            stream.end(End(reason="failed", code=STREAM_FAILED, detail="the core could not be asked"))
            raise
        self._log.info("stream.created", stream_sid=sid, stream=named.name, tracks=named.tracks, host=carrier.host)
        return named

    def stop(self, name: str | None, transport: Transport) -> Named:
        """Take no further audio for that stream; without a name, for the newest of its type."""
        named = self._names.newest(transport) if name is None else self._names.find(name, transport)
        self._stop(self._streams[named.sid])
        return named

    def pause(self, name: str, *, paused: bool) -> Named:
        """Let the recorders of that stream hear nothing, or again. What is said meanwhile reaches none."""
        named = self._names.find(name, "siprec")
        carrier = self._streams[named.sid].carrier
        if isinstance(carrier, RecorderCarrier):
            carrier.pause(paused=paused)
            self._log.info("stream.paused" if paused else "stream.unpaused", stream_sid=named.sid)
        return named

    def paused(self) -> frozenset[str]:
        """The SIDs of the recordings that are paused."""
        return frozenset(sid for sid, carrier in self._recordings().items() if carrier.is_paused)

    @property
    def recorded(self) -> RecordState | None:
        """Whether recorders take this leg now; None where none does."""
        states = {carrier.recorded for carrier in self._recordings().values()}
        return "on" if "on" in states else "paused" if "paused" in states else None

    @property
    def is_awaited(self) -> bool:
        """A recorder that must have the call has not taken it yet, and still may."""
        return any(carrier.is_awaited for carrier in self._recordings().values())

    @property
    def sounds(self) -> bool:
        """Whether parties that cannot be told so in words are to hear a tone."""
        return any(carrier.sounds for carrier in self._recordings().values())

    def tell(self, news: StreamNews) -> None:
        """Something happened on the call: every stream that asked for such news and takes audio now
        hears of it, at its place between the audio."""
        self._picture = self._picture.after(news)
        for stream in self._streams.values():
            if stream.carrier is not None:
                stream.carrier.tell(news)

    def running(self) -> list[Named]:
        """The streams that take audio now, oldest first."""
        return self._names.all()

    def end_of_call(self, *, drained: bool = False) -> None:
        """No further stream starts. Those that run end as the call's leg is closed; `drained` where
        it is the server that ended the call."""
        self._call_is_over = True
        self._drained = self._drained or drained
        for stream in list(self._streams.values()):
            if drained:
                stream.drain()
            if stream.carrier is not None:
                stream.carrier.call_ended()

    # -- below --

    def _must_be_recorded(self, request: StreamRequest) -> bool:
        """Is a call that cannot be recorded so to end? Not where another recording by that connector runs."""
        recorders = self._parts.recorders
        if recorders is None or self._call_is_over or not recorders.parts.connectors.is_mandatory(request.connector):
            return False
        running = (self._streams[named.sid].record.connector for named in self._names.all())
        return request.connector not in running

    def _recordings(self) -> dict[str, RecorderCarrier]:
        carriers = {sid: stream.carrier for sid, stream in self._streams.items()}
        return {sid: carrier for sid, carrier in carriers.items() if isinstance(carrier, RecorderCarrier)}

    def _fork_of(self, request: StreamRequest, sid: StreamSid, *, bidirectional: bool) -> Callable[[Stream], Carrier]:
        target = fork_target(
            request,
            sid=sid,
            call_sid=self._call_sid,
            account_sid=self._parts.account_sid,
            policy=self._parts.policy,
            sign=self._parts.sign,
            bidirectional=bidirectional,
        )
        return lambda stream: ForkCarrier(core=self._parts.core, leg=self._leg, target=target, hear=stream.hear)

    def _recorders_of(self, request: StreamRequest, sid: SiprecSid) -> Callable[[Stream], Carrier]:
        recorders = self._parts.recorders
        if recorders is None:
            raise InvalidStream("connector", request.connector, "no connector is configured", code=CONNECTOR_UNKNOWN)
        order = RecordingOrder(
            sid=sid,
            about=self._about,
            picture=self._picture,
            leg=self._leg,
            tracks=request.tracks,
            parameters=request.parameters,
            chains=recorders.parts.connectors.chains(request.connector),
        )
        order.check()
        problems = recorders.parts.connectors.broken_mirrors(request.connector)

        def carry(stream: Stream) -> RecorderCarrier:
            for problem in problems:
                stream.warn(CONNECTOR_INVALID, f"{problem}; the other recorders go on")
            listener = Listener(
                opened=stream.opened,
                warned=stream.warn,
                ended=stream.end,
                unrecorded=self._unrecorded,
                changed=self._changed,
            )
            return RecorderCarrier(order, recorders=recorders, listener=listener)

        return carry

    def _stop(self, stream: Stream) -> None:
        stream.stopping()
        self._names.release(stream.named.sid)
        if stream.carrier is not None:
            stream.carrier.stop()

    def _forget(self, stream: Stream) -> None:
        self._names.release(stream.named.sid)
        del self._streams[stream.named.sid]
        self._registry.ended(stream.named.sid)
        self._changed()

    def _ended_meanwhile(self, stream: Stream) -> EndReason | None:
        """What befell a stream while its row was being written."""
        if self._call_is_over:
            return "drained" if self._drained else "call-ended"
        return "stopped" if stream.state is State.STOPPING else None

    def _new_record(self, named: Named, request: StreamRequest, status: StatusCallback | None) -> StreamRecord:
        now = self._parts.clock.now_ns()
        return StreamRecord(
            sid=named.sid,
            account_sid=self._parts.account_sid,
            call_sid=self._call_sid,
            name=named.name,
            transport=named.transport,
            url=str(request.url.without_query()) if request.url is not None else "",  # a query may hold a secret
            connector=request.connector,
            tracks=named.tracks,
            parameter_names=tuple(name for name, _ in request.parameters),
            callback="" if status is None else self._parts.sealed.close(status),
            created_ns=now,
            updated_ns=now,
        )
