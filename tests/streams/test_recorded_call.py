"""A call as recorders are told of it, whatever happens on it, in any order."""

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridgetap.flow.effects import Track
from bridgetap.ids import CallSid
from bridgetap.siprec import CallFacts, changes, is_id, snapshot
from bridgetap.siprec.document import read, write
from bridgetap.siprec.metadata import Recording
from bridgetap.streams import CallAbout, Hold, Participant, StreamNews
from bridgetap.streams.picture import Picture
from bridgetap.streams.recorded_call import followed, labelled, recorded_call
from tests.siprec.calls import NINE, assert_valid

CALL, BOB, CAROL = (CallSid(f"CA{number:032x}") for number in (1, 2, 3))
SESSION_ID = re.compile(r"[0-9a-f]{32};remote=[0-9a-f]{32}")  # RFC 7989 §5

NEWS: st.SearchStrategy[StreamNews] = st.one_of(
    st.builds(Hold, track=st.sampled_from(["inbound", "outbound"]), held=st.booleans()),
    st.builds(
        Participant,
        track=st.sampled_from(["inbound", "outbound"]),
        joined=st.booleans(),
        call_sid=st.sampled_from([BOB, CAROL, None]),
        address=st.one_of(st.sampled_from(["+15550000003", "sip:carol@x", ""]), st.text(max_size=12)),
    ),
)
ABOUTS = st.builds(
    CallAbout,
    sid=st.just(CALL),
    group=st.just(CALL),
    party=st.text(max_size=20),
    party_name=st.text(max_size=20),
    dialled=st.text(max_size=20),
    started_ns=st.integers(min_value=NINE - 10**12, max_value=NINE + 10**6),
)
TRACKS: list[tuple[Track, ...]] = [("inbound",), ("outbound",), ("inbound", "outbound")]


def times(document: Recording) -> list[tuple[int, int]]:
    """Every span that has both ends."""
    spans = [(one.associated_ns, one.disassociated_ns) for one in document.participant_sessions]
    spans += [(one.associated_ns, one.disassociated_ns) for one in document.session_recordings]
    return [(since, until) for since, until in spans if since is not None and until is not None]


@given(ABOUTS, st.sampled_from(TRACKS), st.lists(NEWS, max_size=12), st.booleans())
def test_every_document_of_every_call_is_true_and_valid(
    about: CallAbout, tracks: tuple[Track, ...], news: list[StreamNews], outbound_first: bool
) -> None:
    """27, 30, 31, 32, 33, 34, 35, 36, 39."""
    labels = labelled(tracks, outbound_first=outbound_first)
    picture, now = Picture(), NINE
    facts = CallFacts(call_sid=CALL, siprec_sid="SR1", direction="inbound")
    call = recorded_call(about, picture, facts=facts, tracks=labels, domain="x.example", now_ns=now)
    streams = {stream.id for stream in snapshot(call).streams}
    for one in news:
        before, now = call, now + 10**6
        picture = picture.after(one)
        call = followed(call, about, picture, tracks=labels, domain="x.example", now_ns=now)
        partial, whole = changes(before, call), snapshot(call)
        for document in [whole, *([partial] if partial else [])]:
            assert_valid(write(document))
            assert read(write(document)).mode == document.mode
            assert all(since <= until for since, until in times(document))
            assert all(
                SESSION_ID.fullmatch(value) for session in document.sessions for value in session.sip_session_ids
            )
        assert {stream.id for stream in whole.streams} == streams
        assert len(whole.participants) == len({p.id for p in whole.participants}) == len(whole.participant_streams)
        assert all(is_id(p.id) for p in whole.participants)
        sent = Counter(stream for voice in whole.participant_streams for stream in voice.sends)
        received = Counter(stream for voice in whole.participant_streams for stream in voice.receives)
        assert set(sent) | set(received) <= streams
        assert max(sent.values(), default=0) <= 1
        if not picture.holding and len(whole.participants) == 2:
            assert set(sent) == set(received) == streams


@pytest.mark.parametrize(
    ("holding", "inbound", "outbound"),
    [
        (set(), (True, True), (True, True)),
        ({"inbound"}, (False, False), (True, False)),
        ({"outbound"}, (True, False), (False, False)),
        ({"inbound", "outbound"}, (False, False), (False, False)),
    ],
)
def test_who_says_and_hears_what(holding: set[Track], inbound: tuple[bool, bool], outbound: tuple[bool, bool]) -> None:
    """33: who holds says and hears nothing; who is held is still heard here, and hears nobody."""
    about = CallAbout(sid=CALL, group=CALL, party="+1", dialled="+2", started_ns=NINE)
    call = recorded_call(
        about,
        Picture(holding=frozenset(holding)),
        facts=CallFacts(call_sid=CALL, siprec_sid="SR1", direction="inbound"),
        tracks=labelled(("inbound", "outbound"), outbound_first=False),
        domain="x.example",
        now_ns=NINE,
    )
    assert [(bool(party.sends), bool(party.receives)) for party in call.parties] == [inbound, outbound]


def test_a_party_and_a_stream_have_one_id_at_every_recorder() -> None:
    """31: the caller seen from its own leg and from that of whom it called is one participant of one group."""
    facts = CallFacts(call_sid=CALL, siprec_sid="SR1", direction="inbound")
    tracks = labelled(("inbound",), outbound_first=False)
    here = CallAbout(sid=CALL, group=CALL, party="+1", dialled="+2")
    there = CallAbout(sid=BOB, group=CALL, party="+3", dialled="+1")
    joined = Picture(outbound=Participant(joined=True, call_sid=CALL, address="+1"))
    one = recorded_call(here, Picture(), facts=facts, tracks=tracks, domain="x", now_ns=NINE)
    other = recorded_call(there, joined, facts=facts, tracks=tracks, domain="x", now_ns=NINE)
    assert one.group == other.group
    assert one.session != other.session
    assert one.parties[0].id == other.parties[1].id
