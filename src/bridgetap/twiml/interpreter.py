"""Runs the documents of one call: events in, effects out. No I/O, no clock, no dice.

    execution = TwimlExecution(fallback=DocumentAt(url="https://backup.example/voice"))
    effects = execution.start(DocumentAt(url="https://app.example/voice"), now_ns=...)
    effects = execution.handle(DocumentFetched(effect=effects[0].id, status=200, ...), now_ns=...)
    execution.ended, execution.end_reason, execution.documents

Each call runs until a verb waits for an answer or the last document ends. Nothing a document, a
server or a caller does makes it raise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from bridgetap.errors import InvalidTwiml
from bridgetap.flow import Options
from bridgetap.flow.effects import EffectId, Hangup
from bridgetap.flow.events import (
    CallerHungUp,
    DialEnded,
    DialResult,
    Digits,
    ExecutionStopped,
    PlayEnded,
    StreamRefused,
)
from bridgetap.flow.stream_rules import WARNED_OF

from . import verbs
from .asking import Asked, Asker, numbered
from .document import Document
from .effects import NEEDS_MEDIA, Abandon, FetchDocument, Method, NotifyAction, Reject, TwimlAnswered, TwimlEffect
from .events import (
    CallUpdated,
    ConnectEnded,
    DocumentAt,
    DocumentFetched,
    DocumentSource,
    DocumentText,
    GatherEnded,
    TwimlAnswer,
    TwimlEvent,
)
from .outcomes import Parameters, after_connect, after_dial, after_failure, after_gather
from .phases import ANSWERS, Ended, Fetching, Fresh, Phase, Running, Waiting
from .problems import OURS, line
from .urls import resolve, shown, without_password

MAX_DOCUMENTS = 1000
TOO_MANY_DOCUMENTS = 11215
RETRIEVAL_FAILED = 11200
HUNG_UP = "hung up by the document"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRun:
    """One document that was begun. `url` is as it may be shown; "" for one that came as a text."""

    index: int
    url: str
    verbs: int
    warnings: int
    at_ns: int


class TwimlExecution:
    """The documents of one call. The conductor owns it and carries out what it asks for."""

    def __init__(self, *, options: Options | None = None, fallback: DocumentAt | None = None) -> None:
        """`fallback` is asked when a document cannot be had or read."""
        self.options = options or Options()
        self._fallback = fallback
        self._phase: Phase = Fresh()
        self._base = ""
        self._verbs: tuple[verbs.Verb, ...] = ()
        self._next = 0
        self._documents: list[DocumentRun] = []
        self._asked_documents = 0
        self._call_live = True
        self._answered = False
        self._last_id = 0
        self._now_ns = 0
        self._out: list[TwimlEffect] = []

    @property
    def ended(self) -> bool:
        return isinstance(self._phase, Ended)

    @property
    def end_reason(self) -> str:
        """Why it ended; "" while it runs, and when the last document simply ended."""
        return self._phase.reason if isinstance(self._phase, Ended) else ""

    @property
    def current(self) -> str | None:
        """The verb that waits, `Response/Dial[2]`, or None."""
        match self._phase:
            case Waiting():
                return self._phase.verb.place
            case Fetching():
                return self._phase.place or None
            case _:
                return None

    @property
    def documents(self) -> Sequence[DocumentRun]:
        """Every document so far."""
        return tuple(self._documents)

    def start(self, source: DocumentSource, *, now_ns: int) -> list[TwimlEffect]:
        """Begin with a document, or with where it is."""
        self._now_ns = now_ns
        if not isinstance(self._phase, Fresh):
            return self._unexpected(type(source).__name__)
        self._open(source)
        return self._take()

    def handle(self, event: TwimlEvent, *, now_ns: int) -> list[TwimlEffect]:
        """Tell what happened; returns what to do next."""
        self._now_ns = now_ns
        phase = self._phase
        if isinstance(phase, Ended):
            return []  # the end crossed with this event
        if isinstance(phase, Fresh):
            return self._unexpected(type(event).__name__)
        match event:
            case ExecutionStopped():
                self._end(event.reason or "stopped")
            case CallerHungUp():
                self._hung_up(phase, event)
            case CallUpdated():
                self._updated(phase, event)
            case Digits():
                pass  # a gather gets its keys from who carries it out
            case _ if isinstance(phase, Fetching):
                if event.effect == phase.fetch.id:
                    if not isinstance(event, DocumentFetched):
                        return self._unexpected(type(event).__name__)
                    self._fetched(phase, event)
            case _ if event.effect in phase.answers:
                if not isinstance(event, ANSWERS[type(phase.verb)]):
                    return self._unexpected(type(event).__name__)
                self._answer(phase, event)
            case _:
                pass  # the call moved on before the answer came
        return self._take()

    # --- documents -------------------------------------------------------------------------

    def _open(self, source: DocumentSource) -> None:
        match source:
            case DocumentAt():
                self._base = ""
                self._fetch(source.url, source.method)
            case DocumentText():
                self._asked_documents += 1
                self._read_text(source.text)
            case _:
                assert_never(source)

    def _read_text(self, text: str) -> None:
        try:
            document = Document.parse_text(text)
        except InvalidTwiml as error:
            self._failed(error, "")
        else:
            self._begin_document(document, "")

    def _fetched(self, phase: Fetching, event: DocumentFetched) -> None:
        url = event.url or phase.fetch.url
        try:
            if not 200 <= event.status < 300:
                reason = event.error or "no answer" if event.status < 100 else f"answered {event.status}"
                raise InvalidTwiml(phase.place, shown(url), reason, code=event.code or RETRIEVAL_FAILED)
            document = Document.parse(event.body, content_type=event.content_type, url=url)
        except InvalidTwiml as error:
            self._failed(error, url, is_fallback=phase.is_fallback)
        else:
            self._begin_document(document, url)

    def _begin_document(self, document: Document, url: str) -> None:
        self._base, self._verbs, self._next = url, document.verbs, 0
        run = DocumentRun(
            index=len(self._documents),
            url=shown(url),
            verbs=len(document.verbs),
            warnings=len(document.warnings),
            at_ns=self._now_ns,
        )
        self._documents.append(run)
        for problem in document.warnings:
            self._log("warning", problem.code, problem.place, str(problem))
        self._run()

    def _fetch(
        self,
        url: str,
        method: Method,
        parameters: Parameters = (),
        *,
        place: str = "",
        is_fallback: bool = False,
    ) -> None:
        """Ask for a document, within the limit."""
        try:
            absolute = resolve(self._base, url, place=place)
        except InvalidTwiml as error:
            return self._failed(error, url, is_fallback=is_fallback)
        if self._asked_documents >= MAX_DOCUMENTS:
            message = f"the call was given {MAX_DOCUMENTS} documents; do they redirect to each other?"
            self._log("error", TOO_MANY_DOCUMENTS, place, message)
            return self._end("too many documents")
        self._asked_documents += 1
        self._last_id += 1
        fetch = FetchDocument(id=EffectId(self._last_id), url=absolute, method=method, parameters=parameters)
        self._phase = Fetching(fetch, place, is_fallback)
        self._out.append(fetch)
        return None

    def _failed(self, error: InvalidTwiml, url: str, *, is_fallback: bool = False) -> None:
        """A document cannot be had or read: to the fallback, unless it was that; then it is over."""
        self._log("error", error.code or RETRIEVAL_FAILED, error.place, str(error))
        if self._fallback is None or is_fallback:
            return self._end(str(error))
        self._base = ""
        parameters = after_failure(error.code or RETRIEVAL_FAILED, without_password(url))
        return self._fetch(self._fallback.url, self._fallback.method, parameters, is_fallback=True)

    # --- verbs -----------------------------------------------------------------------------

    def _run(self) -> None:
        """Go from verb to verb until one waits, or leads elsewhere, or the document ends."""
        asker = Asker(self._base, allow_query=self.options.allow_query)
        while self._next < len(self._verbs):
            verb = self._verbs[self._next]
            self._next += 1
            if self._begin(verb, asker):
                return
        self._end("")

    def _begin(self, verb: verbs.Verb, asker: Asker) -> bool:
        """Whether this is as far as it goes for now."""
        match verb:
            case verbs.Say() | verbs.Play() | verbs.Pause():
                return self._ask(verb, asker.prompt(verb))
            case verbs.Gather():
                return self._ask(verb, asker.gather(verb))
            case verbs.Dial():
                return self._ask(verb, asker.dial(verb)) or self._dialled(verb, DialResult(status="failed"))
            case verbs.Start():
                return self._ask(verb, asker.start(verb))
            case verbs.Stop():
                return self._ask(verb, asker.stop(verb))
            case verbs.Connect():
                return self._ask(verb, asker.connect(verb)) or self._disconnected(verb, None)
            case verbs.Redirect():
                self._fetch(verb.url, verb.method, place=verb.place)
            case verbs.Hangup():
                self._end(HUNG_UP)
            case verbs.Reject():
                self._reject(verb)
            case _:
                assert_never(verb)
        return True

    def _ask(self, verb: verbs.Verb, asked: Asked) -> bool:
        """Number the effects, queue them, and wait for their answers if there are any."""
        self._out.extend(asked.notes)
        numbers = [self._emit(effect) for effect in asked.effects]
        if numbers:
            self._phase = Waiting(verb, frozenset(numbers))
        return bool(numbers)

    def _answer(self, phase: Waiting, event: TwimlAnswer) -> None:
        """Take an answer that the verb waited for; once it has all, go on."""
        leads_elsewhere = False
        match phase.verb, event:
            case (_, PlayEnded()) if event.error:  # the caller heard nothing; the call goes on
                self._log("error", event.code, phase.verb.place, event.error)
            case verbs.Gather() as verb, GatherEnded():
                leads_elsewhere = self._gathered(verb, event)
            case verbs.Dial() as verb, DialEnded():
                leads_elsewhere = self._dialled(verb, event.result)
            case verbs.Connect() as verb, ConnectEnded():
                leads_elsewhere = self._disconnected(verb, event)
            case verbs.Connect() as verb, StreamRefused():
                self._refused(verb, event)
                leads_elsewhere = self._disconnected(verb, None)
            case verb, StreamRefused():
                self._refused(verb, event)
            case _:
                pass  # as asked
        if leads_elsewhere:
            return
        remaining = phase.answers - {event.effect}
        if remaining:
            self._phase = Waiting(phase.verb, remaining)
        else:
            self._run()

    def _refused(self, verb: verbs.Verb, event: StreamRefused) -> None:
        self._log("warning" if event.code in WARNED_OF else "error", event.code, verb.place, event.message)

    def _gathered(self, verb: verbs.Gather, event: GatherEnded) -> bool:
        """With input to its action; without, on with the next verb."""
        if not (event.digits or event.speech or verb.action_on_empty_result):
            return False
        self._fetch(verb.action, verb.method, after_gather(verb.input, event), place=verb.place)
        return True

    def _dialled(self, verb: verbs.Dial, result: DialResult) -> bool:
        if verb.action is None:
            return False
        self._fetch(verb.action, verb.method, after_dial(result), place=verb.place)
        return True

    def _disconnected(self, verb: verbs.Connect, event: ConnectEnded | None) -> bool:
        if verb.action is None:
            return False
        self._fetch(verb.action, verb.method, after_connect(event), place=verb.place)
        return True

    def _reject(self, verb: verbs.Reject) -> None:
        """Only what is not answered can be rejected."""
        if self._answered:
            return self._end("rejected")
        self._out.append(Reject(reason=verb.reason))
        self._phase = Ended("rejected")
        return None

    # --- from outside ----------------------------------------------------------------------

    def _hung_up(self, phase: Running, event: CallerHungUp) -> None:
        """The action of a dial is told what became of it; what it answers is not run."""
        self._call_live = False
        if isinstance(phase, Waiting) and isinstance(phase.verb, verbs.Dial) and phase.verb.action is not None:
            verb = phase.verb
            result = event.dial or DialResult(status="canceled")
            try:
                url = resolve(self._base, verb.action or "", place=verb.place)
            except InvalidTwiml as error:
                self._log("error", error.code or RETRIEVAL_FAILED, error.place, str(error))
            else:
                notify = NotifyAction(url=url, method=verb.method, parameters=after_dial(result))
                self._out.append(notify)
        self._end("caller hung up")

    def _updated(self, phase: Running, event: CallUpdated) -> None:
        running = (phase.fetch.id,) if isinstance(phase, Fetching) else tuple(sorted(phase.answers))
        self._out.append(Abandon(effects=running))
        self._fallback = event.fallback or self._fallback
        self._open(event.source)

    # --- what comes out --------------------------------------------------------------------

    def _emit(self, effect: TwimlAnswered) -> EffectId:
        self._last_id += 1
        self._answered = self._answered or isinstance(effect, NEEDS_MEDIA)
        self._out.append(numbered(effect, self._last_id))
        return EffectId(self._last_id)

    def _end(self, reason: str) -> None:
        """It is over; a live call is hung up."""
        self._phase = Ended(reason)
        if self._call_live:
            self._out.append(Hangup())

    def _unexpected(self, name: str) -> list[TwimlEffect]:
        self._log("warning", OURS, self.current or "", f"unexpected event {name}")
        return self._take()

    def _log(self, level: Literal["warning", "error"], code: int, place: str, message: str) -> None:
        self._out.append(line(level, code, place, message))

    def _take(self) -> list[TwimlEffect]:
        out, self._out = self._out, []
        return out
