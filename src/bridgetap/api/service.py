"""What the REST API asks of the calls side. `calls` satisfies this by its shape: imports go downwards only."""

from typing import Literal, Protocol, TypeAlias

from bridgetap.ids import CallSid

EndStatus: TypeAlias = Literal["completed", "canceled"]


class CallsService(Protocol):
    """Makes and ends calls. What became of them stands in the store."""

    async def create(
        self,
        *,
        to: str,
        from_: str,
        flow: str | None,
        timeout_s: int,
        time_limit_s: int | None,
    ) -> CallSid:
        """Begin to ring `to` (a number, a `sip:` URI, `client:NAME`), run the flow once it answers.

        `flow` is a path as `[[numbers]] flow` writes it, absent: the flow of the number `from_`.
        Returns once the call's row is in the store. Raises `InvalidInput` (21211 `to`, 21212
        `from_`, 20001 `flow`), `InvalidDefinition` (81022) or `Conflict` (20503: at `max_calls`,
        or draining).
        """
        ...

    async def end(self, sid: CallSid, status: EndStatus) -> None:
        """`canceled` before the answer, `completed` at any time. Returns when the row says so.

        Raises `NotFound` when this server has no such live call, `Conflict` (21220) when it is in
        no state for that.
        """
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
