"""A call that documents are run on: what is asked for, and what is in the log."""

from typing import TypeVar

from bridgetap.flow import Options
from bridgetap.flow.effects import Log
from bridgetap.twiml import DocumentAt, DocumentSource, TwimlEffect, TwimlEvent, TwimlExecution
from bridgetap.twiml.effects import FetchDocument
from bridgetap.twiml.events import DocumentFetched

URL = "https://app.test/voice/start?x=1"
E = TypeVar("E")


class Call:
    """One execution. Effects without the log lines come back; the log is kept."""

    def __init__(self, *, allow_query: bool = False, fallback: str = "") -> None:
        options = Options(allow_query=allow_query)
        self.execution = TwimlExecution(options=options, fallback=DocumentAt(url=fallback) if fallback else None)
        self.log: list[Log] = []
        self.now_ns = 0

    def begin(self, inner: str) -> list[TwimlEffect]:
        """Fetch the first document from `URL` and run it."""
        return self.answer(only(self.start(DocumentAt(url=URL)), FetchDocument), inner)

    def start(self, source: DocumentSource) -> list[TwimlEffect]:
        return self._kept(self.execution.start(source, now_ns=self._tick()))

    def answer(self, fetch: FetchDocument, inner: str) -> list[TwimlEffect]:
        """The server answers with `<Response>inner</Response>`."""
        body = f"<Response>{inner}</Response>".encode()
        return self.tell(DocumentFetched(effect=fetch.id, status=200, content_type="text/xml", body=body))

    def tell(self, event: TwimlEvent) -> list[TwimlEffect]:
        return self._kept(self.execution.handle(event, now_ns=self._tick()))

    @property
    def logged(self) -> list[tuple[str, int, str]]:
        """Level, code and place of each line."""
        return [(line.level, line.code, line.widget) for line in self.log]

    def _kept(self, effects: list[TwimlEffect]) -> list[TwimlEffect]:
        self.log += [effect for effect in effects if isinstance(effect, Log)]
        return [effect for effect in effects if not isinstance(effect, Log)]

    def _tick(self) -> int:
        self.now_ns += 1
        return self.now_ns


def only(effects: list[TwimlEffect], kind: type[E]) -> E:
    """The one effect that there is, which must be of that kind."""
    (effect,) = effects
    assert isinstance(effect, kind)
    return effect
