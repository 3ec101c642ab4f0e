"""The core on an asyncio loop: commands down by `sip` and `media`, events up to whoever asked for them."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import structlog

from . import events as ev
from .handles import Credentials, DialogId, FlowId, ForkId, Headers, LegId, RequestId
from .ports import EventSource, MediaCore, SipCore

log = structlog.get_logger(__name__)

S = TypeVar("S", ev.IncomingCall, ev.RegisterReceived, ev.FlowClosed, ev.SipNotice)
Sink = Callable[[Any], None]

BATCH = 512  # events taken at a time; the rest stay queued, and other tasks run in between
BEHIND_MS = 200  # above this the server is overloaded (architecture §1)


class Core:
    """Events, SIP and media as one object.

    News of a dialog, leg or fork goes to the sink that was named for its id, and the last news of
    each takes the sink away. Sinks only queue (`Inbox.put`): the work is done by the owner's task.
    """

    def __init__(self, *, events: EventSource, sip: SipCore, media: MediaCore) -> None:
        self.sip = sip
        self.media = media
        self._events = events
        self._dialogs: dict[DialogId, Sink] = {}
        self._legs: dict[LegId, Sink] = {}
        self._forks: dict[ForkId, Sink] = {}
        self._requests: dict[RequestId, asyncio.Future[ev.Response]] = {}
        self._servers: dict[type[Any], list[Sink]] = {}

    # -- running --

    def start(self) -> None:
        """Begin to read events on the running loop."""
        self._events.watch(self.drain)

    def close(self) -> None:
        """Stop reading and stop the core's threads. May be called twice."""
        self._events.unwatch()
        self.sip.close()
        self.media.close()
        for future in self._requests.values():
            future.cancel()
        self._requests.clear()

    @property
    def overloaded(self) -> bool:
        """Whether events wait longer than they may."""
        return self._events.oldest_ms() > BEHIND_MS

    # -- who hears what --

    def on(self, kind: type[S], sink: Callable[[S], None]) -> None:
        """Hear every event of a kind that belongs to no dialog, leg or fork. `IncomingCall`'s sink
        must name the dialog's sink before it returns: the caller's CANCEL may be in the same batch."""
        self._servers.setdefault(kind, []).append(sink)

    def hear_dialog(self, dialog: DialogId, sink: Callable[[ev.DialogEvent], None]) -> None:
        self._dialogs[dialog] = sink

    def hear_leg(self, leg: LegId, sink: Callable[[ev.LegEvent], None]) -> None:
        self._legs[leg] = sink

    def hear_fork(self, fork: ForkId, sink: Callable[[ev.ForkEvent], None]) -> None:
        self._forks[fork] = sink

    def drop_fork(self, fork: ForkId) -> None:
        """Hear no more of a fork: its stream has had its end."""
        self._forks.pop(fork, None)

    def drop_leg(self, leg: LegId) -> None:
        """Hear no more of a leg: its owner is gone before its last figures came."""
        self._legs.pop(leg, None)

    async def request(
        self,
        *,
        method: str,
        dialog: DialogId | None = None,
        target: str = "",
        from_: str = "",
        to: str = "",
        headers: Headers | None = None,
        body: bytes = b"",
        content_type: str = "",
        credentials: Credentials | None = None,
        flow: FlowId | None = None,
        call_id: str = "",
        cseq: int = 0,
    ) -> ev.Response:
        """Send a request and wait for its final response (there always is one: 408 or 503 from
        the core where the peer says nothing)."""
        request = self.sip.request(
            method=method,
            dialog=dialog,
            target=target,
            from_=from_,
            to=to,
            headers=headers,
            body=body,
            content_type=content_type,
            credentials=credentials,
            flow=flow,
            call_id=call_id,
            cseq=cseq,
        )
        future: asyncio.Future[ev.Response] = asyncio.get_running_loop().create_future()
        self._requests[request] = future
        try:
            return await future
        finally:
            self._requests.pop(request, None)

    # -- the queue up --

    def drain(self) -> None:
        """Hand out one batch."""
        for event in self._events.take(BATCH):
            self._hand_out(event)

    def _hand_out(self, event: ev.Event) -> None:
        match event:
            case ev.CallEnded():
                self._give(self._dialogs.pop(event.dialog, None), event)
            case (
                ev.CallProgress()
                | ev.CallAnswered()
                | ev.CallAcked()
                | ev.ReofferReceived()
                | ev.ReofferAnswered()
                | ev.ReofferOvertaken()
                | ev.RequestReceived()
            ):
                self._give(self._dialogs.get(event.dialog), event)
            case ev.LegClosed():
                self._give(self._legs.pop(event.leg, None), event)
            case ev.DtmfPressed() | ev.PlayEnded() | ev.RtpTimedOut() | ev.RecordEnded():
                self._give(self._legs.get(event.leg), event)
            case ev.ForkEnded():
                self._give(self._forks.pop(event.fork, None), event)
            case ev.ForkOpened() | ev.ForkReconnecting() | ev.ForkResumed() | ev.ForkLagging() | ev.ForkWarned():
                self._give(self._forks.get(event.fork), event)
            case ev.Response():
                future = self._requests.get(event.request)
                if future is not None and not future.done():
                    future.set_result(event)
            case ev.IncomingCall() | ev.RegisterReceived() | ev.FlowClosed() | ev.SipNotice():
                for sink in self._servers.get(type(event), ()):
                    self._give(sink, event)

    def _give(self, sink: Sink | None, event: ev.Event) -> None:
        if sink is None:
            return  # its owner went while the event waited
        try:
            sink(event)
        except Exception:
            # The root of every sink: one call's fault must not stop the news of all others.
            log.exception("engine.sink_failed", event_kind=type(event).__name__)
