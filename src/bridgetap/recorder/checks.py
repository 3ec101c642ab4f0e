"""What a strict recorder has against a message (RFC 7865, 7866, 4574): every fault, each with its rule."""

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from lxml import etree

from bridgetap.engine import Headers
from bridgetap.errors import InvalidInput, InvalidSdp
from bridgetap.sdp import Media, SessionDescription, parse
from bridgetap.siprec import Recording, is_id
from bridgetap.siprec.document import read
from bridgetap.siprec.multipart import METADATA, METADATA_LEGACY, SDP, Part, find, split

_SOURCE = re.compile(r">\s*(?:;[^,]*)?;\s*\+sip\.src(?:\s*[;,]|\s*$)")


def judge(headers: Headers, content_type: str, body: bytes, *, first: bool) -> list[str]:
    """Everything wrong with an INVITE, re-INVITE or UPDATE; `first` for the one that begins a session."""
    faults = list(_head(headers, first=first))
    if not body and not first:
        return faults  # a refresh
    try:
        parts = split(content_type, body)
    except InvalidInput as error:
        return [*faults, str(error)]
    faults += _parts(parts, body, content_type, first=first)
    offer = find(parts, SDP)
    metadata = find(parts, METADATA, METADATA_LEGACY)
    labels: list[str] = []
    if offer is not None:
        try:
            description = parse(offer.content)
        except InvalidSdp as error:
            faults.append(str(error))
        else:
            labels = [label for media in description.media for label in media.values("label")]
            faults += _lines(description)
    if metadata is not None:
        faults += _document(metadata.content, labels, first=first)
    elif first:
        faults.append("an INVITE that begins a recording carries metadata (RFC 7866 §9.1)")
    return faults


def _head(headers: Headers, *, first: bool) -> Sequence[str]:
    def values(name: str) -> list[str]:
        return [value for key, value in headers if key.lower() == name]

    faults = []
    if first and not any("siprec" in re.split(r"[\s,]+", value) for value in values("require")):
        faults.append("Require must have siprec (RFC 7866 §6.1.1)")
    if not any(_SOURCE.search(contact) for contact in (*values("contact"), *values("m"))):
        faults.append("Contact must have +sip.src behind its > (RFC 7866 §6.1.1)")
    if first and not any("rs-metadata" in value for value in values("accept")):
        faults.append("Accept must have application/rs-metadata+xml, or no snapshot can be asked for")
    return faults


def _parts(parts: tuple[Part, ...], body: bytes, content_type: str, *, first: bool) -> Sequence[str]:
    faults = []
    kinds = [part.content_type for part in parts]
    if kinds.count(SDP) > 1 or (first and SDP not in kinds):
        faults.append(f"one part must be {SDP}, there are {kinds.count(SDP)}")
    metadata = [part for part in parts if part.content_type in (METADATA, METADATA_LEGACY)]
    if len(metadata) > 1:
        faults.append("there may be one part with metadata")
    if metadata and metadata[0].disposition != "recording-session":
        faults.append("the metadata's Content-Disposition must be recording-session (RFC 7866 §9.1)")
    if metadata and SDP in kinds and kinds[0] != SDP:
        faults.append("SDP should be the first part")
    if len(parts) > 1 and not content_type.lower().startswith("multipart/mixed"):
        faults.append("two parts are multipart/mixed")
    if body.count(b"\n") != body.count(b"\r\n") or body.count(b"\r") != body.count(b"\r\n"):
        faults.append("every line of the body must end with CRLF")
    return faults


def _lines(description: SessionDescription) -> Sequence[str]:
    faults = []
    labels: list[str] = []
    for number, media in enumerate(description.media):
        place = f"m[{number}]"
        found = media.values("label")
        labels += found
        if len(found) != 1:
            faults.append(f"{place} must have one a=label, it has {len(found)} (RFC 7866 §7.1.1)")
        if way_of(media) not in ("sendonly", "inactive", "refused"):
            faults.append(f"{place} must be sendonly or inactive (RFC 7866 §7.1.1)")
    if description.attribute("label") is not None:
        faults.append("a=label stands at media level only (RFC 4574 §4)")
    if len(set(labels)) != len(labels):
        faults.append("labels must differ")
    return faults


def way_of(line: Media) -> str:
    """`sendonly` and the like, as the line has it; `refused` for one of port 0."""
    if not line.port:
        return "refused"
    ways = (a.name for a in line.attributes if a.name in ("sendrecv", "sendonly", "recvonly", "inactive"))
    return next(ways, "sendrecv")


def _document(content: bytes, labels: list[str], *, first: bool) -> Sequence[str]:
    faults = []
    try:
        recording = read(content)
    except InvalidInput as error:
        return [str(error)]
    schema = _schema()
    if not schema.validate(etree.fromstring(content)):
        faults += [f"metadata line {entry.line}: {entry.message}" for entry in schema.error_log]
    if first and recording.mode != "complete":
        faults.append("the first document must be complete (RFC 7866 §9.1)")
    if recording.labels and sorted(recording.labels) != sorted(labels):
        faults.append(f"the metadata's labels {list(recording.labels)} are not those of the SDP {labels}")
    ids = _ids(recording)
    faults += [f"{value!r} is no UUID in base64 (RFC 7865 §6.10)" for value in ids if not is_id(value)]
    if len(set(ids)) != len(ids):
        faults.append("an id names two things")
    if recording.mode == "complete":
        faults += _references(recording)
    return faults


def _ids(recording: Recording) -> list[str]:
    things = (recording.groups, recording.sessions, recording.participants, recording.streams)
    return [thing.id for kind in things for thing in kind]


def _references(recording: Recording) -> Sequence[str]:
    """Whatever a complete document names must be in it."""
    groups = {group.id for group in recording.groups}
    sessions = {session.id for session in recording.sessions}
    people = {participant.id for participant in recording.participants}
    streams = {stream.id for stream in recording.streams}
    named = [
        *(("group-ref", session.group, groups) for session in recording.sessions if session.group),
        *(("session_id", stream.session, sessions) for stream in recording.streams if stream.session),
        *(("session_id", told.session, sessions) for told in recording.session_recordings),
        *(("session_id", member.session, sessions) for member in recording.participant_sessions),
        *(("participant_id", member.participant, people) for member in recording.participant_sessions),
        *(("participant_id", voice.participant, people) for voice in recording.participant_streams),
        *(("send", one, streams) for voice in recording.participant_streams for one in voice.sends),
        *(("recv", one, streams) for voice in recording.participant_streams for one in voice.receives),
    ]
    faults = [f"{place} {value} leads nowhere" for place, value, known in named if value not in known]
    senders = [one for voice in recording.participant_streams for one in voice.sends]
    faults += [f"stream {one} has {senders.count(one)} senders" for one in streams if senders.count(one) > 1]
    return faults


@cache
def _schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.fromstring(files("bridgetap.siprec").joinpath("recording.xsd").read_bytes()))
