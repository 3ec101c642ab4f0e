"""TwiML documents that run on a call."""

from collections.abc import Mapping, Sequence

from bridgetap.flow import Options
from bridgetap.ids import ExecutionSid
from bridgetap.twiml import TwimlEffect, TwimlEvent, TwimlExecution
from bridgetap.twiml.events import CallUpdated, DocumentFetched

from .document_rows import DocumentRows
from .instructions import Voice
from .ledger import CallEntry, Ledger


class TwimlRun:
    """The documents of one call, with their rows."""

    def __init__(self, voice: Voice, *, ledger: Ledger, options: Options, entry: CallEntry) -> None:
        self._source = voice.source
        self._clock = ledger.clock
        self._execution = TwimlExecution(options=options, fallback=voice.fallback)
        self._rows = DocumentRows(self._execution, ledger=ledger, entry=entry)
        self.execution_sid: ExecutionSid | None = None

    @property
    def facts(self) -> Mapping[str, object]:
        return {"documents": len(self._execution.documents)}

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
        effects = self._execution.start(self._source, now_ns=self._clock.now_ns())
        self._rows.given(self._source, effects)
        return effects

    def handle(self, event: TwimlEvent) -> Sequence[TwimlEffect]:
        effects = self._execution.handle(event, now_ns=self._clock.now_ns())
        match event:
            case DocumentFetched():
                self._rows.fetched(event, effects)
            case CallUpdated() if effects:
                self._rows.given(event.source, effects)
            case _:
                self._rows.went_on(effects)
        return effects

    def close(self) -> None:
        self._rows.close()
