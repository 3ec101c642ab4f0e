"""One recording session, seen from the recorder: what it was told, what it heard, how it went."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

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
    LegHandle,
    LegStats,
    RecordEnded,
    ReofferReceived,
)
from bridgetap.engine.events import LegEvent
from bridgetap.errors import InvalidInput
from bridgetap.sdp import Media, SessionDescription, parse
from bridgetap.siprec.multipart import METADATA, METADATA_LEGACY, SDP, Part, compose, find, split

from .answer import describe, refuse, take
from .checks import judge
from .conduct import Conduct

NOT_ACCEPTABLE = 488
SNAPSHOT = (
    b'<?xml version="1.0" encoding="UTF-8"?>\r\n'
    b'<requestsnapshot xmlns="urn:ietf:params:xml:ns:recording:1">'
    b"<requestreason>lost my place</requestreason></requestsnapshot>\r\n"
)
MOMENT_S = 0.3  # how long "inactive first" lasts
CLOSE_WITHIN_S = 2.0


@dataclass(slots=True)
class Track:
    """One line that is recorded."""

    label: str
    wav: Path
    leg: LegHandle
    stats: LegStats | None = None  # once it is over

    @property
    def closed(self) -> bool:
        return self.stats is not None


@dataclass(slots=True)
class Recording:
    """One session, from its INVITE to its last WAV. `done` is set when all of it is on disk."""

    call_id: str
    folder: Path
    documents: list[bytes] = field(default_factory=list)  # metadata as it came, in order
    faults: list[str] = field(default_factory=list)  # what a strict recorder had against its messages
    headers: Headers = field(default_factory=list)  # of the INVITE
    tracks: list[Track] = field(default_factory=list)
    acknowledged: bool = False
    end: CallEnded | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Session:
    """Runs one recording on the core."""

    def __init__(self, core: Core, invite: IncomingCall, *, folder: Path, address: str, conduct: Conduct) -> None:
        self.recording = Recording(call_id=invite.call_id, folder=folder, headers=list(invite.headers))
        self._core = core
        self._dialog: DialogId = invite.dialog
        self._invite = invite
        self._address = address
        self._conduct = conduct
        self._active = not conduct.inactive_first
        self._version = 0
        self._offer: SessionDescription | None = None
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
            self.recording.done.set()

    # -- the INVITE --

    def _begin(self) -> bool:
        sip, conduct = self._core.sip, self._conduct
        self._keep(self._invite.headers, self._invite.content_type, self._invite.body, first=True)
        if conduct.silent:
            return True
        if conduct.redirect:
            sip.reject(self._dialog, status=302, headers=[("Contact", f"<{conduct.redirect}>")])
            return False
        if conduct.status != 200:
            sip.reject(self._dialog, status=conduct.status)
            return False
        try:
            body = self._answer(self._invite.content_type, self._invite.body)
        except (InvalidInput, EngineError) as error:
            self.recording.faults.append(str(error))
            sip.reject(self._dialog, status=NOT_ACCEPTABLE)
            return False
        headers = [("Contact", f"<sip:recorder@{self._address}>;+sip.srs")]
        if conduct.multipart:
            kind, body = compose(body, b"<empty/>\r\n", boundary="recorder")
            headers.append(("Content-Type", kind))
        sip.answer(self._dialog, body=body, headers=headers)
        return True

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
            track = self._track(place, theirs)
            taken = take(
                self._offer,
                place,
                address=self._address,
                port=track.leg.rtp_port,
                active=self._active,
                label=self._conduct.labels,
            )
            if taken is None:
                lines.append(refuse(theirs))
            else:
                track.leg.configure(taken.media)
                lines.append(taken.line)
        self._version += 1
        session_id = int(self._dialog)
        return bytes(describe(lines, address=self._address, session_id=session_id, version=self._version))

    def _track(self, place: int, theirs: Media) -> Track:
        tracks = self.recording.tracks
        if place < len(tracks):
            return tracks[place]
        label = next(iter(theirs.values("label")), str(place + 1))
        leg = self._core.media.open_leg(address=self._address, label=f"recorder {label}")
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
            case CallAcked():
                self.recording.acknowledged = True
                if event.body:  # the answer to an offer of ours: there is none here
                    self.recording.faults.append("an ACK with a body that nobody asked for")
            case ReofferReceived():
                self._reoffered(event)
            case RecordEnded() if event.error:
                self.recording.faults.append(f"{event.path}: {event.error}")
            case LegClosed():
                track = next(track for track in self.recording.tracks if track.leg.id == event.leg)
                track.stats = event.stats
            case _:
                pass

    def _reoffered(self, event: ReofferReceived) -> None:
        content_type = next((value for name, value in event.headers if name.lower() == "content-type"), "")
        self._keep(event.headers, content_type, event.body, first=False)
        try:
            body = self._answer(content_type, event.body)
        except (InvalidInput, EngineError) as error:
            self.recording.faults.append(str(error))
            self._core.sip.respond(event.request, status=NOT_ACCEPTABLE)
            return
        headers = [("Contact", f"<sip:recorder@{self._address}>;+sip.srs")]
        self._core.sip.respond(event.request, status=200, headers=headers, body=body)

    def _keep(self, headers: Headers, content_type: str, body: bytes, *, first: bool) -> None:
        self.recording.faults += judge(headers, content_type, body, first=first)
        try:
            metadata = find(split(content_type, body), METADATA, METADATA_LEGACY)
        except InvalidInput:
            return  # `judge` has said so
        if isinstance(metadata, Part):
            self.recording.documents.append(metadata.content)
            path = self.recording.folder / f"metadata-{len(self.recording.documents)}.xml"
            path.write_bytes(metadata.content)

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
                ("Contact", f"<sip:recorder@{self._address}>;+sip.srs"),
            ]
            sip.reoffer(self._dialog, method="UPDATE", body=SNAPSHOT, headers=headers)
        if conduct.leave_after_s is not None:
            await asyncio.sleep(conduct.leave_after_s)
            sip.hang_up(self._dialog)
        if conduct.fail_after_s is not None:
            await asyncio.sleep(conduct.fail_after_s)
            sip.hang_up(self._dialog, headers=[("Reason", 'SIP;cause=503;text="disk full"')])
