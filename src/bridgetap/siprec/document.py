"""Metadata as XML and back (RFC 7865 §9). `read` and `write` undo each other.

Written: elements in the order of the schema, times in UTC, lines ended by CRLF as everything else in
the body. Read: any document of the schema; what stands in namespaces that are not ours is passed over.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from lxml import etree

from bridgetap.errors import InvalidInput

from .identity import RecordingId
from .metadata import (
    CallFacts,
    Group,
    NameId,
    Participant,
    ParticipantSession,
    ParticipantStream,
    Recording,
    Session,
    SessionRecording,
    Stream,
)
from .parameters import NO_XML_CHARACTER

NAMESPACE = "urn:ietf:params:xml:ns:recording:1"
OURS = "urn:x-bridgetap:siprec:1"
MAX_BYTES = 65_536

_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\r\n'


def write(recording: Recording) -> bytes:
    """The document, UTF-8."""
    root = etree.Element(_q("recording"), nsmap={None: NAMESPACE})
    _text(root, "datamode", recording.mode)
    for group in recording.groups:
        _span(_child(root, "group", group_id=group.id), group.associated_ns, group.disassociated_ns)
    for session in recording.sessions:
        _write_session(root, session)
    for participant in recording.participants:
        element = _child(root, "participant", participant_id=participant.id)
        for name in participant.names:
            _write_name(element, name)
    for stream in recording.streams:
        element = _child(root, "stream", stream_id=stream.id, session_id=stream.session)
        if stream.label is not None:
            _text(element, "label", stream.label)
    for told in recording.session_recordings:
        element = _child(root, "sessionrecordingassoc", session_id=told.session)
        _span(element, told.associated_ns, told.disassociated_ns)
    for member in recording.participant_sessions:
        element = _child(root, "participantsessionassoc", participant_id=member.participant, session_id=member.session)
        _span(element, member.associated_ns, member.disassociated_ns)
    for voice in recording.participant_streams:
        element = _child(root, "participantstreamassoc", participant_id=voice.participant)
        for stream_id in voice.sends:
            _text(element, "send", stream_id)
        for stream_id in voice.receives:
            _text(element, "recv", stream_id)
        _span(element, voice.associated_ns, voice.disassociated_ns)
    etree.indent(root)
    # A line feed that belongs to a value was written as `&#10;`: only those between elements are left.
    body: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=False)
    return _DECLARATION + body.replace(b"\n", b"\r\n") + b"\r\n"


def read(document: bytes) -> Recording:
    """The values in a document; `InvalidInput` where it is none."""
    if len(document) > MAX_BYTES:
        raise InvalidInput("metadata", f"{len(document)} bytes", f"must be at most {MAX_BYTES} bytes")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    try:
        root = etree.fromstring(document, parser)
    except etree.XMLSyntaxError as error:
        raise InvalidInput("metadata", "", f"is no XML: {error.msg}") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise InvalidInput("metadata", "<!DOCTYPE", "must have no document type declaration")
    if root.tag != _q("recording"):
        raise InvalidInput("metadata", str(root.tag), f"the root must be recording in {NAMESPACE}")
    mode = _text_of(root, "datamode") or "complete"
    if mode not in ("complete", "partial"):
        raise InvalidInput("recording/datamode", mode, "must be complete or partial")
    return Recording(
        mode="partial" if mode == "partial" else "complete",
        groups=tuple(
            Group(id=_id(e, "group_id"), associated_ns=_since(e), disassociated_ns=_until(e))
            for e in _children(root, "group")
        ),
        sessions=tuple(_read_session(e) for e in _children(root, "session")),
        participants=tuple(
            Participant(id=_id(e, "participant_id"), names=tuple(_read_name(n) for n in _children(e, "nameID")))
            for e in _children(root, "participant")
        ),
        streams=tuple(
            Stream(
                id=_id(e, "stream_id"),
                session=RecordingId(e.get("session_id", "")) or None,
                label=_text_of(e, "label"),
            )
            for e in _children(root, "stream")
        ),
        session_recordings=tuple(
            SessionRecording(session=_id(e, "session_id"), associated_ns=_since(e), disassociated_ns=_until(e))
            for e in _children(root, "sessionrecordingassoc")
        ),
        participant_sessions=tuple(
            ParticipantSession(
                participant=_id(e, "participant_id"),
                session=_id(e, "session_id"),
                associated_ns=_since(e),
                disassociated_ns=_until(e),
            )
            for e in _children(root, "participantsessionassoc")
        ),
        participant_streams=tuple(
            ParticipantStream(
                participant=_id(e, "participant_id"),
                sends=tuple(RecordingId(s.text or "") for s in _children(e, "send")),
                receives=tuple(RecordingId(s.text or "") for s in _children(e, "recv")),
                associated_ns=_since(e),
                disassociated_ns=_until(e),
            )
            for e in _children(root, "participantstreamassoc")
        ),
    )


# --- writing ---------------------------------------------------------------------------------


def _write_session(root: etree._Element, session: Session) -> None:
    element = _child(root, "session", session_id=session.id)
    for sip_session_id in session.sip_session_ids:
        _text(element, "sipSessionID", sip_session_id)
    if session.group is not None:
        _text(element, "group-ref", session.group)
    if session.start_ns is not None:
        _text(element, "start-time", instant(session.start_ns))
    if session.stop_ns is not None:
        _text(element, "stop-time", instant(session.stop_ns))
    if session.call is not None:
        call = etree.SubElement(element, f"{{{OURS}}}call", nsmap={"bt": OURS})
        call.set("callSid", session.call.call_sid)
        call.set("siprecSid", session.call.siprec_sid)
        call.set("direction", session.call.direction)
        for name, value in session.call.parameters:
            parameter = etree.SubElement(call, f"{{{OURS}}}parameter")
            parameter.set("name", name)
            parameter.set("value", value)


def _write_name(participant: etree._Element, name: NameId) -> None:
    element = _child(participant, "nameID", aor=_carried(name.aor))
    if shown_name := _carried(name.name):
        shown = _text(element, "name", shown_name)
        if name.language:
            shown.set(_XML_LANG, name.language)


def _carried(name: str) -> str:
    """What a party calls itself is the party's: without the characters that XML does not have."""
    return NO_XML_CHARACTER.sub("", name)


def _span(element: etree._Element, since_ns: int | None, until_ns: int | None) -> None:
    if since_ns is not None:
        _text(element, "associate-time", instant(since_ns))
    if until_ns is not None:
        _text(element, "disassociate-time", instant(until_ns))


def _child(parent: etree._Element, tag: str, **attributes: str | None) -> etree._Element:
    element = etree.SubElement(parent, _q(tag))
    for name, value in attributes.items():
        if value is not None:
            element.set(name, value)
    return element


def _text(parent: etree._Element, tag: str, text: str) -> etree._Element:
    element = etree.SubElement(parent, _q(tag))
    element.text = text
    return element


def instant(at_ns: int) -> str:
    """RFC 3339 in UTC with milliseconds, `2026-11-23T09:15:02.120Z`."""
    at = _EPOCH + timedelta(microseconds=at_ns // 1000)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


# --- reading ---------------------------------------------------------------------------------


def _read_session(element: etree._Element) -> Session:
    call = element.find(f"{{{OURS}}}call")
    facts = None
    if call is not None:
        facts = CallFacts(
            call_sid=call.get("callSid", ""),
            siprec_sid=call.get("siprecSid", ""),
            direction=call.get("direction", ""),
            parameters=tuple((p.get("name", ""), p.get("value", "")) for p in call.findall(f"{{{OURS}}}parameter")),
        )
    start, stop = _text_of(element, "start-time"), _text_of(element, "stop-time")
    group = _text_of(element, "group-ref")
    return Session(
        id=_id(element, "session_id"),
        sip_session_ids=tuple(e.text or "" for e in _children(element, "sipSessionID")),
        group=RecordingId(group) if group else None,
        start_ns=_ns(start, "session/start-time"),
        stop_ns=_ns(stop, "session/stop-time"),
        call=facts,
    )


def _read_name(element: etree._Element) -> NameId:
    name = element.find(_q("name"))
    return NameId(
        aor=element.get("aor", ""),
        name=(name.text or "") if name is not None else "",
        language=name.get(_XML_LANG, "") if name is not None else "",
    )


def _since(element: etree._Element) -> int | None:
    return _ns(_text_of(element, "associate-time"), "associate-time")


def _until(element: etree._Element) -> int | None:
    return _ns(_text_of(element, "disassociate-time"), "disassociate-time")


def _ns(text: str | None, place: str) -> int | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(place, text, "must be a time of RFC 3339") from None
    if at.tzinfo is None:
        raise InvalidInput(place, text, "must say its time zone")
    return (at - _EPOCH) // timedelta(microseconds=1) * 1000


def _id(element: etree._Element, attribute: str) -> RecordingId:
    value = element.get(attribute)
    if not value:
        raise InvalidInput(f"{etree.QName(element).localname}/@{attribute}", "", "is required")
    return RecordingId(value)


def _children(element: etree._Element, tag: str) -> Iterator[etree._Element]:
    yield from element.iterchildren(_q(tag))


def _text_of(element: etree._Element, tag: str) -> str | None:
    child = element.find(_q(tag))
    return None if child is None else (child.text or "").strip()


def _q(tag: str) -> str:
    return f"{{{NAMESPACE}}}{tag}"
