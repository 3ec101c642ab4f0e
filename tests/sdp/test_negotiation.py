"""Offer and answer: what each peer's offer gets, what hold, re-offers and late offers do."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridgetap.errors import InvalidSdp
from bridgetap.sdp import (
    AgreedMedia,
    Answer,
    Codec,
    Direction,
    Negotiation,
    Policy,
    SessionDescription,
    ip_version,
    parse,
)

VECTORS = Path(__file__).parents[1] / "vectors" / "sdp"


def body(name: str) -> bytes:
    return (VECTORS / f"{name}.sdp").read_bytes().replace(b"\n", b"\r\n")


def leg(*codecs: Codec, address: str = "192.0.2.1", port: int = 20000, telephone_event: bool = True) -> Negotiation:
    policy = Policy(codecs=codecs or ("PCMU", "PCMA", "G722"), telephone_event=telephone_event)
    return Negotiation(address=address, port=port, session_id=42, policy=policy)


def offer(*lines: str) -> bytes:
    head = ("v=0", "o=- 1 1 IN IP4 198.51.100.9", "s=-", "c=IN IP4 198.51.100.9", "t=0 0")
    return "".join(f"{line}\r\n" for line in (*head, *lines)).encode()


def audio(answer: Answer) -> list[str]:
    """The lines of the one media line that is on."""
    return next(media.lines() for media in parse(answer.body).media if media.port)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "asterisk-offer",
            AgreedMedia(
                remote="198.51.100.20:12886",
                codec="PCMU",
                payload_type=0,
                receive=((0, "PCMU"),),
                telephone_event=101,
                receive_telephone_event=101,
            ),
        ),
        (
            "freeswitch-offer",
            AgreedMedia(
                remote="203.0.113.9:27290",
                codec="PCMU",
                payload_type=0,
                receive=((0, "PCMU"),),
                telephone_event=101,  # not 103: that one is for 48 kHz
                receive_telephone_event=101,
            ),
        ),
        (
            "kamailio-rtpengine-offer",
            AgreedMedia(
                remote="192.0.2.44:30148",
                codec="PCMU",
                payload_type=0,
                receive=((0, "PCMU"),),
                telephone_event=96,
                receive_telephone_event=96,
            ),
        ),
        (
            "softphone-audio-video",
            AgreedMedia(
                remote="192.168.7.31:7080",
                codec="PCMA",
                payload_type=8,
                receive=((8, "PCMA"),),
                telephone_event=101,
                receive_telephone_event=101,
            ),
        ),
        (
            "sipp-offer",
            AgreedMedia(
                remote="127.0.0.1:6000", codec="PCMU", payload_type=0, receive=((0, "PCMU"),), inband_dtmf=True
            ),
        ),
        (
            "old-phone-static",
            AgreedMedia(
                remote="192.0.2.60:5004",
                codec="PCMU",
                payload_type=0,
                receive=((0, "PCMU"),),
                ptime_ms=30,
                inband_dtmf=True,
            ),
        ),
    ],
)
def test_each_peers_offer_is_agreed(name: str, expected: AgreedMedia) -> None:
    assert leg().answer(body(name)).media == expected


def test_an_ipv6_phone_is_answered_from_ipv6() -> None:
    answer = leg(address="2001:db8::1").answer(body("baresip-offer"))
    assert answer.media.remote == "[2001:db8::17]:10042"
    assert answer.media.telephone_event == 97
    session = parse(answer.body)
    assert str(session.connection) == "IN IP6 2001:db8::1"
    assert session.media[0].attribute("rtcp-mux") is None  # declined by silence (RFC 5761 §5.1.1)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("cisco-srtp-only", "encrypted media"),
        ("gateway-g729-only", "must hold one of G722, PCMA, PCMU"),
        ("fax-t38", "must offer audio"),
        ("baresip-offer", "IPv4"),
    ],
)
def test_an_offer_without_usable_audio_gets_488(name: str, rule: str) -> None:
    with pytest.raises(InvalidSdp) as caught:
        leg().answer(body(name))
    assert caught.value.status == 488
    assert rule in caught.value.rule


@pytest.mark.parametrize(
    ("lines", "rule"),
    [
        ((), "must offer audio"),
        (("m=audio 0 RTP/AVP 0",), "switched off"),
        (("m=audio 4000 RTP/AVP 0", "a=rtcp-mux-only"), "RTCP on the port of RTP"),
        (("m=audio 4000 RTP/AVP 0", "c=IN IP4 pbx.example"), "must be an IP address"),
        (("m=audio 4000 RTP/AVP 0", "c=IN IP4 224.2.1.1/127"), "multicast"),
        (("m=audio 4000 UDP/TLS/RTP/SAVPF 0",), "encrypted media"),
        (("m=audio 4000 RTP/AVP",), "must hold one of"),
        (("m=audio 4000 RTP/AVP 0 x", "a=rtpmap:0 G729/8000"), "must hold one of"),
        (("m=audio 4000 RTP/AVP 96", "a=rtpmap:96 PCMU/16000"), "must hold one of"),
        (("m=audio 4000 RTP/AVP 96", "a=rtpmap:96 PCMU/8000/2"), "must hold one of"),
        (("m=audio 4000 RTP/AVP 101", "a=rtpmap:101 telephone-event/8000"), "must hold one of"),
    ],
)
def test_why_an_offer_is_not_acceptable_is_said(lines: tuple[str, ...], rule: str) -> None:
    with pytest.raises(InvalidSdp) as caught:
        leg().answer(offer(*lines))
    assert caught.value.status == 488
    assert rule in caught.value.rule


def test_no_address_at_all_gets_488() -> None:
    with pytest.raises(InvalidSdp, match="no c= line") as caught:
        leg().answer(b"v=0\r\nm=audio 4000 RTP/AVP 0\r\n")
    assert caught.value.status == 488


def test_the_whole_answer() -> None:
    answer = leg("PCMA", "PCMU", port=30000).answer(body("asterisk-offer"))
    assert answer.body.decode().split("\r\n") == [
        "v=0",
        "o=bridgetap 42 1 IN IP4 192.0.2.1",
        "s=Bridgetap",
        "c=IN IP4 192.0.2.1",
        "t=0 0",
        "m=audio 30000 RTP/AVP 8 101",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=ptime:20",
        "a=sendrecv",
        "",
    ]


def test_a_protocol_in_small_letters_goes_back_as_it_came() -> None:
    assert audio(leg().answer(offer("m=audio 4000 rtp/avp 0")))[0] == "m=audio 20000 rtp/avp 0"


def test_the_trunks_preference_decides() -> None:
    assert leg("G722", "PCMU").answer(body("asterisk-offer")).media.codec == "G722"
    assert leg("PCMA").answer(body("asterisk-offer")).media.codec == "PCMA"


def test_without_telephone_event_keys_are_heard_in_the_audio() -> None:
    answer = leg(telephone_event=False).answer(body("asterisk-offer"))
    assert answer.media.telephone_event is None
    assert answer.media.inband_dtmf
    assert b"telephone-event" not in answer.body


def test_other_lines_are_answered_with_port_0_in_their_place() -> None:
    session = parse(leg().answer(body("softphone-audio-video")).body)
    assert [(media.kind, media.port, media.protocol) for media in session.media] == [
        ("video", 0, "RTP/AVP"),
        ("audio", 0, "RTP/SAVPF"),
        ("audio", 20000, "RTP/AVP"),
    ]
    assert [media.values("mid") for media in session.media] == [["vs"], ["ss"], ["as"]]
    assert session.attribute("group") is None


@pytest.mark.parametrize(
    ("theirs", "ours", "agreed"),
    [
        ("sendrecv", "sendrecv", "sendrecv"),
        ("sendonly", "sendrecv", "recvonly"),
        ("recvonly", "sendrecv", "sendonly"),
        ("inactive", "sendrecv", "inactive"),
        ("sendrecv", "sendonly", "sendonly"),
        ("sendrecv", "inactive", "inactive"),
        ("sendonly", "sendonly", "inactive"),
    ],
)
@pytest.mark.parametrize("level", ["media", "session"])
def test_directions(theirs: Direction, ours: Direction, agreed: Direction, level: str) -> None:
    lines = ["m=audio 4000 RTP/AVP 0", f"a={theirs}"]
    answer = leg().answer(offer(*(lines if level == "media" else reversed(lines))), direction=ours)
    assert answer.media.direction == agreed
    assert audio(answer)[-1] == f"a={agreed}"


def test_hold_and_resume_keep_the_address() -> None:
    call = leg()
    before = call.answer(offer("m=audio 4000 RTP/AVP 0")).media
    held = call.answer(offer("m=audio 4000 RTP/AVP 0", "c=IN IP4 0.0.0.0"))
    assert held.media == replace(before, direction="recvonly")
    assert audio(held)[-1] == "a=recvonly"
    assert call.answer(body("cisco-hold")).media.direction == "inactive"
    assert call.answer(offer("m=audio 4000 RTP/AVP 0")).media == before


def test_an_old_hold_of_an_ipv6_leg() -> None:
    call = leg(address="2001:db8::1")
    before = call.answer(body("baresip-offer")).media
    held = call.answer(body("baresip-offer").replace(b"c=IN IP6 2001:db8::17", b"c=IN IP4 0.0.0.0"))
    assert held.media == replace(before, direction="recvonly")


def test_a_hold_by_sendonly_names_the_new_address() -> None:
    call = leg()
    call.answer(offer("m=audio 4000 RTP/AVP 0"))
    held = call.answer(offer("m=audio 5000 RTP/AVP 0", "a=sendonly"))
    assert (held.media.remote, held.media.direction) == ("198.51.100.9:5000", "recvonly")


@pytest.mark.parametrize(
    ("lines", "rtcp"),
    [
        (["m=audio 4000 RTP/AVP 0", "a=rtcp:4001"], ""),
        (["m=audio 4000 RTP/AVP 0", "a=rtcp:53020"], "198.51.100.9:53020"),
        (["m=audio 4000 RTP/AVP 0", "a=rtcp:53020 IN IP4 203.0.113.4"], "203.0.113.4:53020"),
        (["m=audio 4000 RTP/AVP 0", "a=rtcp:nonsense"], ""),
        (["m=audio 4000 RTP/AVP 0", "a=rtcp:53020 IN IP4 nonsense"], ""),
        (["m=audio 4000 RTP/AVP 0", "a=rtcp:99999"], ""),
    ],
)
def test_rtcp_may_go_elsewhere(lines: list[str], rtcp: str) -> None:
    assert leg().answer(offer(*lines)).media.remote_rtcp == rtcp


@pytest.mark.parametrize(
    ("attributes", "ptime"),
    [
        ([], 20),
        (["a=ptime:30"], 30),
        (["a=ptime:60"], 60),
        (["a=ptime:25"], 20),
        (["a=ptime:200"], 20),
        (["a=ptime:20.0"], 20),
        (["a=ptime:x"], 20),
        (["a=maxptime:10"], 10),
        (["a=ptime:40", "a=maxptime:30"], 20),
    ],
)
def test_packets_are_as_long_as_the_peer_wants(attributes: list[str], ptime: int) -> None:
    assert leg().answer(offer("m=audio 4000 RTP/AVP 0", *attributes)).media.ptime_ms == ptime


def test_a_changed_codec_and_address_are_agreed_anew() -> None:
    call = leg()
    call.answer(body("asterisk-offer"))
    media = call.answer(offer("m=audio 7000 RTP/AVP 8")).media
    assert (media.remote, media.codec, media.telephone_event) == ("198.51.100.9:7000", "PCMA", None)


def version(sdp: bytes) -> str:
    origin = parse(sdp).origin
    assert origin is not None
    return origin.version


def test_the_version_rises_only_with_a_change() -> None:
    call = leg()
    first = call.answer(body("asterisk-offer"))
    again = call.answer(body("asterisk-offer"))
    held = call.answer(body("asterisk-offer").replace(b"sendrecv", b"sendonly"))
    assert again.body == first.body
    assert [version(first.body), version(held.body), version(call.offer())] == ["1", "2", "3"]


def test_a_refused_re_offer_changes_nothing() -> None:
    call = leg()
    before = call.answer(body("asterisk-offer")).media
    with pytest.raises(InvalidSdp):
        call.answer(body("gateway-g729-only"))
    with pytest.raises(InvalidSdp):
        call.answer(b"v=0\r\nnonsense")
    assert call.media == before
    assert call.answer(body("asterisk-offer")).body.count(b"o=bridgetap 42 1 ") == 1


def test_our_offer_and_its_answer() -> None:
    call = leg("PCMA", "PCMU")
    session = parse(call.offer())
    assert session.media[0].lines() == [
        "m=audio 20000 RTP/AVP 8 0 101",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=ptime:20",
        "a=sendrecv",
    ]
    media = call.accept(offer("m=audio 4000 RTP/AVP 0 97", "a=rtpmap:97 telephone-event/8000"))
    assert media == AgreedMedia(
        remote="198.51.100.9:4000",
        codec="PCMU",
        payload_type=0,
        receive=((8, "PCMA"), (0, "PCMU")),
        telephone_event=97,  # what they take; what they send us has the number we offered
        receive_telephone_event=101,
    )


def test_early_media_may_be_answered_again_from_elsewhere() -> None:
    call = leg()
    call.offer()
    assert call.accept(offer("m=audio 4000 RTP/AVP 0")).remote == "198.51.100.9:4000"
    assert call.accept(offer("m=audio 6000 RTP/AVP 8")).remote == "198.51.100.9:6000"


@pytest.mark.parametrize(
    "lines", [("m=audio 0 RTP/AVP 0",), ("m=audio 4000 RTP/AVP 18",), (), ("m=audio 4000 RTP/SAVP 0",)]
)
def test_an_answer_that_refuses_all_is_an_error(lines: tuple[str, ...]) -> None:
    call = leg()
    call.offer()
    with pytest.raises(InvalidSdp) as caught:
        call.accept(offer(*lines))
    assert caught.value.status == 488
    assert call.media is None


def test_an_answer_to_nothing_is_an_error() -> None:
    call = leg()
    with pytest.raises(InvalidSdp, match="no offer of ours"):
        call.accept(body("sipp-offer"))
    call.answer(body("sipp-offer"))
    with pytest.raises(InvalidSdp, match="no offer of ours"):
        call.accept(body("sipp-offer"))
    call.offer()
    call.abandon_offer()
    with pytest.raises(InvalidSdp, match="no offer of ours"):
        call.accept(body("sipp-offer"))


def test_a_re_offer_keeps_lines_numbers_and_names() -> None:
    call = leg()
    call.answer(body("softphone-audio-video").replace(b"101", b"110"))
    session = parse(call.offer(direction="sendonly"))
    assert [(media.kind, media.port) for media in session.media] == [("video", 0), ("audio", 0), ("audio", 20000)]
    assert session.media[2].formats == ("0", "8", "9", "110")
    assert session.media[2].values("mid") == ["as"]
    assert session.media[2].lines()[-1] == "a=sendonly"


def test_a_number_the_peer_uses_otherwise_is_not_reused() -> None:
    call = leg()
    call.answer(offer("m=audio 4000 RTP/AVP 0 101 96", "a=rtpmap:101 opus/48000/2", "a=rtpmap:96 iLBC/8000"))
    assert parse(call.offer()).media[0].formats == ("0", "8", "9", "97")


def test_two_of_us_agree() -> None:
    alice, bob = leg("PCMU", "PCMA"), leg("PCMA", "G722", address="192.0.2.2", port=21000)
    answer = bob.answer(alice.offer(direction="sendonly"))
    media = alice.accept(answer.body)
    assert (media.codec, answer.media.codec) == ("PCMA", "PCMA")
    assert (media.remote, answer.media.remote) == ("192.0.2.2:21000", "192.0.2.1:20000")
    assert (media.direction, answer.media.direction) == ("sendonly", "recvonly")


@pytest.mark.parametrize(
    ("sdp", "expected"), [(body("baresip-offer"), 6), (body("sipp-offer"), 4), (body("fax-t38"), None)]
)
def test_which_address_family_the_peer_speaks(sdp: bytes, expected: int | None) -> None:
    assert ip_version(parse(sdp)) == expected


codecs = st.permutations(["PCMU", "PCMA", "G722"]).flatmap(
    lambda order: st.integers(1, 3).map(lambda count: tuple(order[:count]))
)
directions = st.sampled_from(["sendrecv", "sendonly", "recvonly", "inactive"])


@given(codecs, codecs, st.booleans(), st.booleans(), directions, directions)
def test_any_two_policies_agree_or_say_why(
    ours: tuple[Codec, ...],
    theirs: tuple[Codec, ...],
    our_events: bool,
    their_events: bool,
    our_direction: Direction,
    their_direction: Direction,
) -> None:
    alice = leg(*ours, telephone_event=our_events)
    bob = leg(*theirs, address="192.0.2.2", telephone_event=their_events)
    invite = alice.offer(direction=our_direction)
    if not set(ours) & set(theirs):
        with pytest.raises(InvalidSdp):
            bob.answer(invite)
        return
    answer = bob.answer(invite, direction=their_direction)
    media = alice.accept(answer.body)
    assert media.codec == answer.media.codec == next(codec for codec in theirs if codec in ours)
    assert (media.telephone_event is not None) == (our_events and their_events)
    mirrored = {"sendonly": "recvonly", "recvonly": "sendonly"}
    assert media.direction == mirrored.get(answer.media.direction, answer.media.direction)
    assert (answer.media.payload_type, answer.media.codec) in media.receive
    assert (media.payload_type, media.codec) in answer.media.receive


def test_every_answer_can_be_read_back() -> None:
    for path in sorted(VECTORS.glob("*.sdp")):
        raw = path.read_bytes()
        call = leg(address="2001:db8::1" if ip_version(parse(raw)) == 6 else "192.0.2.1")
        try:
            answer = call.answer(raw)
        except InvalidSdp:
            continue
        parsed = parse(answer.body)
        assert isinstance(parsed, SessionDescription)
        assert bytes(parsed) == answer.body
        assert len(parsed.media) == len(parse(raw).media)
