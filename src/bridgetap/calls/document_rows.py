"""What is written down of a call's documents: one row for each that was asked for or given."""

from collections.abc import Sequence
from dataclasses import dataclass

from bridgetap.errors import InvalidInput
from bridgetap.flow.effects import EffectId, Log
from bridgetap.store import DocumentRecord
from bridgetap.twiml import DocumentSource, DocumentText, TwimlEffect, TwimlExecution
from bridgetap.twiml.effects import FetchDocument
from bridgetap.twiml.events import DocumentFetched
from bridgetap.webhooks import WebhookUrl

from .ledger import CallEntry, Ledger

MOVED_ON = "the call went on without it"


@dataclass(frozen=True, slots=True)
class _Asked:
    fetch: FetchDocument
    at_ns: int


class DocumentRows:
    """Looks on at an execution. Rows of one call go on counting when another execution takes over."""

    def __init__(self, execution: TwimlExecution, *, ledger: Ledger, entry: CallEntry) -> None:
        self._execution = execution
        self._ledger = ledger
        self._entry = entry
        self._asked: dict[EffectId, _Asked] = {}
        self._begun = 0

    def given(self, source: DocumentSource, effects: Sequence[TwimlEffect]) -> None:
        """The execution was given a document, or where it is; that led to these effects. What it waited for
        before is waited for no more."""
        self.close()
        if isinstance(source, DocumentText):
            self._put(effects, at_ns=self._ledger.clock.now_ns())
        self._note(effects)

    def fetched(self, event: DocumentFetched, effects: Sequence[TwimlEffect]) -> None:
        """The execution was told of an answer."""
        asked = self._asked.pop(event.effect, None)
        if asked is not None:
            self._put(effects, at_ns=asked.at_ns, fetch=asked.fetch, status=event.status or None)
        self._note(effects)

    def went_on(self, effects: Sequence[TwimlEffect]) -> None:
        """Anything else led to these effects."""
        self._note(effects)

    def close(self) -> None:
        """What was asked for is waited for no more."""
        for asked in self._asked.values():
            self._put((), at_ns=asked.at_ns, fetch=asked.fetch, given_up=MOVED_ON)
        self._asked.clear()

    def _note(self, effects: Sequence[TwimlEffect]) -> None:
        for effect in effects:
            if isinstance(effect, FetchDocument):
                self._asked[effect.id] = _Asked(effect, self._ledger.clock.now_ns())

    def _put(
        self,
        effects: Sequence[TwimlEffect],
        *,
        at_ns: int,
        fetch: FetchDocument | None = None,
        status: int | None = None,
        given_up: str = "",
    ) -> None:
        """`given_up`: why it never ran, where nobody waited for it."""
        runs = self._execution.documents
        run = runs[self._begun] if len(runs) > self._begun and not given_up else None
        failed = next((effect for effect in effects if isinstance(effect, Log) and effect.level == "error"), None)
        if run is not None:
            self._begun += 1
            failed = None  # what else is told is of its verbs
        self._ledger.records.put(
            DocumentRecord(
                call_sid=self._entry.record.sid,
                index=self._entry.next_document(),
                account_sid=self._ledger.account_sid,
                url="" if fetch is None else shown(fetch.url),
                method="" if fetch is None else fetch.method,
                status=status,
                code=failed.code if failed else 0,
                detail=failed.message if failed else given_up,
                verbs=run.verbs if run else 0,
                warnings=run.warnings if run else 0,
                took_ms=0 if fetch is None else (self._ledger.clock.now_ns() - at_ns) // 1_000_000,
                created_ns=at_ns,
            )
        )


def shown(url: str) -> str:
    """Without user, password and query: those may be secrets."""
    try:
        return WebhookUrl.parse(url).shown
    except InvalidInput:
        return ""
