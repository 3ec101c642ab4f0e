"""Metadata both ways, and against the schema of RFC 7865 (checklist 27, 28, 30, 35, 36, 37)."""

import contextlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridgetap.errors import InvalidInput
from bridgetap.siprec import CallFacts, NameId, is_id, make_id, snapshot
from bridgetap.siprec.document import NAMESPACE, instant, read, write
from bridgetap.siprec.metadata import (
    Group,
    Participant,
    ParticipantSession,
    ParticipantStream,
    Recording,
    Session,
    SessionRecording,
    Stream,
)

from .calls import CALL, NINE, assert_valid

IDS = st.binary(min_size=16, max_size=16).map(make_id)
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=20)
TRIMMED = TEXT.map(str.strip)
TIMES = st.none() | st.integers(min_value=0, max_value=4_000_000_000_000).map(lambda ms: ms * 1_000_000)
AORS = st.text(string.ascii_letters + string.digits + "+-._", min_size=1, max_size=20).map("sip:{}@example.com".format)


def some(values: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.lists(values, max_size=3).map(tuple)


RECORDINGS = st.builds(
    Recording,
    mode=st.sampled_from(["complete", "partial"]),
    groups=some(st.builds(Group, id=IDS, associated_ns=TIMES, disassociated_ns=TIMES)),
    sessions=some(
        st.builds(
            Session,
            id=IDS,
            sip_session_ids=st.just(("0" * 32 + ";remote=" + "1" * 32,)) | st.just(()),
            group=st.none() | IDS,
            start_ns=TIMES,
            stop_ns=TIMES,
            call=st.none()
            | st.builds(
                CallFacts, call_sid=TEXT, siprec_sid=TEXT, direction=TEXT, parameters=some(st.tuples(TEXT, TEXT))
            ),
        )
    ),
    participants=some(
        st.builds(
            Participant,
            id=IDS,
            names=st.lists(st.builds(NameId, aor=AORS, name=TEXT), min_size=1, max_size=2).map(tuple),
        )
    ),
    streams=some(st.builds(Stream, id=IDS, session=st.none() | IDS, label=st.none() | TRIMMED)),
    session_recordings=some(st.builds(SessionRecording, session=IDS, associated_ns=TIMES, disassociated_ns=TIMES)),
    participant_sessions=some(
        st.builds(ParticipantSession, participant=IDS, session=IDS, associated_ns=TIMES, disassociated_ns=TIMES)
    ),
    participant_streams=some(
        st.builds(
            ParticipantStream,
            participant=IDS,
            sends=some(IDS),
            receives=some(IDS),
            associated_ns=TIMES,
            disassociated_ns=TIMES,
        )
    ),
)


@given(RECORDINGS)
def test_whatever_is_written_is_valid_and_read_back(recording: Recording) -> None:
    """27."""
    document = write(recording)
    assert_valid(document)
    assert read(document) == recording


def test_a_document_says_its_version_encoding_and_ends_its_lines_with_crlf() -> None:
    """28."""
    document = write(snapshot(CALL))
    assert document.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\r\n<recording xmlns="' + NAMESPACE.encode())
    assert document.count(b"\n") == document.count(b"\r\n")
    assert document.endswith(b"</recording>\r\n")


@pytest.mark.parametrize("value", ["<>&\"'", "two\nlines", "tab\tand cr\rlf", "smile 😀", "", "  blanks  ", "]]>"])
def test_a_parameter_keeps_its_value(value: str) -> None:
    """37."""
    facts = CallFacts(call_sid="CA1", siprec_sid="SR1", direction="inbound", parameters=((f"k{value}", value),))
    recording = Recording(sessions=(Session(id=make_id(bytes(16)), call=facts),))
    document = write(recording)
    assert_valid(document)
    assert read(document) == recording


def test_what_stands_in_foreign_namespaces_is_passed_over() -> None:
    document = write(snapshot(CALL)).replace(b"</recording>", b'<x:more xmlns:x="urn:x"><x:deep/></x:more></recording>')
    assert_valid(document)
    assert read(document) == snapshot(CALL)


def test_ids_are_16_bytes_in_base64_and_of_version_4() -> None:
    """30."""
    one = make_id(b"\xff" * 16)
    assert (len(one), one[-2:]) == (24, "==")
    assert is_id(one)

    assert not is_id("not base64!")
    assert not is_id("AAAA")


@pytest.mark.parametrize(
    ("at_ns", "text"),
    [(0, "1970-01-01T00:00:00.000Z"), (NINE + 120_999_999, "2026-11-27T09:00:00.120Z")],
)
def test_times_are_utc_with_capital_letters(at_ns: int, text: str) -> None:
    """35."""
    assert instant(at_ns) == text


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"", "is no XML"),
        (b"<recording/>", "the root must be recording"),
        (b"<!DOCTYPE x><recording xmlns='urn:ietf:params:xml:ns:recording:1'/>", "no document type"),
        (b"<recording xmlns='urn:ietf:params:xml:ns:recording:1'><datamode>half</datamode></recording>", "datamode"),
        (b"<recording xmlns='urn:ietf:params:xml:ns:recording:1'><session/></recording>", "session/@session_id"),
        (
            (
                b"<recording xmlns='urn:ietf:params:xml:ns:recording:1'><session session_id='AAAA'>"
                b"<start-time>2026-11-23T09:15:02</start-time></session></recording>"
            ),
            "time zone",
        ),
        (b" " * 65_537, "at most 65536 bytes"),
    ],
)
def test_what_is_no_metadata_says_why(document: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        read(document)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(document: bytes) -> None:
    with contextlib.suppress(InvalidInput):
        read(document)


def test_a_bomb_of_entities_is_refused() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><recording xmlns="x">&b;</recording>'
    with pytest.raises(InvalidInput):
        read(bomb)
