"""Our offer, their answer; and any two of us."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridgetap.errors import InvalidSdp
from bridgetap.sdp import AgreedMedia, Codec, Direction, SessionDescription, ip_version, parse

from .peers import VECTORS, body, leg, offer


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
