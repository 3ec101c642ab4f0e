"""One dialog with one recorder: its messages as happenings, and its lines as it wants them."""

from collections.abc import Callable
from typing import Any, assert_never

from bridgetap.engine import (
    CallAcked,
    CallAnswered,
    CallEnded,
    CallProgress,
    DialogEvent,
    DialogId,
    ReofferAnswered,
    ReofferOvertaken,
    ReofferReceived,
    RequestId,
    RequestReceived,
)
from bridgetap.engine.ports import SipCore
from bridgetap.errors import InvalidInput, InvalidSdp
from bridgetap.sdp import RecordingNegotiation
from bridgetap.siprec import happenings

from . import recording_words as words
from .messages import TLS_FAILED
from .recording_lines import RecordingLines

NOT_ACCEPTABLE, METHOD_NOT_ALLOWED = 488, 405


class RecorderDialog:
    """From the INVITE that was sent to `part`; the next recorder gets another."""

    def __init__(
        self,
        dialog: DialogId,
        *,
        sip: SipCore,
        contact: str,
        negotiation: RecordingNegotiation,
        lines: RecordingLines,
        redirected: Callable[[tuple[str, ...]], tuple[str, ...]],
        log: Any,
    ) -> None:
        """`redirected`: which of a 3xx's contacts may be asked."""
        self.id = dialog
        self._sip = sip
        self._contact = contact
        self._negotiation = negotiation
        self._lines = lines
        self._redirected = redirected
        self._log = log
        self._answered = False

    # -- what we say --

    def offer(self, *, paused: bool) -> bytes:
        """Every line, as it is wanted now."""
        return self._negotiation.offer(self._lines.wishes(paused=paused))

    def tell(self, content_type: str, body: bytes) -> None:
        """re-INVITE; `TellAnswered` follows."""
        headers = words.common_headers(self._contact, content_type)
        self._sip.reoffer(self.id, method="INVITE", body=body, headers=headers)

    def answer_with_offer(self, request: RequestId, content_type: str, body: bytes) -> None:
        """200 to a re-INVITE that brought no offer."""
        self._sip.respond(request, status=200, headers=words.common_headers(self._contact, content_type), body=body)

    def flow(self, *, flows: bool) -> None:
        """Let audio out, or hold all of it back."""
        self._lines.flow(flows=flows)

    def part(self) -> int:
        """Send nothing more, then say goodbye. Returns how many packets were sent."""
        sent = self._lines.close()
        self._sip.hang_up(self.id)
        return sent

    # -- what the recorder says --

    def hear(self, event: DialogEvent) -> happenings.Happening | None:
        """`EngineError` where the core cannot do what it asks for."""
        match event:
            case CallAnswered():
                return self._call_answered(event)
            case CallEnded():
                return self._call_ended(event)
            case ReofferAnswered():
                if 200 <= event.status < 300:
                    self._accept(event.body)
                return happenings.TellAnswered(status=event.status)
            case ReofferOvertaken():
                return happenings.TellOvertaken()
            case ReofferReceived():
                return self._reoffered(event)
            case CallAcked():
                if event.body:
                    self._accept(event.body)
                return None
            case RequestReceived():
                return self._requested(event)
            case CallProgress():
                return None
            case _:
                assert_never(event)

    def _call_answered(self, event: CallAnswered) -> happenings.Happening:
        try:
            sinks = self._negotiation.accept(words.sdp_of(event.content_type, event.body))
        except InvalidInput as error:
            return happenings.Refused(status=NOT_ACCEPTABLE, reason=str(error))
        self._answered = True
        self._note_refused(self._lines.send_to(sinks))
        return happenings.Taken()

    def _call_ended(self, event: CallEnded) -> happenings.Happening:
        reason = words.said(event.trouble or event.reason or event.cause)
        if not self._answered:
            if event.cause == "transport":
                return happenings.Refused(status=0, reason=reason, code=_code(event))
            targets = self._redirected(words.contacts(event.headers)) if 300 <= event.status < 400 else ()
            return happenings.Refused(status=event.status, reason=reason, targets=targets)
        if event.cause == "bye":
            why = words.header(event.headers, "Reason")
            return happenings.SaidGoodbye(failed=words.tells_of_an_error(why), reason=words.said(why))
        return happenings.Lost(reason=reason, code=_code(event))

    def _accept(self, body: bytes) -> None:
        """An answer to a later offer; one that cannot be used changes nothing."""
        try:
            sinks = self._negotiation.accept(words.sdp_of("", body))
        except InvalidInput as error:
            self._log.warning("siprec.answer_unusable", error=str(error))
            return
        self._note_refused(self._lines.send_to(sinks))

    def _reoffered(self, event: ReofferReceived) -> happenings.Happening | None:
        kind = words.header(event.headers, "Content-Type")
        if words.is_snapshot_request(kind, event.body):
            self._sip.respond(event.request, status=200, headers=words.common_headers(self._contact))
            return happenings.SnapshotWanted()
        if not event.body:
            return happenings.OfferWanted(request=event.request)
        try:
            answer = self._negotiation.answer(words.sdp_of(kind, event.body))
        except InvalidInput as error:
            status = error.status if isinstance(error, InvalidSdp) else NOT_ACCEPTABLE
            self._sip.respond(event.request, status=status)
            return None
        headers = words.common_headers(self._contact, "application/sdp")
        self._sip.respond(event.request, status=200, headers=headers, body=answer.body)
        self._note_refused(self._lines.send_to(answer.sinks))
        return None

    def _requested(self, event: RequestReceived) -> happenings.Happening | None:
        if event.method == "UPDATE" and words.is_snapshot_request(event.content_type, event.body):
            self._sip.respond(event.request, status=200, headers=words.common_headers(self._contact))
            return happenings.SnapshotWanted()
        self._sip.respond(event.request, status=METHOD_NOT_ALLOWED, headers=[("Allow", words.ALLOW)])
        return None

    def _note_refused(self, labels: list[str]) -> None:
        if labels:
            self._log.warning("siprec.tracks_refused", labels=labels)


def _code(event: CallEnded) -> int:
    return TLS_FAILED if event.tls_failed else 0
