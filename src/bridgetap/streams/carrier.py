"""What takes a stream's audio to its far end: a WebSocket (here), or recorders (`recorder_carrier`)."""

from collections.abc import Callable
from typing import Protocol

import structlog

from bridgetap.engine import Core, EngineError, ForkEvent, ForkId, ForkTarget, LegHandle

from .news import StreamNews, body_of, event_of

log = structlog.get_logger(__name__)


class Carrier(Protocol):
    """Begun once its stream's row is committed. Whatever the far end does, none of these waits for it."""

    @property
    def host(self) -> str:
        """Where audio goes, for the log."""
        ...

    def begin(self) -> None:
        """`EngineError` where the core cannot."""

    def tell(self, news: StreamNews) -> None:
        """Something happened on the call."""

    def stop(self) -> None:
        """Take no further audio. The stream hears of its end."""

    def call_ended(self) -> None:
        """The call is over; its leg is closed, or will be at once."""

    def drop(self) -> None:
        """The stream had its end: nothing of it is heard any more."""


class ForkCarrier:
    """A fork of the core's to a `wss://` server. It ends by itself when the leg is closed."""

    def __init__(self, *, core: Core, leg: LegHandle, target: ForkTarget, hear: Callable[[ForkEvent], None]) -> None:
        self._core = core
        self._leg = leg
        self._target = target
        self._hear = hear
        self._fork: ForkId | None = None

    @property
    def host(self) -> str:
        return self._target.endpoints[0].host

    def begin(self) -> None:
        self._fork = self._leg.fork(self._target)
        self._core.hear_fork(self._fork, self._hear)

    def tell(self, news: StreamNews) -> None:
        """Only what it asked for, at its place between the audio."""
        event = event_of(news)
        if self._fork is None or event not in self._target.events:
            return
        try:
            self._leg.tell_fork(self._fork, event, body_of(news))
        except EngineError as error:
            log.warning(
                "stream.untold",
                call_sid=self._target.call_sid,
                stream_sid=self._target.stream_sid,
                news=event,
                detail=str(error),
            )

    def stop(self) -> None:
        if self._fork is not None:
            self._leg.stop_fork(self._fork)

    def call_ended(self) -> None:
        pass  # the core says so itself

    def drop(self) -> None:
        if self._fork is not None:
            self._core.drop_fork(self._fork)
