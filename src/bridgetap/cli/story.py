"""What the server wrote down of a call, read back for the demo and the simulator."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bridgetap.store import (
    CallFilter,
    CallRecord,
    Cut,
    ExecutionRecord,
    NotificationRecord,
    StepRecord,
    Store,
    StreamRecord,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One incoming call, as far as it has come."""

    call: CallRecord | None = None
    execution: ExecutionRecord | None = None
    steps: Sequence[StepRecord] = field(default=())
    streams: Sequence[StreamRecord] = field(default=())
    notes: Sequence[NotificationRecord] = field(default=())

    @property
    def path(self) -> list[str]:
        """The widgets in order, from the trigger on."""
        return [self.steps[0].transitioned_from, *(step.transitioned_to for step in self.steps)] if self.steps else []

    @property
    def closed(self) -> bool:
        """Whether the call, its execution and every stream have their end."""
        execution, call = self.execution, self.call
        return (
            call is not None
            and not call.is_open
            and (execution is None or not execution.is_open)
            and not any(stream.is_open for stream in self.streams)
        )


async def read_story(store: Store) -> Story:
    """The newest incoming call."""
    page = await store.calls.search(CallFilter(), Cut(size=10))
    call = next((row for row in page.rows if row.direction == "inbound"), None)
    if call is None:
        return Story()
    executions = await store.executions.of_call(call.sid)
    return Story(
        call=call,
        execution=executions[0] if executions else None,
        steps=await store.steps.of_execution(executions[0].sid) if executions else (),
        streams=await store.streams.of_call(call.sid),
        notes=await store.notifications.of_call(call.sid),
    )
