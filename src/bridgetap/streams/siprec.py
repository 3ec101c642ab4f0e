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
    Core,
    Credentials,
    DialogEvent,
    DialogId,
    EngineError,
    IdentityUnusable,
    Inbox,
    LegHandle,
    RequestId,
)
from bridgetap.errors import BridgetapError
from bridgetap.flow.effects import Track
from bridgetap.sdp import RecordingNegotiation
from bridgetap.siprec import RecordedCall, happenings, orders
from bridgetap.siprec.metadata import Recording
from bridgetap.siprec.recorder_uri import RecorderUri
from bridgetap.siprec.session import RecordingSession

from . import recording_words as words
from .connectors import Connector
from .messages import CONNECTOR_INVALID
from .recorder_dialog import RecorderDialog
from .recorder_watch import until_lost
from .recording_lines import RecordingLines
from .redirects import is_own, permitted


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
class _Heard:
    dialog: DialogId
    event: DialogEvent


@dataclass(frozen=True, slots=True)
class _Lost:
    """That recorder is no longer there, by what we found ourselves; the next one has nothing to do with it."""

    dialog: DialogId
    reason: str


News: TypeAlias = _Heard | _Lost | happenings.Happening
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
            call=call,
            targets=tuple(str(uri) for uri in connector.recorders),
            answer_s=connector.answer_s,
            patient=connector.patient,
        )
        self._uris = {str(uri): uri for uri in connector.recorders}  # and where those redirect to
        self._asked: set[str] = set()  # since the last one that nobody redirected to
        self._inbox: Inbox[News] = Inbox()
        self._dialog: RecorderDialog | None = None
        self._watch: asyncio.Task[None] | None = None  # while it records
        self._over = False
        self.packets_sent = 0  # to the recorders it has parted from
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
        try:
            await self._drive()
        except Exception as error:  # noqa: BLE001 - the root of a recording's task: its fault ends it, and it alone
            self._log.exception("siprec.crashed")
            self._end(f"a fault of this server's: {type(error).__name__}")
        finally:
            self._part()
            self._end("it was cut off")

    async def _drive(self) -> None:
        loop = asyncio.get_running_loop()
        self._table.start(loop.time())
        await self._carry_out()
        while not self._table.is_over:
            try:
                async with asyncio.timeout_at(self._table.next_timeout()):
                    news = await self._inbox.get()
            except TimeoutError:
                self._table.handle_timeout(loop.time())
            else:
                happening = self._happening(news)
                if happening is not None:
                    self._table.handle(happening, loop.time())
            await self._carry_out()

    def _happening(self, news: News) -> happenings.Happening | None:
        if not isinstance(news, _Heard | _Lost):
            return news
        dialog = self._dialog
        if dialog is None or dialog.id != news.dialog:
            return None  # of a recorder that was given up
        if isinstance(news, _Lost):
            return happenings.Lost(reason=news.reason)
        try:
            return self._heard(dialog, news.event)
        except EngineError as error:
            return happenings.Lost(reason=str(error))

    def _end(self, why: str) -> None:
        """Where the table did not come to its end."""
        if not self._over:
            self._announce(orders.Over(reason="failed", detail=why))

    def _announce(self, told: Told) -> None:
        if isinstance(told, orders.Over):
            self._over = True
            self._part()  # whoever hears of the end finds all packets counted
        self._log.info("siprec.news", what=type(told).__name__.lower(), detail=_detail(told))
        self._told(told)

    # -- what the table orders --

    async def _carry_out(self) -> None:
        while wanted := self._table.outputs():
            for order in wanted:
                try:
                    await self._do(order)
                except EngineError as error:
                    if self._dialog is not None:
                        self._inbox.put(_Lost(self._dialog.id, str(error)))

    async def _do(self, order: orders.Order) -> None:
        match order:
            case orders.Ask():
                await self._ask(order)
            case orders.Tell() | orders.Offer():
                self._say(order)
            case orders.Hold() | orders.Flow():
                if self._dialog is not None:
                    self._dialog.flow(flows=isinstance(order, orders.Flow))
            case orders.HangUp():
                self._part()
            case orders.Started() | orders.PassedOver() | orders.Over():
                self._announce(order)
            case _:
                assert_never(order)

    async def _ask(self, ask: orders.Ask) -> None:
        """INVITE a recorder. What cannot be sent is a refusal like any other."""
        target = self._uris[ask.target]
        if target in self._connector.recorders:
            self._asked.clear()
        self._asked.add(ask.target)
        try:
            address = await self._parts.addresses.towards(words.host_of(ask.target))
            lines = RecordingLines.open(
                self._leg,
                self._tracks,
                core=self._parts.core,
                bind=address.bind,
                name=self._name,
                secure=target.secure,
                entropy=self._parts.entropy,
            )
        except (BridgetapError, EngineError, OSError) as error:
            self._inbox.put(happenings.Refused(status=0, reason=str(error)))
            return
        try:
            self._invite(ask, target, address.advertised, lines)
        except (BridgetapError, EngineError) as error:
            lines.close()
            code = CONNECTOR_INVALID if isinstance(error, IdentityUnusable) else 0
            self._inbox.put(happenings.Refused(status=0, reason=str(error), code=code))
        except BaseException:
            lines.close()
            raise

    def _invite(self, ask: orders.Ask, target: RecorderUri, advertised: str, lines: RecordingLines) -> None:
        negotiation = RecordingNegotiation(
            address=advertised,
            session_id=int.from_bytes(self._parts.entropy(6), "big"),
            lines=lines.offered,
        )
        host = f"[{advertised}]" if ":" in advertised else advertised
        contact = f"<sip:bridgetap@{host}>"
        content_type, body = self._body(negotiation.offer(lines.wishes(paused=ask.paused)), ask.document)
        known = is_own(target, self._connector.recorders)
        own = words.invite_headers(self._connector if known else None, self._headers, now_ns=self._parts.clock.now_ns())
        dialog = self._parts.core.sip.invite(
            target=ask.target,
            from_=contact,
            to=f"<{ask.target}>",
            headers=[*words.common_headers(contact, content_type), *own],
            body=body,
            credentials=self._credentials() if known else None,
            reliable="off",
            identity=self._connector.identity(own=known) if target.transport == "tls" else None,
        )
        self._dialog = RecorderDialog(
            dialog,
            sip=self._parts.core.sip,
            contact=contact,
            negotiation=negotiation,
            lines=lines,
            redirected=lambda contacts: self._redirected(ask.target, contacts),
            log=self._log,
        )
        self._parts.core.hear_dialog(dialog, lambda event: self._inbox.put(_Heard(dialog, event)))

    def _say(self, order: orders.Tell | orders.Offer) -> None:
        """Everything or a change, always with the offer that defines the labels (RFC 7866 §9.1)."""
        if self._dialog is None:
            return
        content_type, body = self._body(self._dialog.offer(paused=order.paused), order.document)
        if isinstance(order, orders.Tell):
            self._dialog.tell(content_type, body)
        else:
            self._dialog.answer_with_offer(RequestId(order.request), content_type, body)

    def _part(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        dialog, self._dialog = self._dialog, None
        if dialog is not None:
            self.packets_sent += dialog.part()

    # -- what the recorder says --

    def _heard(self, dialog: RecorderDialog, event: DialogEvent) -> happenings.Happening | None:
        happening = dialog.hear(event)
        if isinstance(happening, happenings.Taken) and self._connector.ping_s > 0:
            self._watch = asyncio.create_task(self._until_lost(dialog.id))
        return happening

    async def _until_lost(self, dialog: DialogId) -> None:
        try:
            why = await until_lost(self._parts.core, dialog, every_s=self._connector.ping_s)
        except EngineError as error:
            why = str(error)
        self._inbox.put(_Lost(dialog, why))

    def _redirected(self, target: str, contacts: tuple[str, ...]) -> tuple[str, ...]:
        """Where a 3xx may lead."""
        found, refused = permitted(contacts, by=self._uris[target], asked=self._asked)
        for why in refused:
            self._log.warning("siprec.redirect_not_followed", reason=why)
        self._uris |= {str(uri): uri for uri in found if str(uri) not in self._uris}
        return tuple(map(str, found))

    # -- below --

    def _body(self, sdp: bytes, document: Recording) -> tuple[str, bytes]:
        boundary = f"bridgetap-{self._parts.entropy(12).hex()}"
        return words.body_of(sdp, document, boundary=boundary, kind=self._connector.metadata_type)

    def _credentials(self) -> Credentials | None:
        connector = self._connector
        if not connector.username:
            return None
        return Credentials(username=connector.username, password=connector.password)


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
