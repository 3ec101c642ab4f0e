"""A stream to recorders: one recording for its connector and for each mirror, none of which another can hurt."""

from collections.abc import Callable
from dataclasses import dataclass

from bridgetap.engine import LegHandle
from bridgetap.flow.effects import Track
from bridgetap.ids import SiprecSid
from bridgetap.sdp import RecordState
from bridgetap.siprec import CallFacts, RecordedCall, carry
from bridgetap.siprec.happenings import Changed, PauseWanted, ResumeWanted, StopWanted
from bridgetap.siprec.orders import Over, PassedOver, Started

from .connectors import Connector
from .life import End
from .news import StreamNews
from .picture import Picture
from .recorded_call import CallAbout, followed, labelled, recorded_call
from .recorders import Recorders
from .siprec import SiprecRecording, Told

TIMED_OUT, REFUSED, DROPPED, UNREACHABLE, AUTHENTICATION = 31901, 31902, 31903, 31904, 32106
_CODES = {401: AUTHENTICATION, 407: AUTHENTICATION, 408: TIMED_OUT}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingOrder:
    """What is to be recorded, and where."""

    sid: SiprecSid
    about: CallAbout
    picture: Picture
    leg: LegHandle
    tracks: tuple[Track, ...]
    parameters: tuple[tuple[str, str], ...]
    chains: tuple[Connector, ...]  # the connector, and its mirrors

    def check(self) -> None:
        """`InvalidStream` where a connector cannot carry the parameters as it should."""
        for connector in self.chains:
            carry(self.parameters, as_=connector.parameters_as)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Who hears how it goes."""

    opened: Callable[[float], None]  # a recorder took it, after so many milliseconds
    warned: Callable[[int, str], None]
    ended: Callable[[End], None]
    unrecorded: Callable[[], None]  # a connector whose recording is mandatory has failed
    changed: Callable[[], None]  # `recorded`, `sounds` or `is_awaited` may be another now


@dataclass(slots=True)
class _Chain:
    """One connector's recording, and the call as it was told of it."""

    connector: Connector
    tracks: tuple[tuple[str, Track], ...]
    call: RecordedCall
    headers: tuple[tuple[str, str], ...]
    recording: SiprecRecording | None = None
    started: bool = False
    over: Over | None = None


class RecorderCarrier:
    """Begins them together; ends when the last of them has ended."""

    def __init__(self, order: RecordingOrder, *, recorders: Recorders, listener: Listener) -> None:
        """`order` was checked."""
        self._order = order
        self._recorders = recorders
        self._listener = listener
        self._picture = order.picture
        self._clock = recorders.parts.recording.clock
        self._began_ns = self._clock.now_ns()
        self._opened = False
        self._dropped = False
        self._stopped = False
        self.is_paused = False
        self._chains = [self._chain(connector) for connector in order.chains]

    @property
    def host(self) -> str:
        return self._order.chains[0].name

    @property
    def recorded(self) -> RecordState | None:
        """What the parties of the call are to know of it; None before a recorder has taken it, and after the end.
        While one recorder is lost and the next one asked, it counts as on."""
        if not any(chain.started and chain.over is None for chain in self._chains):
            return None
        return "paused" if self.is_paused else "on"

    @property
    def is_awaited(self) -> bool:
        """A recorder that must have the call has not taken it yet, and still may."""
        return not self._stopped and any(
            chain.connector.mandatory and not chain.started and chain.over is None for chain in self._chains
        )

    @property
    def sounds(self) -> bool:
        """Whether a recorder takes it now whose connector wants parties that cannot be told in words to hear a tone."""
        return self.recorded == "on" and any(
            chain.connector.tone for chain in self._chains if chain.started and chain.over is None
        )

    def begin(self) -> None:
        for chain in self._chains:
            chain.recording = self._recording(chain)
        for chain in self._chains:
            if chain.recording is not None:
                if self.is_paused:  # asked for while the row was written
                    chain.recording.tell(PauseWanted())
                self._recorders.start(chain.recording.run)

    def tell(self, news: StreamNews) -> None:
        """Everybody who records is told who talks now."""
        self._picture = self._picture.after(news)
        for chain in self._chains:
            chain.call = followed(
                chain.call,
                self._order.about,
                self._picture,
                tracks=chain.tracks,
                domain=self._recorders.parts.domain,
                now_ns=self._clock.now_ns(),
            )
            if chain.recording is not None:
                chain.recording.tell(Changed(call=chain.call))

    def pause(self, *, paused: bool) -> None:
        """Send nothing, or again: what is said meanwhile reaches no recorder."""
        self.is_paused = paused
        self._tell_all(PauseWanted() if paused else ResumeWanted())
        self._listener.changed()

    def stop(self) -> None:
        self._stop(StopWanted(reason="stopped"))

    def call_ended(self) -> None:
        self._stop(StopWanted(reason="call-ended"))

    def drop(self) -> None:
        self._dropped = True
        self.stop()

    # -- below --

    def _chain(self, connector: Connector) -> _Chain:
        order = self._order
        carried = carry(order.parameters, as_=connector.parameters_as)
        tracks = labelled(order.tracks, outbound_first=connector.outbound_first)
        facts = CallFacts(
            call_sid=order.about.sid,
            siprec_sid=order.sid,
            direction=order.about.direction,
            parameters=carried.metadata,
        )
        call = recorded_call(
            order.about,
            order.picture,
            facts=facts,
            tracks=tracks,
            domain=self._recorders.parts.domain,
            now_ns=self._began_ns,
        )
        return _Chain(connector, tracks, call, carried.headers)

    def _recording(self, chain: _Chain) -> SiprecRecording:
        return SiprecRecording(
            parts=self._recorders.parts.recording,
            connector=chain.connector,
            call=chain.call,
            leg=self._order.leg,
            tracks=chain.tracks,
            headers=chain.headers,
            told=lambda told: self._told(chain, told),
        )

    def _stop(self, stop: StopWanted) -> None:
        self._stopped = True
        self._tell_all(stop)
        self._listener.changed()

    def _tell_all(self, what: PauseWanted | ResumeWanted | StopWanted) -> None:
        for chain in self._chains:
            if chain.recording is not None and chain.over is None:
                chain.recording.tell(what)

    def _told(self, chain: _Chain, told: Told) -> None:
        match told:
            case Over():
                chain.over = told
                self._chain_over(chain, told)
            case _ if self._dropped:
                pass
            case Started():
                chain.started = True
                self._started()
            case PassedOver():
                code = _code(told, started=chain.started)
                self._listener.warned(code, f"{told.target}: {told.reason}; it is passed over")
        self._listener.changed()

    def _started(self) -> None:
        if not self._opened:
            self._opened = True
            self._listener.opened((self._clock.now_ns() - self._began_ns) / 1e6)

    def _chain_over(self, chain: _Chain, over: Over) -> None:
        if self._dropped:
            return
        if chain.connector.mandatory and not self._stopped and over.reason in ("failed", "remote-closed"):
            self._listener.unrecorded()
        if all(other.over is not None for other in self._chains):
            self._listener.ended(self._end())
        elif over.reason == "failed":
            rule = f"connector {chain.connector.name}: {over.detail}; the other recorders go on"
            self._listener.warned(_code(over, started=chain.started), rule)

    def _end(self) -> End:
        """As the one that went best has ended: where a mirror recorded all, nothing is missing."""
        overs = [(chain.over, chain.started) for chain in self._chains if chain.over is not None]
        best, started = min(overs, key=lambda one: one[0].reason == "failed")
        packets = max((c.recording.packets_sent for c in self._chains if c.recording is not None), default=0)
        return End(
            reason=best.reason,
            code=_code(best, started=started) if best.reason == "failed" else 0,
            detail=best.detail,
            frames_sent=packets,
            ms_sent=packets * 20,
        )


def _code(told: Over | PassedOver, *, started: bool) -> int:
    """Twilio has no codes of SIPREC's own: those of streams and of SIP stand in."""
    if told.code:
        return told.code
    if told.status == 0:
        return DROPPED if started else UNREACHABLE
    return _CODES.get(told.status, REFUSED)
