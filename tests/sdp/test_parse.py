"""Reading descriptions: peers' shapes, sloppiness, and what is refused with its line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridgetap.errors import InvalidSdp
from bridgetap.sdp import Attribute, Connection, Media, Origin, SessionDescription, parse

VECTORS = sorted((Path(__file__).parents[1] / "vectors" / "sdp").glob("*.sdp"))


def wire(path: Path) -> bytes:
    return path.read_bytes().replace(b"\n", b"\r\n")


def read_or_refused(body: bytes) -> bool:
    """Anything but a description and a 400 is an exception of another kind, or False."""
    try:
        return parse(body).version == "0"
    except InvalidSdp as error:
        return (error.status, error.code) == (400, 32102)


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_every_field_of_a_peer_is_kept(path: Path) -> None:
    parsed = parse(wire(path))
    assert sorted(bytes(parsed).splitlines()) == sorted(wire(path).splitlines())
    assert parse(bytes(parsed)) == parsed


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_a_body_cut_anywhere_is_read_or_refused(path: Path) -> None:
    whole = wire(path)
    for length in range(len(whole)):
        assert read_or_refused(whole[:length])


def test_the_parts_of_a_line_are_where_they_belong() -> None:
    session = parse(wire(next(path for path in VECTORS if path.stem == "softphone-audio-video")))
    assert session.origin == Origin(
        user="alice", session_id="1205", version="2210", address_type="IP4", address="192.168.7.31"
    )
    assert session.connection == Connection(address_type="IP4", address="192.168.7.31")
    assert [media.kind for media in session.media] == ["video", "audio", "audio"]
    assert session.media[2].attribute("mid") == Attribute(name="mid", value="as")
    assert session.media[2].values("rtpmap") == [
        "98 opus/48000/2",
        "99 telephone-event/48000",
        "101 telephone-event/8000",
    ]
    assert session.media[2].attribute("rtcp-mux") == Attribute(name="rtcp-mux")


MINIMAL = b"v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\n"


@pytest.mark.parametrize(
    "sloppy",
    [
        MINIMAL.replace(b"\r\n", b"\n"),
        MINIMAL.replace(b"\r\n", b"\r"),
        MINIMAL.rstrip(),
        MINIMAL + b"\r\n\r\n\0\0",
        MINIMAL.replace(b"RTP/AVP 0", b"RTP/AVP   0  "),
        MINIMAL.replace(b"m=audio", b"m=AUDIO"),
        MINIMAL.replace(b"\r\nc=", b"\r\n\r\nc="),
    ],
)
def test_sloppy_bodies_mean_the_same(sloppy: bytes) -> None:
    assert parse(sloppy) == parse(MINIMAL)


def test_bytes_that_are_no_utf8_go_back_as_they_came() -> None:
    body = MINIMAL.replace(b"c=IN", b"s=caf\xe9\r\nc=IN")
    assert bytes(parse(body)) == body


@pytest.mark.parametrize(
    ("body", "place", "rule"),
    [
        (b"", "sdp line 1", "v=0"),
        (b"hello", "sdp line 1", "v=0"),
        (b"v=1\r\n", "sdp line 1", "version"),
        (b"v=0\r\nnonsense\r\n", "sdp line 2", "a letter"),
        (b"v=0\r\no=- 1 IN IP4\r\n", "sdp line 2", "six fields"),
        (b"v=0\r\nc=IN IP4\r\n", "sdp line 2", "IN IP4 192.0.2.1"),
        (b"v=0\r\nm=audio 4000\r\n", "sdp line 2", "a kind, a port"),
        (b"v=0\r\nm=audio 70000 RTP/AVP 0\r\n", "sdp line 2", "0 to 65535"),
        (b"v=0\r\nm=audio -1 RTP/AVP 0\r\n", "sdp line 2", "0 to 65535"),
        (b"v=0\r\n" + b"m=audio 4000 RTP/AVP 0\r\n" * 33, "sdp line 34", "at most 32"),
        (b"v=0\r\n" + b"a=x\r\n" * 2000, "sdp", "lines"),
        (b"v=0\r\na=" + b"x" * 65_536, "sdp", "bytes"),
    ],
)
def test_what_has_no_meaning_is_refused_with_its_line(body: bytes, place: str, rule: str) -> None:
    with pytest.raises(InvalidSdp) as caught:
        parse(body)
    assert caught.value.place == place
    assert rule in caught.value.rule
    assert caught.value.status == 400


token = st.text(
    alphabet=st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=":="), min_size=1, max_size=12
)
text = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=255), min_size=1, max_size=20)
digits = st.integers(0, 10**12).map(str)
address = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))
connection = address.map(Connection.of)
attribute = st.builds(Attribute, name=token, value=st.none() | text.filter(lambda t: t == t.strip()))
attributes = st.lists(attribute, max_size=4).map(tuple)
media = st.builds(
    Media,
    kind=st.sampled_from(["audio", "video", "image"]),
    port=st.integers(0, 65535),
    port_count=st.none() | st.integers(1, 9),
    protocol=st.sampled_from(["RTP/AVP", "RTP/SAVP", "UDPTL"]),
    formats=st.lists(digits, max_size=5).map(tuple),
    info=st.none() | token,
    connections=st.lists(connection, max_size=2).map(tuple),
    bandwidths=st.lists(token, max_size=2).map(tuple),
    key=st.none() | token,
    attributes=attributes,
    others=st.lists(token.map(lambda t: f"x={t}"), max_size=2).map(tuple),
)
session = st.builds(
    SessionDescription,
    origin=st.none()
    | st.builds(Origin, user=token, session_id=digits, version=digits, address_type=st.just("IP4"), address=token),
    name=st.none() | token,
    info=st.none() | token,
    uri=st.none() | token,
    emails=st.lists(token, max_size=2).map(tuple),
    phones=st.lists(token, max_size=2).map(tuple),
    connection=st.none() | connection,
    bandwidths=st.lists(token, max_size=2).map(tuple),
    times=st.sampled_from([(), ("t=0 0",), ("t=1 2", "r=1d 1h 0", "t=3 4")]),
    key=st.none() | token,
    attributes=attributes,
    others=st.lists(token.map(lambda t: f"x={t}"), max_size=2).map(tuple),
    media=st.lists(media, max_size=4).map(tuple),
)


@given(session)
def test_parse_undoes_str(description: SessionDescription) -> None:
    assert parse(bytes(description)) == description


@given(st.binary(max_size=400))
def test_no_bytes_can_do_harm(body: bytes) -> None:
    for candidate in (body, b"v=0\r\n" + body, MINIMAL + body):
        assert read_or_refused(candidate)
