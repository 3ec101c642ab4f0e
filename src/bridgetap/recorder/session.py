"""One recording session run on the core, as the recorder that its conduct says."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from secrets import token_bytes

from bridgetap.engine import (
    CallAcked,
    CallEnded,
    Core,
    DialogEvent,
    DialogId,
    EngineError,
    Headers,
    Inbox,
    IncomingCall,
    LegClosed,
    RecordEnded,
    ReofferReceived,
    RequestReceived,
)
from bridgetap.engine.events import LegEvent
from bridgetap.errors import InvalidInput
from bridgetap.sdp import Media, SessionDescription, parse
from bridgetap.sdp.crypto import KEY_LENGTH
from bridgetap.siprec.document import read
from bridgetap.siprec.multipart import METADATA, METADATA_LEGACY, SDP, Part, compose, find, split

from .answer import describe, refuse, take
from .checks import judge
from .conduct import GIVES_UP, Conduct
from .news import News, of_document, of_lines
from .recording import Recording, Track

BAD_REQUEST, METHOD_NOT_ALLOWED, NOT_ACCEPTABLE = 400, 405, 488
ALLOW = "INVITE, ACK, CANCEL, BYE, UPDATE, OPTIONS"
SNAPSHOT = (
    b'<?xml version="1.0" encoding="UTF-8"?>\r\n'
    b'<requestsnapshot xmlns="urn:ietf:params:xml:ns:recording:1">'
    b"<requestreason>lost my place</requestreason></requestsnapshot>\r\n"
)
MOMENT_S = 0.3  # how long "inactive first" lasts
CLOSE_WITHIN_S = 2.0
MAX_TRACKS = 16  # of one recording; further lines are refused
MAX_LABELS = 100
MAX_DOCUMENTS = 10_000  # of one recording; further ones are not kept


class Session:
    """Runs one recording. `told` hears what happens to it."""

    def __init__(
        self,
        core: Core,
        invite: IncomingCall,
        *,
        folder: Path,
        address: str,
        conduct: Conduct,
        told: Callable[[News], None],
    ) -> None:
        self.recording = Recording(call_id=invite.call_id, folder=folder, headers=list(invite.headers))
        self._core = core
        self._dialog: DialogId = invite.dialog
        self._invite = invite
        self._address = address
        self._contact = f"<sip:recorder@{address}>;+sip.srs"
        self._conduct = conduct
        self._told = told
        self._active = not conduct.inactive_first
        self._version = 0
        self._labels: dict[str, str] = {}
        self._offer: SessionDescription | None = None
        self._offering = False  # the ACK will bring an answer
        self._inbox: Inbox[DialogEvent | LegEvent] = Inbox()
        core.hear_dialog(invite.dialog, self._inbox.put)

    async def run(self) -> None:
        """Until its last word. Whatever happens, its dialog is over and its legs are closed then."""
        try:
            if self._begin():
                async with asyncio.TaskGroup() as tasks:
                    plans = tasks.create_task(self._misbehave())
                    while self.recording.end is None:
                        self._heard(await self._inbox.get())
                    plans.cancel()
        finally:
            await self._close()

    async def _close(self) -> None:
        """Say goodbye, unless they did, and hear the legs out."""
        if self.recording.end is None:
            self._core.sip.hang_up(self._dialog)
        self.recording.ended = self.recording.ended or "closed"
        for track in self.recording.tracks:
            track.leg.close()
        try:
            async with asyncio.timeout(CLOSE_WITHIN_S):
                while not all(track.closed for track in self.recording.tracks):
                    self._heard(await self._inbox.get())
        except TimeoutError:
            for track in self.recording.tracks:
                self._core.drop_leg(track.leg.id)
        finally:
            try:
                self._tell_end()
            finally:
                self.recording.done.set()

    # -- the INVITE --

    def _begin(self) -> bool:
        """Whether there is anything to wait for."""
        sip, conduct, invite = self._core.sip, self._conduct, self._invite
        self.recording.folder.mkdir(parents=True, exist_ok=True)
        facts = {"source": invite.source, "transport": invite.transport, "call_id": invite.call_id}
        self._told(News(recording=self._name, what="asked", text=f"asked by {invite.source}", facts=facts))
        self._keep(invite.headers, invite.content_type, invite.body, first=True)
        if conduct.silent:
            return True
        if conduct.redirect:
            return self._refuse(302, [("Contact", f"<{conduct.redirect}>")])
        if conduct.status != 200:
            return self._refuse(conduct.status)
        if conduct.strict and self.recording.faults:
            return self._refuse(BAD_REQUEST, [("Warning", f'399 bridgetap "{_quoted(self.recording.faults[0])}"')])
        try:
            body = self._answer(invite.content_type, invite.body)
        except (InvalidInput, EngineError) as error:
            self.find_fault(str(error))
            return self._refuse(NOT_ACCEPTABLE)
        headers = [("Contact", self._contact)]
        if conduct.multipart:
            kind, body = compose(body, b"<empty/>\r\n", boundary="recorder")
            headers.append(("Content-Type", kind))
        sip.answer(self._dialog, body=body, headers=headers)
        return True

    def _refuse(self, status: int, headers: Headers | None = None) -> bool:
        self.recording.ended = "refused"
        text = f"refused with {status}"
        self._told(News(recording=self._name, what="answered", text=text, facts={"tracks": [], "status": status}))
        self._core.sip.reject(self._dialog, status=status, headers=headers)
        return False

    def _answer(self, content_type: str, body: bytes) -> bytes:
        """Answer an offer, and record what it brings."""
        part = find(split(content_type, body), SDP)
        self._offer = parse(part.content if part is not None else body)
        return self._describe()

    def _describe(self) -> bytes:
        if self._offer is None:
            raise InvalidInput("sdp", "", "there is no offer to answer")
        lines: list[Media] = []
        count = len(self._offer.media) if self._conduct.lines is None else self._conduct.lines
        for place, theirs in enumerate(self._offer.media[:count]):
            lines.append(self._line(self._offer, place, theirs))
        self._version += 1
        self._told(of_lines(self._name, "answered", lines))
        session_id = int(self._dialog)
        return bytes(describe(lines, address=self._address, session_id=session_id, version=self._version))

    def _line(self, offer: SessionDescription, place: int, theirs: Media) -> Media:
        if place >= MAX_TRACKS:
            return refuse(theirs)
        track = self._track(place, theirs)
        taken = take(
            offer,
            place,
            address=self._address,
            port=track.leg.rtp_port,
            key=track.key,
            active=self._active,
            label=self._conduct.labels,
        )
        if taken is None:
            return refuse(theirs)
        track.leg.configure(taken.media)
        if taken.media.srtp_key is None:
            track.key = token_bytes(KEY_LENGTH)  # where it is SRTP again, its numbers begin again: RFC 3711 §9.1
        return taken.line

    def _track(self, place: int, theirs: Media) -> Track:
        tracks = self.recording.tracks
        if place < len(tracks):
            return tracks[place]
        label = next(iter(theirs.values("label")), str(place + 1))
        leg = self._core.media.open_leg(address=self._address, label=f"recorder {place + 1}")
        track = Track(label=label, wav=self.recording.folder / f"track-{place + 1}.wav", leg=leg)
        tracks.append(track)
        self._core.hear_leg(leg.id, self._inbox.put)
        leg.record(str(track.wav), tracks=["inbound"])
        return track

    # -- afterwards --

    def _heard(self, event: DialogEvent | LegEvent) -> None:
        match event:
            case CallEnded():
                self.recording.end = event
                self.recording.ended = self.recording.ended or event.cause
            case CallAcked():
                self.recording.acknowledged = True
                if event.body and not self._offering:
                    self.find_fault("an ACK with a body that nobody asked for")
                self._offering = False
            case ReofferReceived():
                self._reoffered(event)
            case RequestReceived():
                self._core.sip.respond(event.request, status=METHOD_NOT_ALLOWED, headers=[("Allow", ALLOW)])
            case RecordEnded() if event.error:
                self.find_fault(f"{event.path}: {event.error}")
            case LegClosed():
                track = next(track for track in self.recording.tracks if track.leg.id == event.leg)
                track.stats = event.stats
            case _:
                pass

    def _reoffered(self, event: ReofferReceived) -> None:
        content_type = next((value for name, value in event.headers if name.lower() == "content-type"), "")
        parts = self._keep(event.headers, content_type, event.body, first=False)
        headers = [("Contact", self._contact)]
        if event.method == "UPDATE" and parts and find(parts, SDP) is None:
            self._core.sip.respond(event.request, status=200, headers=headers)  # metadata alone: RFC 7866 §9.1
            return
        try:
            if event.body:
                body = self._answer(content_type, event.body)
            else:
                body = self._describe()
                self._offering = True
        except (InvalidInput, EngineError) as error:
            self.find_fault(str(error))
            self._core.sip.respond(event.request, status=NOT_ACCEPTABLE)
            return
        self._core.sip.respond(event.request, status=200, headers=headers, body=body)

    def _keep(self, headers: Headers, content_type: str, body: bytes, *, first: bool) -> tuple[Part, ...]:
        """Judge a message and keep its metadata; its parts."""
        for fault in judge(headers, content_type, body, first=first):
            self.find_fault(fault)
        try:
            parts = split(content_type, body)
        except InvalidInput:
            return ()  # `judge` has said so
        metadata = find(parts, METADATA, METADATA_LEGACY)
        if metadata is not None and len(self.recording.documents) < MAX_DOCUMENTS:
            self._keep_document(metadata.content)
        return parts

    def _keep_document(self, content: bytes) -> None:
        documents = self.recording.documents
        documents.append(content)
        path = self.recording.folder / f"metadata-{len(documents)}.xml"
        path.write_bytes(content)
        try:
            document = read(content)
        except InvalidInput:
            return  # `judge` has said so
        if len(self._labels) < MAX_LABELS:
            self._labels |= {stream.id: stream.label for stream in document.streams if stream.label is not None}
        told = of_document(self._name, document, number=len(documents), file=path.name, labels=self._labels)
        self._told(told)

    # -- what is told --

    @property
    def _name(self) -> str:
        return self.recording.folder.name

    def find_fault(self, fault: str) -> None:
        self.recording.find_fault(fault)
        self._told(News(recording=self._name, what="fault", text=fault, facts={"fault": fault}))

    def _tell_end(self) -> None:
        recording = self.recording
        if recording.folder.is_dir():
            recording.write_summary()
        summary = recording.summary()
        tracks = [track.words() for track in recording.tracks]
        count = len(recording.faults) + recording.faults_more
        faults = "nothing was wrong" if not count else f"{count} fault{'' if count == 1 else 's'}"
        text = "; ".join((f"over ({recording.ended})", *tracks, faults))
        self._told(News(recording=self._name, what="over", text=text, facts=summary))

    # -- conduct --

    async def _misbehave(self) -> None:
        conduct, sip = self._conduct, self._core.sip
        if conduct.inactive_first:
            await asyncio.sleep(MOMENT_S)
            self._active = True
            sip.reoffer(self._dialog, body=self._describe())
        if conduct.snapshot_after_s is not None:
            await asyncio.sleep(conduct.snapshot_after_s)
            headers = [
                ("Content-Type", "application/rs-metadata+xml"),
                ("Content-Disposition", "recording-session"),
                ("Contact", self._contact),
            ]
            sip.reoffer(self._dialog, method="UPDATE", body=SNAPSHOT, headers=headers)
        if conduct.leave_after_s is not None:
            await asyncio.sleep(conduct.leave_after_s)
            sip.hang_up(self._dialog)
        if conduct.fail_after_s is not None:
            await asyncio.sleep(conduct.fail_after_s)
            sip.hang_up(self._dialog, headers=[("Reason", GIVES_UP)])


def _quoted(text: str) -> str:
    """Inside a quoted string of a header."""
    return "".join(c for c in text if c.isascii() and c.isprintable() and c not in '"\\')[:200]
