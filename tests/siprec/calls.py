"""A recorded call for tests: Alice talks to Bob on two tracks."""

from importlib.resources import files

from lxml import etree

from bridgetap.siprec import CallFacts, NameId, Party, RecordedCall, RecordedTrack, RecordingId, make_id

NINE = 1_795_770_000_000_000_000


def id_of(number: int) -> RecordingId:
    return make_id(bytes([number] * 16))


INBOUND, OUTBOUND = RecordedTrack(id=id_of(3), label="1"), RecordedTrack(id=id_of(4), label="2")
ALICE = Party(
    id=id_of(5),
    names=(NameId(aor="sip:+15551230001@pstn.example.net", name="Alice"),),
    joined_ns=NINE,
    sends=(INBOUND.id,),
    receives=(OUTBOUND.id,),
)
BOB = Party(
    id=id_of(6),
    names=(NameId(aor="sip:bob@voice.example.com"),),
    joined_ns=NINE + 4_000_000_000,
    sends=(OUTBOUND.id,),
    receives=(INBOUND.id,),
)
CALL = RecordedCall(
    group=id_of(1),
    session=id_of(2),
    facts=CallFacts(call_sid="CA1", siprec_sid="SR1", direction="inbound", parameters=(("tenant", "42"),)),
    started_ns=NINE,
    recorded_ns=NINE + 5_000_000_000,
    tracks=(INBOUND, OUTBOUND),
    parties=(ALICE, BOB),
)

SCHEMA = etree.XMLSchema(etree.fromstring(files("bridgetap.siprec").joinpath("recording.xsd").read_bytes()))


def assert_valid(document: bytes) -> etree._Element:
    """Against the schema of RFC 7865."""
    root = etree.fromstring(document)
    assert SCHEMA.validate(root), SCHEMA.error_log
    return root
