"""What a recorder sees, for a person and for a program. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from bridgetap.sdp import Media
from bridgetap.siprec import Recording as Document
from bridgetap.siprec.metadata import Participant

from .checks import way_of

What: TypeAlias = Literal["asked", "metadata", "answered", "offered", "fault", "over"]


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Something that happened to one recording: in words, and its figures. `recording` is its folder's name."""

    recording: str
    what: What
    text: str
    facts: Mapping[str, object] = field(default_factory=dict)


def of_document(recording: str, document: Document, *, number: int, file: str, labels: Mapping[str, str]) -> News:
    """Metadata came. Parameters are named, not told: their values stand in the file. `labels` are those of all
    streams that were ever told of, by id."""
    sends = {
        voice.participant: [labels[one] for one in voice.sends if one in labels]
        for voice in document.participant_streams
    }
    calls = [session.call for session in document.sessions if session.call is not None]
    parameters = [name for call in calls for name, _ in call.parameters]
    text = f"metadata {number}, {document.mode}"
    if document.participants:
        text += ": " + "; ".join(_person(person, sends.get(person.id)) for person in document.participants)
    if parameters:
        text += f"; parameters {', '.join(parameters)}"
    facts = {
        "number": number,
        "mode": document.mode,
        "file": file,
        "participants": [
            {
                "names": [{"aor": name.aor, "name": name.name} for name in person.names],
                "sends": list(sends.get(person.id, ())),
            }
            for person in document.participants
        ],
        "parameters": parameters,
        "call_sids": [call.call_sid for call in calls],
    }
    return News(recording=recording, what="metadata", text=text, facts=facts)


def _person(person: Participant, sends: Sequence[str] | None) -> str:
    shown = " ".join(filter(None, (person.names[0].aor, person.names[0].name))) if person.names else "somebody"
    if sends is None:
        return shown
    return f"{shown} sends {', '.join(sends)}" if sends else f"{shown} is not heard"


def of_lines(recording: str, what: Literal["answered", "offered"], lines: Sequence[Media]) -> News:
    """What was agreed for each line."""
    told = [(next(iter(line.values("label")), str(place)), way_of(line)) for place, line in enumerate(lines, 1)]
    text = ", ".join(f"track {label} {way}" for label, way in told) or "no track at all"
    facts = {"tracks": [{"label": label, "way": way} for label, way in told]}
    return News(recording=recording, what=what, text=text, facts=facts)
