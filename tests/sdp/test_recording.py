"""The description of a recording session (checklist 16 to 24, 26, 50, 51, 54)."""

import re
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridgetap.errors import InvalidSdp
from bridgetap.sdp import RecordingLine, RecordingNegotiation, parse

KEY, OTHER, THEIRS = b"A" * 30, b"B" * 30, b"C" * 30
LINES = (RecordingLine(label="1", port=40000), RecordingLine(label="2", port=40002))
SECURE = (RecordingLine(label="1", port=40000, key=KEY), RecordingLine(label="2", port=40002, key=OTHER))


def session(lines: tuple[RecordingLine, ...] = LINES) -> RecordingNegotiation:
    return RecordingNegotiation(address="192.0.2.10", session_id=7, lines=lines)


def theirs(*lines: str, head: str = "c=IN IP4 198.51.100.5\r\n") -> bytes:
    return ("v=0\r\no=- 1 1 IN IP4 198.51.100.5\r\ns=-\r\n" + head + "t=0 0\r\n" + "".join(lines)).encode()


def line(port: int, direction: str = "recvonly", formats: str = "0", protocol: str = "RTP/AVP", more: str = "") -> str:
    return f"m=audio {port} {protocol} {formats}\r\n{more}a={direction}\r\n"


def version_of(body: bytes) -> int:
    origin = parse(body).origin
    assert origin is not None
    return int(origin.version)


def test_an_offer_has_a_labelled_sendonly_line_for_each_track() -> None:
    """16, 17, 19, 26."""
    offer = parse(session().offer())
    assert [media.port for media in offer.media] == [40000, 40002]
    assert [media.values("label") for media in offer.media] == [["1"], ["2"]]
    assert [media.values("rtcp") for media in offer.media] == [["40001"], ["40003"]]
    assert [media.formats for media in offer.media] == [("0", "8"), ("0", "8")]
    assert all(media.attribute("sendonly") for media in offer.media)
    assert not offer.attributes
    assert not re.search(b"telephone-event|rtcp-mux", session().offer())


def test_an_answer_says_where_each_track_goes() -> None:
    ours = session()
    ours.offer()
    sinks = ours.accept(theirs(line(5000), line(5002, formats="8 0", more="a=rtcp:6000\r\n")))
    assert [(s.remote, s.remote_rtcp, s.codec, s.flows) for s in sinks if s] == [
        ("198.51.100.5:5000", "", "PCMU", True),
        ("198.51.100.5:5002", "198.51.100.5:6000", "PCMA", True),
    ]


@pytest.mark.parametrize(
    ("lines", "flows"),
    [
        ((line(5000), line(5002)), [True, True]),
        ((line(5000, "inactive"), line(5002)), [False, True]),
        ((line(0), line(5002)), [None, True]),
        ((line(5000),), [True, None]),
        ((line(5000, "sendrecv"), line(5002, "sendonly")), [True, False]),
        ((line(5000), line(5002, formats="18")), [True, None]),
        (("a=recvonly\r\nm=audio 5000 RTP/AVP 0\r\n", "m=audio 5002 RTP/AVP 0\r\n"), [True, True]),
    ],
)
def test_lines_are_matched_by_place_and_what_is_missing_is_refused(
    lines: tuple[str, ...], flows: list[bool | None]
) -> None:
    """50."""
    ours = session()
    ours.offer()
    assert [sink.flows if sink else None for sink in ours.accept(theirs(*lines))] == flows


@pytest.mark.parametrize("lines", [(), (line(0), line(0)), ("m=video 5000 RTP/AVP 31\r\n",)])
def test_an_answer_that_takes_nothing_is_a_refusal(lines: tuple[str, ...]) -> None:
    ours = session()
    ours.offer()
    with pytest.raises(InvalidSdp, match="takes no track"):
        ours.accept(theirs(*lines))


def test_a_pause_is_inactive_everywhere_and_the_version_goes_up_by_one() -> None:
    """19, 22."""
    ours = session()
    first = ours.offer()
    assert ours.offer() == first
    paused = ours.offer({"1": "inactive", "2": "inactive"})
    assert version_of(paused) == version_of(first) + 1
    assert all(media.attribute("inactive") for media in parse(paused).media)
    assert [sink.flows for sink in ours.accept(theirs(line(5000), line(5002))) if sink] == [False, False]
    assert version_of(ours.offer()) == version_of(first) + 2


def test_the_recorder_pauses_and_resumes_at_another_port() -> None:
    ours = session()
    ours.offer()
    ours.accept(theirs(line(5000), line(5002)))
    paused = ours.answer(theirs(line(5000, "inactive"), line(5002, "inactive")))
    assert [sink.flows for sink in paused.sinks if sink] == [False, False]
    assert all(media.attribute("inactive") for media in parse(paused.body).media)
    resumed = ours.answer(theirs(line(7000), line(5002)))
    assert [(sink.remote, sink.flows) for sink in resumed.sinks if sink] == [
        ("198.51.100.5:7000", True),
        ("198.51.100.5:5002", True),
    ]
    assert [media.values("label") for media in parse(resumed.body).media] == [["1"], ["2"]]


def test_a_line_the_recorder_switches_off_keeps_its_place_and_an_added_one_is_refused() -> None:
    """23, 54."""
    ours = session()
    ours.offer()
    ours.accept(theirs(line(5000), line(5002)))
    answer = ours.answer(theirs(line(0), line(5002), line(5004)))
    assert [media.port for media in parse(answer.body).media] == [0, 40002, 0]
    assert answer.sinks[0] is None
    assert [media.port for media in parse(ours.offer()).media] == [0, 40002]


def test_an_offer_of_theirs_with_fewer_lines_is_refused() -> None:
    ours = session()
    ours.offer()
    with pytest.raises(InvalidSdp, match="all 2 lines"):
        ours.answer(theirs(line(5000)))


def test_encrypted_lines_have_their_own_keys_and_want_one_back() -> None:
    """24."""
    ours = session(SECURE)
    offer = parse(ours.offer())
    assert [media.protocol for media in offer.media] == ["RTP/SAVP", "RTP/SAVP"]
    assert [media.values("crypto") for media in offer.media] == [
        [f"1 AES_CM_128_HMAC_SHA1_80 inline:{b64encode(key).decode()}"] for key in (KEY, OTHER)
    ]
    crypto = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{b64encode(THEIRS).decode()}|2^31\r\n"
    sinks = ours.accept(theirs(line(5000, protocol="RTP/SAVP", more=crypto), line(5002, protocol="RTP/SAVP")))
    assert sinks[0] is not None
    assert (sinks[0].key, sinks[1]) == (THEIRS, None)
    assert repr(THEIRS) not in repr(sinks)
    assert repr(KEY) not in repr(SECURE)


def test_an_answer_names_the_key_of_the_offer_it_takes() -> None:
    ours = session(SECURE)
    ours.offer()
    shown = b64encode(THEIRS).decode()
    unknown = f"a=crypto:4 AEAD_AES_256_GCM inline:{shown}\r\n"
    known = f"a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:{shown}\r\n"
    offered = line(5000, protocol="RTP/SAVP", more=unknown + known)
    answer = ours.answer(theirs(offered, line(0, protocol="RTP/SAVP")))
    first = parse(answer.body).media[0]
    assert first.values("crypto") == [f"7 AES_CM_128_HMAC_SHA1_80 inline:{b64encode(KEY).decode()}"]
    assert answer.sinks[0] is not None
    assert answer.sinks[0].key == THEIRS


@pytest.mark.parametrize(
    "crypto",
    [
        "1 AES_CM_128_HMAC_SHA1_32 inline:{key}",
        "1 AES_CM_128_HMAC_SHA1_80 inline:{key}|2^20|1:4",  # a master key identifier
        "1 AES_CM_128_HMAC_SHA1_80 inline:{key} UNENCRYPTED_SRTP",
        "1 AES_CM_128_HMAC_SHA1_80 inline:{key} KDR=2",
        "1 AES_CM_128_HMAC_SHA1_80 inline:{key};inline:{key}",  # two keys
        "1 AES_CM_128_HMAC_SHA1_80 inline:AAAA",
        "x",
    ],
)
def test_a_key_that_we_cannot_use_is_no_key(crypto: str) -> None:
    ours = session(SECURE)
    ours.offer()
    more = "a=crypto:" + crypto.format(key=b64encode(THEIRS).decode()) + "\r\n"
    with pytest.raises(InvalidSdp, match="must have a key for AES_CM_128_HMAC_SHA1_80"):
        ours.accept(theirs(line(5000, protocol="RTP/SAVP", more=more)))


def test_an_unencrypted_answer_to_an_encrypted_offer_is_refused() -> None:
    ours = session(SECURE)
    ours.offer()
    with pytest.raises(InvalidSdp, match="RTP/SAVP"):
        ours.accept(theirs(line(5000), line(5002)))


def test_a_label_that_is_no_token_is_refused() -> None:
    """17."""
    with pytest.raises(InvalidSdp, match="token"):
        session((RecordingLine(label="a b", port=40000),))


@given(st.binary(max_size=400))
def test_any_answer_and_any_offer_is_read_or_refused(body: bytes) -> None:
    for take in (RecordingNegotiation.accept, RecordingNegotiation.answer):
        ours = session()
        ours.offer()
        try:
            take(ours, b"v=0\r\n" + body)
        except InvalidSdp:
            continue
