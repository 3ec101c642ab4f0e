"""What is written down of an execution: one row for it, one for each step."""

from dataclasses import replace

import structlog

from bridgetap.flow import Execution
from bridgetap.ids import CallSid, StepSid
from bridgetap.store import ExecutionRecord, StepRecord, StoreFull

from .flow_book import Program
from .ledger import Ledger

log = structlog.get_logger(__name__)


class ExecutionRows:
    """Keeps the rows of one execution up to date."""

    def __init__(
        self, *, execution: Execution, program: Program, ledger: Ledger, call_sid: CallSid, contact: str
    ) -> None:
        self._execution = execution
        self._program = program
        self._ledger = ledger
        self._written = 0
        now = ledger.clock.now_ns()
        self._record = ExecutionRecord(
            sid=execution.execution_sid,
            account_sid=ledger.account_sid,
            flow_sid=program.flow_sid,
            flow_name=program.name,
            flow_version=program.version,
            call_sid=call_sid,
            contact_channel_address=contact,
            created_ns=now,
            updated_ns=now,
        )
        self._kept = self._put(self._record)

    def save(self) -> None:
        """Write the steps that were taken since the last time."""
        if not self._kept:
            return
        for step in self._execution.steps_since(self._written):
            state = self._program.definition.states.get(step.transitioned_from)
            self._ledger.records.put(
                StepRecord(
                    sid=StepSid(self._ledger.sid("FT")),
                    account_sid=self._ledger.account_sid,
                    flow_sid=self._program.flow_sid,
                    execution_sid=self._execution.execution_sid,
                    index=step.index,
                    name=step.name,
                    transitioned_from=step.transitioned_from,
                    transitioned_to=step.transitioned_to,
                    widget_type=state.type if state is not None else "",
                    context=step.context.to_json(),
                    created_ns=step.at_ns,
                )
            )
            self._written += 1

    def close(self) -> None:
        """The execution is over, whatever ended it."""
        if not self._kept:
            return
        self.save()
        now = self._ledger.clock.now_ns()
        reason = self._execution.end_reason or ("" if self._execution.ended else "stopped")
        self._put(
            replace(
                self._record,
                context=self._execution.context.to_json(),
                updated_ns=now,
                ended_ns=now,
                end_reason=reason or "completed",
            )
        )

    def _put(self, record: ExecutionRecord) -> bool:
        try:
            self._ledger.records.put(record)
        except StoreFull as error:  # the call goes on: it matters more than its trace
            log.error("execution.not_written", execution_sid=record.sid, error=str(error))
            return False
        return True
