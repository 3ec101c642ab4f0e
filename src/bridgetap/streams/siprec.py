"""One recording of one call: the recording session's table, driven over the core's SIP and media.

Whatever a recorder does stays here: the call's own leg only gives audio away.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias, assert_never

import structlog

from bridgetap.clock import Clock
from bridgetap.engine import (
    CallAcked,
    CallAnswered,
    CallEnded,
    CallProgress,
    Core,
    Credentials,
    DialogEvent,
    DialogId,
    EngineError,
    Inbox,
    LegHandle,
    ReofferAnswered,
    ReofferReceived,
    RequestId,
    RequestReceived,
)
from bridgetap.errors import BridgetapError, InvalidInput, InvalidSdp
from bridgetap.flow.effects import Track
from bridgetap.sdp import RecordingNegotiation
from bridgetap.sdp.recording import Wish
from bridgetap.siprec import RecordedCall, happenings, orders
from bridgetap.siprec.metadata import Recording
from bridgetap.siprec.session import RecordingSession

from . import recording_words as words
from .connectors import Connector
from .recording_lines import RecordingLines

NOT_ACCEPTABLE, METHOD_NOT_ALLOWED = 488, 405


class Advertised(Protocol):
    """One of our addresses: `bind` for the core, `advertised` for SDP."""

    @property
    def bind(self) -> str: ...
    @property
    def advertised(self) -> str: ...


class Addresses(Protocol):
    async def towards(self, host: str) -> Advertised:
        """The address that packets to that host leave from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingParts:
    """What every recording is made with."""

    core: Core
    addresses: Addresses
    clock: Clock
    entropy: Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class _Dialog:
    """The session with one recorder; the next one gets another."""

    id: DialogId
    contact: str
    negotiation: RecordingNegotiation
    lines: RecordingLines


@dataclass(frozen=True, slots=True)
class _Heard:
    dialog: DialogId
    event: DialogEvent


News: TypeAlias = _Heard | happenings.Happening
Told: TypeAlias = orders.Started | orders.PassedOver | orders.Over


class SiprecRecording:
    """Runs one recording. `run` returns when it is over; `tell` may be called at any time."""

    def __init__(
        self,
        *,
        parts: RecordingParts,
        connector: Connector,
        call: RecordedCall,
        leg: LegHandle,
        tracks: tuple[tuple[str, Track], ...],
        headers: tuple[tuple[str, str], ...] = (),
        told: Callable[[Told], None],
    ) -> None:
        """`tracks` are label and track, in the order of the m-lines; `headers` the parameters that go as such;
        `told` hears that it began, whom it passed over, and its one end."""
        self._parts = parts
        self._connector = connector
        self._leg = leg
        self._tracks = tracks
        self._headers = headers
        self._told = told
        self._name = call.facts.siprec_sid
        self._table = RecordingSession(
            call=call, targets=tuple(str(uri) for uri in connector.recorders), answer_s=connector.answer_s
        )
        self._inbox: Inbox[News] = Inbox()
        self._dialog: _Dialog | None = None
        self._answered = False
        self._log = structlog.get_logger(__name__).bind(
            call_sid=call.facts.call_sid, siprec_sid=self._name, connector=connector.name
        )

    def tell(
        self, what: happenings.Changed | happenings.PauseWanted | happenings.ResumeWanted | happenings.StopWanted
    ) -> None:
        """The call has changed, is to be masked, or is to be recorded no more."""
        self._inbox.put(what)

    async def run(self) -> None:
        """Until the one `Over`. Whatever happens, no leg and no dialog is left behind."""
        loop = asyncio.get_running_loop()
        try:
            self._table.start(loop.time())
            await self._carry_out()
            while not self._table.is_over:
                try:
                    async with asyncio.timeout_at(self._table.next_timeout()):
                        news = await self._inbox.get()
                except TimeoutError:
                    self._table.handle_timeout(loop.time())
                else:
                    happening = self._heard(news) if isinstance(news, _Heard) else news
                    if happening is not None:
                        self._table.handle(happening, loop.time())
                await self._carry_out()
        finally:
            self._part()

    # -- what the table orders --

    async def _carry_out(self) -> None:
        while wanted := self._table.outputs():
            for order in wanted:
                await self._do(order)

    async def _do(self, order: orders.Order) -> None:
        match order:
            case orders.Ask():
                await self._ask(order)
            case orders.Tell() | orders.Offer():
                self._say(order)
            case orders.Hold() | orders.Flow():
                if self._dialog is not None:
                    self._dialog.lines.flow(flows=isinstance(order, orders.Flow))
            case orders.HangUp():
                self._part()
            case orders.Started() | orders.PassedOver() | orders.Over():
                self._log.info("siprec.news", what=type(order).__name__.lower(), detail=_detail(order))
                self._told(order)
            case _:
                assert_never(order)

    async def _ask(self, ask: orders.Ask) -> None:
        """INVITE a recorder. What cannot be sent is a refusal like any other."""
        try:
            address = await self._parts.addresses.towards(words.host_of(ask.target))
            lines = RecordingLines.open(
                self._leg,
                self._tracks,
                core=self._parts.core,
                bind=address.bind,
                name=self._name,
                entropy=self._parts.entropy,
            )
        except (BridgetapError, OSError) as error:
            self._inbox.put(happenings.Refused(status=0, reason=str(error)))
            return
        negotiation = RecordingNegotiation(
            address=address.advertised,
            session_id=int.from_bytes(self._parts.entropy(6), "big"),
            lines=lines.offered,
        )
        host = f"[{address.advertised}]" if ":" in address.advertised else address.advertised
        contact = f"<sip:bridgetap@{host}>"
        content_type, body = self._body(negotiation.offer(_wishes(lines, paused=ask.paused)), ask.document)
        own = words.invite_headers(self._connector, self._headers, now_ns=self._parts.clock.now_ns())
        try:
            dialog = self._parts.core.sip.invite(
                target=ask.target,
                from_=contact,
                to=f"<{ask.target}>",
                headers=[*words.common_headers(contact, content_type), *own],
                body=body,
                credentials=self._credentials(),
                reliable="off",
            )
        except EngineError as error:
            lines.close()
            self._inbox.put(happenings.Refused(status=0, reason=str(error)))
            return
        self._answered = False
        self._dialog = _Dialog(dialog, contact, negotiation, lines)
        self._parts.core.hear_dialog(dialog, lambda event: self._inbox.put(_Heard(dialog, event)))

    def _say(self, order: orders.Tell | orders.Offer) -> None:
        """Everything or a change, always with the offer that defines the labels (RFC 7866 §9.1)."""
        dialog = self._dialog
        if dialog is None:
            return
        sdp = dialog.negotiation.offer(_wishes(dialog.lines, paused=order.paused))
        content_type, body = self._body(sdp, order.document)
        headers = words.common_headers(dialog.contact, content_type)
        if isinstance(order, orders.Tell):
            self._parts.core.sip.reoffer(dialog.id, method="INVITE", body=body, headers=headers)
        else:
            self._parts.core.sip.respond(RequestId(order.request), status=200, headers=headers, body=body)

    def _part(self) -> None:
        """Send nothing more, then say goodbye."""
        dialog, self._dialog = self._dialog, None
        if dialog is not None:
            dialog.lines.close()
            self._parts.core.sip.hang_up(dialog.id)

    # -- what the recorder says --

    def _heard(self, news: _Heard) -> happenings.Happening | None:
        dialog = self._dialog
        if dialog is None or dialog.id != news.dialog:
            return None  # of a recorder that was given up
        event = news.event
        match event:
            case CallAnswered():
                return self._call_answered(dialog, event)
            case CallEnded():
                return self._call_ended(event)
            case ReofferAnswered():
                if 200 <= event.status < 300:
                    self._accept(dialog, "", event.body)
                return happenings.TellAnswered(status=event.status)
            case ReofferReceived():
                return self._reoffered(dialog, event)
            case CallAcked():
                if event.body:
                    self._accept(dialog, "", event.body)
                return None
            case RequestReceived():
                return self._requested(event)
            case CallProgress():
                return None
            case _:
                assert_never(event)

    def _call_answered(self, dialog: _Dialog, event: CallAnswered) -> happenings.Happening:
        try:
            sinks = dialog.negotiation.accept(words.sdp_of(event.content_type, event.body))
        except InvalidInput as error:
            return happenings.Refused(status=NOT_ACCEPTABLE, reason=str(error))
        self._answered = True
        self._note_refused(dialog.lines.send_to(sinks))
        return happenings.Taken()

    def _call_ended(self, event: CallEnded) -> happenings.Happening:
        if not self._answered:
            targets = words.contacts(event.headers) if 300 <= event.status < 400 else ()
            return happenings.Refused(status=event.status, reason=event.reason or event.cause, targets=targets)
        if event.cause == "bye":
            why = words.header(event.headers, "Reason")
            return happenings.SaidGoodbye(failed=words.tells_of_an_error(why), reason=why)
        return happenings.Lost(reason=event.reason or event.cause)

    def _accept(self, dialog: _Dialog, content_type: str, body: bytes) -> None:
        """An answer to a later offer; one that cannot be used changes nothing."""
        try:
            sinks = dialog.negotiation.accept(words.sdp_of(content_type, body))
        except InvalidInput as error:
            self._log.warning("siprec.answer_unusable", error=str(error))
            return
        self._note_refused(dialog.lines.send_to(sinks))

    def _reoffered(self, dialog: _Dialog, event: ReofferReceived) -> happenings.Happening | None:
        kind = words.header(event.headers, "Content-Type")
        respond = self._parts.core.sip.respond
        if words.is_snapshot_request(kind, event.body):
            respond(event.request, status=200, headers=words.common_headers(dialog.contact))
            return happenings.SnapshotWanted()
        if not event.body:
            return happenings.OfferWanted(request=event.request)
        try:
            answer = dialog.negotiation.answer(words.sdp_of(kind, event.body))
        except InvalidInput as error:
            respond(event.request, status=error.status if isinstance(error, InvalidSdp) else NOT_ACCEPTABLE)
            return None
        headers = words.common_headers(dialog.contact, "application/sdp")
        respond(event.request, status=200, headers=headers, body=answer.body)
        self._note_refused(dialog.lines.send_to(answer.sinks))
        return None

    def _requested(self, event: RequestReceived) -> happenings.Happening | None:
        respond = self._parts.core.sip.respond
        if event.method == "UPDATE" and words.is_snapshot_request(event.content_type, event.body):
            respond(event.request, status=200)
            return happenings.SnapshotWanted()
        respond(event.request, status=METHOD_NOT_ALLOWED, headers=[("Allow", words.ALLOW)])
        return None

    # -- below --

    def _body(self, sdp: bytes, document: Recording) -> tuple[str, bytes]:
        boundary = f"bridgetap-{self._parts.entropy(12).hex()}"
        return words.body_of(sdp, document, boundary=boundary, kind=self._connector.metadata_type)

    def _credentials(self) -> Credentials | None:
        connector = self._connector
        if not connector.username:
            return None
        return Credentials(username=connector.username, password=connector.password)

    def _note_refused(self, labels: list[str]) -> None:
        if labels:
            self._log.warning("siprec.tracks_refused", labels=labels)


def _wishes(lines: RecordingLines, *, paused: bool) -> dict[str, Wish]:
    return dict.fromkeys(lines.labels, "inactive" if paused else "sendonly")


def _detail(told: Told) -> str:
    match told:
        case orders.Started():
            return told.target
        case orders.PassedOver():
            return f"{told.target}: {told.reason}"
        case orders.Over():
            return f"{told.reason} {told.detail}".strip()
        case _:
            assert_never(told)
