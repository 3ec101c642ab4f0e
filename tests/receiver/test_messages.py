"""Parsing: the six messages as captured, and every way each can be wrong."""

import base64
import copy
import json
from contextlib import suppress
from string import Template
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridgetap.errors import InvalidInput
from bridgetap.ids import AccountSid, CallSid, StreamSid
from bridgetap.receiver import (
    CallEvent,
    Connected,
    Dtmf,
    Extensions,
    Gap,
    LostAudio,
    Mark,
    Media,
    MediaFormat,
    Message,
    Start,
    Stop,
    parse_message,
)
from bridgetap.receiver.binary import parse_binary

MZ = StreamSid("MZ" + "0" * 32)
CA = CallSid("CA" + "1" * 32)
AC = AccountSid("AC" + "2" * 32)

WIRES = {
    "connected": '{"event":"connected","protocol":"Call","version":"1.0.0"}',
    "start": (
        '{"event":"start","sequenceNumber":"1","start":{"accountSid":"$AC","streamSid":"$MZ","callSid":"$CA",'
        '"tracks":["inbound","outbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},'
        '"customParameters":{"Tenant":"42"}},"streamSid":"$MZ"}'
    ),
    "media": (
        '{"event":"media","sequenceNumber":"2","media":{"track":"inbound","chunk":"1","timestamp":"155",'
        '"payload":"$AUDIO"},"streamSid":"$MZ"}'
    ),
    "dtmf": '{"event":"dtmf","streamSid":"$MZ","sequenceNumber":"5","dtmf":{"track":"inbound_track","digit":"1"}}',
    "mark": '{"event":"mark","sequenceNumber":"4","streamSid":"$MZ","mark":{"name":"greeting-end"}}',
    "stop": '{"event":"stop","sequenceNumber":"352","streamSid":"$MZ","stop":{"accountSid":"$AC","callSid":"$CA"}}',
}
MESSAGES: dict[str, Message] = {
    "connected": Connected(protocol="Call", version="1.0.0"),
    "start": Start(
        sequence_number=1,
        stream_sid=MZ,
        account_sid=AC,
        call_sid=CA,
        tracks=("inbound", "outbound"),
        media_format=MediaFormat(encoding="audio/x-mulaw", sample_rate=8000, channels=1),
        custom_parameters={"Tenant": "42"},
    ),
    "media": Media(sequence_number=2, stream_sid=MZ, track="inbound", chunk=1, timestamp_ms=155, payload=b"\xff" * 160),
    "dtmf": Dtmf(sequence_number=5, stream_sid=MZ, track="inbound", digit="1"),
    "mark": Mark(sequence_number=4, stream_sid=MZ, name="greeting-end"),
    "stop": Stop(sequence_number=352, stream_sid=MZ, account_sid=AC, call_sid=CA),
}
_VALUES = {"MZ": MZ, "AC": AC, "CA": CA, "AUDIO": base64.b64encode(b"\xff" * 160).decode()}
CASES = {event: (Template(wire).substitute(_VALUES), MESSAGES[event]) for event, wire in WIRES.items()}


@pytest.mark.parametrize("event", CASES)
def test_a_message_as_captured(event: str) -> None:
    wire, message = CASES[event]
    assert parse_message(wire, exact=True) == message


@pytest.mark.parametrize("event", CASES)
def test_the_order_of_keys_does_not_matter(event: str) -> None:
    wire, message = CASES[event]
    backwards = json.dumps(dict(reversed(json.loads(wire).items())))
    assert parse_message(backwards, exact=True) == message


@pytest.mark.parametrize("event", CASES)
def test_a_later_protocol_may_add_keys_but_not_when_it_has_to_be_exact(event: str) -> None:
    wire, message = CASES[event]
    value = json.loads(wire)
    value["future"] = 1
    assert parse_message(json.dumps(value)) == message
    with pytest.raises(InvalidInput, match="future: 1: is not a key of this message"):
        parse_message(json.dumps(value), exact=True)


def test_a_new_key_further_in_is_found_too() -> None:
    value = json.loads(CASES["start"][0])
    value["start"]["mediaFormat"]["bits"] = 8
    with pytest.raises(InvalidInput, match=r"start\.mediaFormat\.bits: 8: is not a key"):
        parse_message(json.dumps(value), exact=True)


def _places(value: Any, place: str = "") -> list[str]:
    if not isinstance(value, dict):
        return [place]
    inner = [p for key, item in value.items() for p in _places(item, f"{place}.{key}" if place else key)]
    return [*([place] if place else []), *inner]


ALL_PLACES = [
    (event, place)
    for event, (wire, _) in CASES.items()
    for place in _places(json.loads(wire))
    if place != "event" and "customParameters." not in place
]


def _changed(event: str, place: str, change: Any) -> str:
    value = copy.deepcopy(json.loads(CASES[event][0]))
    *path, last = place.split(".")
    inner = value
    for key in path:
        inner = inner[key]
    if change is None:
        del inner[last]
    else:
        inner[last] = change
    return json.dumps(value)


@pytest.mark.parametrize(("event", "place"), ALL_PLACES)
def test_every_missing_key_is_named(event: str, place: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_message(_changed(event, place, None))
    assert (caught.value.place, caught.value.rule) == (place, "is missing")


@pytest.mark.parametrize(("event", "place"), ALL_PLACES)
def test_every_value_of_a_wrong_type_is_named(event: str, place: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_message(_changed(event, place, True))
    assert caught.value.place == place


@pytest.mark.parametrize(
    ("event", "place", "value", "named", "rule"),
    [
        ("media", "sequenceNumber", 2, "sequenceNumber", "must be a string"),
        ("media", "sequenceNumber", "0", "sequenceNumber", "must be a decimal number of at least 1, in quotes"),
        ("media", "sequenceNumber", "02", "sequenceNumber", "must be a decimal number of at least 1, in quotes"),
        ("media", "media.chunk", "-1", "media.chunk", "must be a decimal number of at least 1, in quotes"),
        ("media", "media.timestamp", "1.5", "media.timestamp", "must be a decimal number of at least 0, in quotes"),
        ("media", "media.track", "inbound_track", "media.track", "must be one of inbound, outbound"),
        ("media", "media.payload", "=", "media.payload", "must be base64"),
        ("media", "media.payload", "\x80", "media.payload", "must be base64"),
        ("media", "streamSid", "MZ1", "streamSid", "must be MZ and 32 hexadecimal digits"),
        ("start", "start.streamSid", "MZ" + "9" * 32, "start.streamSid", "must be the message's own"),
        ("start", "start.tracks", [], "start.tracks", "must not be empty"),
        ("start", "start.tracks", ["inbound", "inbound"], "start.tracks[1]", "must not be there twice"),
        ("start", "start.tracks", ["both"], "start.tracks[0]", "must be one of inbound, outbound"),
        ("start", "start.mediaFormat.sampleRate", "8000", "start.mediaFormat.sampleRate", "not in quotes"),
        ("start", "start.mediaFormat.sampleRate", 0, "start.mediaFormat.sampleRate", "must be 8000 to 48000"),
        ("start", "start.mediaFormat.sampleRate", 10**12, "start.mediaFormat.sampleRate", "must be 8000 to 48000"),
        ("start", "start.mediaFormat.channels", 3, "start.mediaFormat.channels", "must be 1 to 2"),
        ("start", "start.customParameters", {"a": 1}, "start.customParameters.a", "must be a string"),
        ("dtmf", "dtmf.track", "inbound", "dtmf.track", "must be one of inbound_track, outbound_track"),
        ("dtmf", "dtmf.digit", "12", "dtmf.digit", "must be one of"),
    ],
)
def test_every_broken_rule_is_named(event: str, place: str, value: Any, named: str, rule: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_message(_changed(event, place, value))
    assert caught.value.place == named
    assert rule in caught.value.rule


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (b"\x00\x01", "must be a text frame"),
        ("", "must be JSON"),
        ("{", "must be JSON"),
        ("NaN", "must be JSON"),
        ("[]", "must be an object"),
        ("{}", "event: None: is missing"),
        ('{"event":"media2"}', "sequenceNumber: None: is missing"),
        ("[" * 100_000, "must be JSON"),
    ],
)
def test_frames_that_are_no_message(frame: str | bytes, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        parse_message(frame)


def test_a_complaint_does_not_repeat_a_long_value() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_message(_changed("media", "media.payload", "=" * 100_000))
    assert len(str(caught.value)) < 300


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(value=ANY_JSON, where=st.sampled_from(ALL_PLACES))
def test_no_value_anywhere_does_more_than_be_refused(value: Any, where: tuple[str, str]) -> None:
    event, place = where
    with suppress(InvalidInput):
        assert type(parse_message(_changed(event, place, value))) is type(MESSAGES[event])


SHAPED = {
    "start": (
        '{"event":"start","sequenceNumber":"1","start":{"accountSid":"$AC","streamSid":"$MZ","callSid":"$CA",'
        '"tracks":["inbound","outbound"],"mediaFormat":{"encoding":"audio/x-l16","sampleRate":16000,"channels":2},'
        '"customParameters":{},"extensions":{"channels":"stereo","framing":"binary","frameMs":100,"wallClock":false,'
        '"events":["dtmf","participant"]}},"streamSid":"$MZ"}'
    ),
    "media": (
        '{"event":"media","sequenceNumber":"2","media":{"track":"mixed","chunk":"1","timestamp":"155",'
        '"wallClock":"1795000000123","payload":"AAA="},"streamSid":"$MZ"}'
    ),
    "dtmf": (
        '{"event":"dtmf","streamSid":"$MZ","sequenceNumber":"5",'
        '"dtmf":{"track":"inbound_track","digit":"1","wallClock":"99"}}'
    ),
    "hold": (
        '{"event":"hold","sequenceNumber":"6","streamSid":"$MZ",'
        '"hold":{"timestamp":"120","wallClock":"99","held":true}}'
    ),
    "gap": (
        '{"event":"gap","sequenceNumber":"1500","streamSid":"$MZ","gap":{"firstSequence":"501","lastSequence":"1500",'
        '"tracks":[{"track":"inbound","timestamp":"10000","duration":"20000"}]}}'
    ),
}
SHAPED_MESSAGES: dict[str, Message] = {
    "start": Start(
        sequence_number=1,
        stream_sid=MZ,
        account_sid=AC,
        call_sid=CA,
        tracks=("inbound", "outbound"),
        media_format=MediaFormat(encoding="audio/x-l16", sample_rate=16000, channels=2),
        extensions=Extensions(channels="stereo", framing="binary", frame_ms=100, events=("dtmf", "participant")),
    ),
    "media": Media(
        sequence_number=2,
        stream_sid=MZ,
        track="mixed",
        chunk=1,
        timestamp_ms=155,
        payload=b"\0\0",
        wall_clock_ms=1795000000123,
    ),
    "dtmf": Dtmf(sequence_number=5, stream_sid=MZ, track="inbound", digit="1", wall_clock_ms=99),
    "hold": CallEvent(
        sequence_number=6, stream_sid=MZ, name="hold", timestamp_ms=120, wall_clock_ms=99, details={"held": True}
    ),
    "gap": Gap(
        sequence_number=1500,
        stream_sid=MZ,
        first_sequence=501,
        last_sequence=1500,
        tracks=(LostAudio(track="inbound", timestamp_ms=10_000, duration_ms=20_000),),
    ),
}


@pytest.mark.parametrize("event", SHAPED)
def test_a_message_of_a_stream_with_options(event: str) -> None:
    assert parse_message(Template(SHAPED[event]).substitute(_VALUES), exact=True) == SHAPED_MESSAGES[event]


def test_a_frame_of_no_length_is_named() -> None:
    value = json.loads(Template(SHAPED["start"]).substitute(_VALUES))
    value["start"]["extensions"]["frameMs"] = 0
    with pytest.raises(InvalidInput, match=r"start\.extensions\.frameMs: 0: must be 20 to 1000"):
        parse_message(json.dumps(value))


def test_an_event_of_a_later_protocol_is_told_but_not_when_it_has_to_be_exact() -> None:
    text = json.dumps({"event": "laughter", "sequenceNumber": "9", "streamSid": MZ, "laughter": {"loud": 3}})
    assert parse_message(text) == CallEvent(sequence_number=9, stream_sid=MZ, name="laughter", details={"loud": 3})
    with pytest.raises(InvalidInput, match="event: 'laughter': must be one of connected"):
        parse_message(text, exact=True)


def test_a_binary_frame_as_the_core_writes_it() -> None:
    wire = bytes.fromhex("01022000 07000000 0605040302010000 e803000000000000 7b5e56eea1010000") + b"audio"
    assert parse_binary(wire, MZ) == Media(
        sequence_number=0x0102_0304_0506,
        stream_sid=MZ,
        track="stereo",
        chunk=7,
        timestamp_ms=1000,
        payload=b"audio",
        wall_clock_ms=1_795_000_000_123,
    )
    longer = wire[:2] + b"\x24\0" + wire[4:32] + b"more" + b"audio"  # a later version's header
    assert parse_binary(longer, MZ).payload == b"audio"


@pytest.mark.parametrize(
    ("wire", "words"),
    [
        (b"\1\0\x20\0", "must have a header of 32 bytes"),
        (b"\2\0\x20\0" + bytes(28), "frame.version: 2"),
        (b"\1\4\x20\0" + bytes(28), "frame.track: 4"),
        (b"\1\0\x40\0" + bytes(28), "frame.header: 64"),
        (b"\1\0\x20\0" + bytes(28), "frame.chunk: 0"),
    ],
)
def test_a_binary_frame_that_is_none(wire: bytes, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        parse_binary(wire, MZ)


@given(st.binary(max_size=80))
def test_no_binary_frame_raises_anything_else(wire: bytes) -> None:
    with suppress(InvalidInput):
        parse_binary(wire, MZ)
