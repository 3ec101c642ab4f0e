"""Calls that were forgotten: what still comes of them, a stream's end or a call's last figures, would bring
their rows back."""

from collections import OrderedDict

from bridgetap.ids import CallSid, ExecutionSid

from .calls import CallRecord
from .executions import ExecutionRecord
from .steps import StepRecord

REMEMBERED = 10_000  # calls, the last ones: of older ones nothing comes any more


class Forgotten:
    """The last calls that were forgotten, with their executions."""

    def __init__(self, *, capacity: int = REMEMBERED) -> None:
        self._capacity = capacity
        self._calls: OrderedDict[str, tuple[ExecutionSid, ...]] = OrderedDict()
        self._executions: set[str] = set()

    def add(self, call: CallSid, executions: tuple[ExecutionSid, ...]) -> None:
        self.discard(call)
        while len(self._calls) >= self._capacity:
            self.discard(next(iter(self._calls)))
        self._calls[call] = executions
        self._executions.update(executions)

    def discard(self, call: str) -> None:
        """It was not forgotten after all."""
        self._executions.difference_update(self._calls.pop(call, ()))

    def holds(self, record: object) -> bool:
        """Whether this is of such a call."""
        match record:
            case CallRecord():
                return record.sid in self._calls
            case StepRecord():
                return record.execution_sid in self._executions
            case ExecutionRecord():
                return record.call_sid in self._calls or record.sid in self._executions
            case _:
                return getattr(record, "call_sid", None) in self._calls
