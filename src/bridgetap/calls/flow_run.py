"""A Studio flow that runs on a call."""

from collections.abc import Mapping, Sequence

from bridgetap.flow import Execution, Options
from bridgetap.flow.events import CallStarted
from bridgetap.ids import CallSid, ExecutionSid
from bridgetap.twiml import TwimlEffect, TwimlEvent
from bridgetap.twiml.events import CallUpdated, ConnectEnded, DocumentFetched, GatherEnded

from .execution_rows import ExecutionRows
from .flow_book import Program
from .ledger import Ledger


class FlowRun:
    """One execution of a flow, with its rows."""

    def __init__(
        self,
        program: Program,
        *,
        ledger: Ledger,
        options: Options,
        call_sid: CallSid,
        contact: str,
        call: Mapping[str, str],
    ) -> None:
        """`call` is what the flow sees as `trigger.call`, `contact` the caller's number."""
        self._clock = ledger.clock
        self._call = call
        self._sid = ExecutionSid(ledger.sid("FN"))
        self._execution = Execution(
            program.definition, execution_sid=self._sid, flow_sid=program.flow_sid, options=options
        )
        self._rows = ExecutionRows(
            execution=self._execution, program=program, ledger=ledger, call_sid=call_sid, contact=contact
        )
        self.facts: Mapping[str, object] = {"flow_sid": program.flow_sid, "execution_sid": self._sid}

    @property
    def execution_sid(self) -> ExecutionSid | None:
        return self._sid

    @property
    def ended(self) -> bool:
        return self._execution.ended

    @property
    def end_reason(self) -> str:
        return self._execution.end_reason

    @property
    def current(self) -> str | None:
        return self._execution.current

    def begin(self) -> Sequence[TwimlEffect]:
        effects = self._execution.start(CallStarted(call=self._call), now_ns=self._clock.now_ns())
        self._rows.save()
        return effects

    def handle(self, event: TwimlEvent) -> Sequence[TwimlEffect]:
        match event:
            case GatherEnded() | ConnectEnded() | DocumentFetched() | CallUpdated():
                return ()  # no flow asks for what these answer
            case _:
                effects = self._execution.handle(event, now_ns=self._clock.now_ns())
                self._rows.save()
                return effects

    def close(self) -> None:
        self._rows.close()
