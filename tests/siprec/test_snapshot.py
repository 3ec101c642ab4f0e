"""What a recorder is told as the call goes on (checklist 29, 31 to 34, 40, 41, 58)."""

from dataclasses import replace

from bridgetap.siprec import NameId, Party, changes, snapshot
from bridgetap.siprec.document import read, write
from bridgetap.siprec.metadata import Participant, ParticipantSession, ParticipantStream, Recording

from .calls import ALICE, BOB, CALL, INBOUND, NINE, OUTBOUND, assert_valid, id_of

CAROL = Party(
    id=id_of(7),
    names=(NameId(aor="sip:carol@voice.example.com"),),
    joined_ns=NINE + 60_000_000_000,
    sends=(OUTBOUND.id,),
    receives=(INBOUND.id,),
)


def test_a_snapshot_is_complete_and_every_reference_in_it_resolves() -> None:
    """32."""
    told = snapshot(CALL)
    assert told.mode == "complete"
    assert told.labels == ("1", "2")
    groups, sessions = {g.id for g in told.groups}, {s.id for s in told.sessions}
    people, streams = {p.id for p in told.participants}, {s.id for s in told.streams}
    assert {s.group for s in told.sessions} <= groups
    assert {s.session for s in told.streams} == sessions
    assert {m.session for m in told.participant_sessions} == sessions
    assert {m.participant for m in told.participant_sessions} == people
    assert {v.participant for v in told.participant_streams} == people
    assert {id_ for v in told.participant_streams for id_ in (*v.sends, *v.receives)} == streams
    ids = [*groups, *sessions, *people, *streams]
    assert len(set(ids)) == len(ids)
    assert_valid(write(told))


def test_every_stream_is_sent_by_exactly_one_party() -> None:
    """34."""
    voices = snapshot(CALL).participant_streams
    assert sorted(id_ for voice in voices for id_ in voice.sends) == sorted([INBOUND.id, OUTBOUND.id])


def test_a_hold_takes_voices_away_and_a_resume_brings_them_back() -> None:
    held = CALL.with_party(replace(ALICE, sends=(), receives=())).with_party(replace(BOB, sends=(), receives=()))
    assert changes(CALL, held) == Recording(
        mode="partial",
        participant_streams=(ParticipantStream(participant=ALICE.id), ParticipantStream(participant=BOB.id)),
    )
    back = changes(held, CALL)
    assert back is not None
    assert {v.participant: v.sends for v in back.participant_streams} == {ALICE.id: ALICE.sends, BOB.id: BOB.sends}


def test_a_transfer_is_one_party_out_and_one_in_on_the_same_stream() -> None:
    now_ns = CAROL.joined_ns
    after = CALL.without_party(BOB.id, now_ns=now_ns).with_party(CAROL)
    told = changes(CALL, after)
    assert told is not None
    assert told.participants == (Participant(id=CAROL.id, names=CAROL.names),)
    assert told.participant_sessions == (
        ParticipantSession(
            participant=BOB.id, session=CALL.session, associated_ns=BOB.joined_ns, disassociated_ns=now_ns
        ),
        ParticipantSession(participant=CAROL.id, session=CALL.session, associated_ns=now_ns),
    )
    assert told.participant_streams == (
        ParticipantStream(participant=CAROL.id, sends=(OUTBOUND.id,), receives=(INBOUND.id,)),
    )
    assert told.labels == ()
    settled = after.settled()
    assert changes(after, settled) is None
    assert BOB.id not in {participant.id for participant in snapshot(after).participants}


def test_the_end_is_told_of_the_session_and_of_everybody() -> None:
    ended = replace(CALL, ended_ns=NINE + 90_000_000_000)
    told = changes(CALL, ended)
    assert told is not None
    assert [session.stop_ns for session in told.sessions] == [ended.ended_ns]
    assert {m.disassociated_ns for m in told.participant_sessions} == {ended.ended_ns}
    assert [s.disassociated_ns for s in told.session_recordings] == [ended.ended_ns]
    assert read(write(told)) == told
    assert_valid(write(told))


def test_nothing_changed_is_nothing_to_tell() -> None:
    assert changes(CALL, CALL) is None


def test_another_recorder_gets_the_same_ids_and_its_own_beginning() -> None:
    later = replace(CALL, recorded_ns=CALL.recorded_ns + 1_000_000_000)
    one, other = snapshot(CALL), snapshot(later)
    assert one.participants == other.participants
    assert one.streams == other.streams
    assert [s.id for s in one.sessions] == [s.id for s in other.sessions]
    assert one.session_recordings != other.session_recordings
