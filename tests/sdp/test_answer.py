"""Their offer, our answer: what each peer gets, what hold and re-offers do."""

from dataclasses import replace

import pytest

from bridgetap.errors import InvalidSdp
from bridgetap.sdp import (
    AgreedMedia,
    Direction,
    parse,
)

from .peers import audio, body, leg, offer


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
    """25: of the recording client's checklist (docs/siprec.md): there is no encrypted call."""
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
