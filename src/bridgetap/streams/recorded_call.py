"""A call as its recorder is told of it: who talks, whose voice is on which stream, who is on hold.

The same party, call and stream have the same id in every document, at every recorder, over every failover:
ids are made of SIDs, which are random.
"""

from dataclasses import dataclass
from hashlib import sha256

from bridgetap.flow.effects import Track
from bridgetap.ids import CallSid
from bridgetap.siprec import CallFacts, NameId, Party, RecordedCall, RecordedTrack, RecordingId, make_id
from bridgetap.siprec.aor import aor_of

from .news import Participant
from .picture import Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAbout:
    """What is known of a call from its start."""

    sid: CallSid
    group: CallSid  # the call that all legs of one caller belong to
    direction: str = "inbound"
    party: str = ""  # whose leg it is: a number, a SIP URI, a user's name
    party_name: str = ""
    dialled: str = ""  # whom that party speaks to before anybody joins
    started_ns: int = 0


def labelled(tracks: tuple[Track, ...], *, outbound_first: bool) -> tuple[tuple[str, Track], ...]:
    """Label and track, in the order of the lines."""
    ordered = sorted(tracks, key=lambda track: (track == "inbound") == outbound_first)
    return tuple((str(number), track) for number, track in enumerate(ordered, 1))


def recorded_call(
    about: CallAbout,
    picture: Picture,
    *,
    facts: CallFacts,
    tracks: tuple[tuple[str, Track], ...],
    domain: str,
    now_ns: int,
) -> RecordedCall:
    """As it is when its recording begins."""
    call = RecordedCall(
        group=_id("group", about.group),
        session=_id("session", about.sid),
        facts=facts,
        started_ns=min(about.started_ns, now_ns),
        recorded_ns=now_ns,
        tracks=tuple(
            RecordedTrack(id=_id("stream", f"{facts.siprec_sid} {track}"), label=label) for label, track in tracks
        ),
    )
    return followed(call, about, picture, tracks=tracks, domain=domain, now_ns=call.started_ns)


def followed(
    call: RecordedCall,
    about: CallAbout,
    picture: Picture,
    *,
    tracks: tuple[tuple[str, Track], ...],
    domain: str,
    now_ns: int,
) -> RecordedCall:
    """The call after news: who left is marked, who is there says and hears what the picture shows."""
    streams: dict[Track, RecordingId] = {
        track: stream.id for (_, track), stream in zip(tracks, call.tracks, strict=True)
    }
    present = {track: _who(about, picture, track, domain) for track in _SIDES}
    for party in call.parties:
        if party.left_ns is None and party.id not in {who.id for who in present.values()}:
            call = call.without_party(party.id, now_ns=now_ns)
    known = {party.id: party for party in call.parties if party.left_ns is None}
    for track, who in present.items():
        other = _OTHER[track]
        holds, held = track in picture.holding, other in picture.holding
        call = call.with_party(
            Party(
                id=who.id,
                names=who.names,
                joined_ns=known[who.id].joined_ns if who.id in known else now_ns,
                sends=() if holds else _listed(streams, track),
                receives=() if holds or held else _listed(streams, other),
            )
        )
    return call


_SIDES: tuple[Track, Track] = ("inbound", "outbound")
_OTHER: dict[Track, Track] = {"inbound": "outbound", "outbound": "inbound"}


@dataclass(frozen=True, slots=True)
class _Who:
    id: RecordingId
    names: tuple[NameId, ...]


def _who(about: CallAbout, picture: Picture, track: Track, domain: str) -> _Who:
    joined: Participant | None = picture.inbound if track == "inbound" else picture.outbound
    if joined is not None:
        named = joined.call_sid or f"{about.sid} {joined.address}"
        return _Who(_id("party", named), (NameId(aor=aor_of(joined.address, domain=domain)),))
    if track == "inbound":
        name = NameId(aor=aor_of(about.party, domain=domain), name=about.party_name)
        return _Who(_id("party", about.sid), (name,))
    return _Who(_id("service", about.sid), (NameId(aor=aor_of(about.dialled, domain=domain)),))


def _listed(streams: dict[Track, RecordingId], track: Track) -> tuple[RecordingId, ...]:
    return (streams[track],) if track in streams else ()


def _id(kind: str, name: str) -> RecordingId:
    return make_id(sha256(f"{kind} {name}".encode()).digest()[:16])
