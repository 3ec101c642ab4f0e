"""What the REST API asks of the calls side. `calls` satisfies this by its shape: imports go downwards only."""

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

from bridgetap.calls import CallChange, NewCall
from bridgetap.flow.effects import Transport
from bridgetap.ids import CallSid
from bridgetap.store import CallRecord
from bridgetap.streams import Named, StreamRequest

EndStatus: TypeAlias = Literal["completed", "canceled"]


class CallsService(Protocol):
    """Makes and ends calls, starts and stops their streams. What became of them stands in the store."""

    async def create(self, wanted: NewCall) -> CallSid:
        """Begin to ring somebody, run what is wanted once they answer.

        Returns once the call's row is in the store. Raises `InvalidInput` (21211 `to`, 21212
        `from_`, 20001 `flow`), `InvalidDefinition` (81022) or `Conflict` (20503: at `max_calls`,
        or draining).
        """
        ...

    def change(self, sid: CallSid, change: CallChange) -> None:
        """Change a live call. Raises `NotFound` when this server has no such live call, `Conflict`
        (21220) when it is in no state for that."""
        ...

    async def end(self, sid: CallSid, status: EndStatus) -> None:
        """`canceled` before the answer, `completed` at any time. Returns when the row says so.

        Raises `NotFound` when this server has no such live call, `Conflict` (21220) when it is in
        no state for that.
        """
        ...

    async def start_stream(self, call: CallRecord, request: StreamRequest, *, remarks: Sequence[str] = ()) -> Named:
        """Fork the audio of a leg that talks. Returns once the stream's row is in the store.

        Raises `Conflict` (21220: the leg does not talk; 20409: the name is taken), `InvalidStream`
        (31941: too many tracks). `remarks` are warnings for the notification log.
        """
        ...

    def stop_stream(self, call: CallRecord, name: str, transport: Transport) -> Named:
        """Take no further audio for a stream of that type, by name or SID. Raises `NotFound`, or `Conflict` (21220)."""
        ...

    def pause_recording(self, call: CallRecord, name: str, *, paused: bool) -> Named:
        """Send recorders nothing, or again. Raises as `stop_stream` does."""
        ...

    def paused_recordings(self, call: CallRecord) -> frozenset[str]:
        """The SIDs of those that are paused."""
        ...

    def running_streams(self, call: CallRecord) -> frozenset[str]:
        """The SIDs of the streams that take audio of this leg now."""
        ...

    @property
    def accepting(self) -> bool:
        """Whether a new call would be taken: not draining, not overloaded, below `max_calls`."""
        ...

    def gauges(self) -> dict[str, float]:
        """Figures for `/metrics`, by name without prefix: `calls_live`, `streams_live`, ….

        A name that ends in `_total` is a counter, any other a gauge.
        """
        ...
