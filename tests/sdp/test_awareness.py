"""What is said of recording in a description, and what a peer wishes (RFC 7866 §7.1.2, §7.1.3; checklist 67)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridgetap.errors import InvalidSdp
from bridgetap.sdp import RecordState, RecordWish, parse, record_wish

from .peers import audio, leg, offer

AUDIO = ("m=audio 4000 RTP/AVP 0",)
STATES: tuple[RecordState | None, ...] = (None, "on", "paused", "off")


def said(body: bytes) -> list[str]:
    """Every word of recording, with the level it stands at."""
    session = parse(body)
    whole = [f"session {a.value}" for a in session.attributes if a.name.startswith("record")]
    return whole + [f"line {m.port and a.value}" for m in session.media for a in m.attributes if a.name == "record"]


def version(body: bytes) -> int:
    origin = parse(body).origin
    assert origin is not None
    return int(origin.version)


@pytest.mark.parametrize("state", STATES)
def test_an_offer_and_an_answer_say_it_on_the_audio_line_and_nowhere_else(state: RecordState | None) -> None:
    expected = [f"line {state}"] if state is not None else []
    assert said(leg().offer(record=state)) == expected
    video = "m=video 4002 RTP/AVP 96"
    answer = leg().answer(offer(*AUDIO, video), record=state)
    assert said(answer.body) == expected
    assert audio(answer)[-1] == (f"a=record:{state}" if state is not None else "a=sendrecv")


def test_each_change_is_a_new_version_and_a_repetition_is_none() -> None:
    one = leg()
    bodies = [one.offer(record=state) for state in (None, "on", "on", "paused", "on", "off")]
    assert [version(body) for body in bodies] == [1, 2, 2, 3, 4, 5]
    assert said(bodies[-1]) == ["line off"]


def test_it_changes_nothing_else_of_what_is_agreed() -> None:
    plain, told = leg(), leg()
    assert plain.answer(offer(*AUDIO)).media == told.answer(offer(*AUDIO), record="on").media
    plain.offer()
    told.offer(record="paused")
    assert plain.accept(offer(*AUDIO)) == told.accept(offer(*AUDIO))


def test_an_offer_that_meets_theirs_can_still_be_answered_later() -> None:
    """Both re-INVITE, both hear 491; theirs comes again first, then ours."""
    one = leg()
    one.offer()
    one.accept(offer(*AUDIO))
    one.offer(record="on")
    answer = one.answer(offer(*AUDIO, "a=sendonly"), record="on")
    assert answer.media.direction == "recvonly"
    agreed = one.accept(offer(*AUDIO, "a=sendonly"))
    assert agreed.direction == "recvonly"
    one.abandon_offer()
    with pytest.raises(InvalidSdp, match="no offer of ours"):
        one.accept(offer(*AUDIO))


@pytest.mark.parametrize(
    ("lines", "wish"),
    [
        ((*AUDIO,), None),
        ((*AUDIO, "a=recordpref:off"), "off"),
        ((*AUDIO, "a=recordpref:pause"), "pause"),
        (("a=recordpref:on", *AUDIO), "on"),
        (("a=recordpref:on", *AUDIO, "a=recordpref:nopreference"), "nopreference"),
        ((*AUDIO, "m=video 4002 RTP/AVP 96", "a=recordpref:off"), None),
        (("m=audio 0 RTP/AVP 0", "a=recordpref:off", *AUDIO, "a=recordpref:on"), "on"),
        ((*AUDIO, "a=recordpref: OFF "), "off"),
        ((*AUDIO, "a=recordpref"), None),
        ((*AUDIO, "a=recordpref:perhaps"), None),
        (("a=recordpref:on", *AUDIO, "a=recordpref:perhaps"), "on"),
        ((*AUDIO, "a=record:on"), None),
    ],
)
def test_a_wish_is_read_where_it_stands(lines: tuple[str, ...], wish: RecordWish | None) -> None:
    assert record_wish(parse(offer(*lines))) == wish


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40))
def test_whatever_a_peer_writes_there_is_a_wish_or_none(text: str) -> None:
    wish = record_wish(parse(offer(*AUDIO, f"a=recordpref:{text}")))
    assert wish in (None, "on", "off", "pause", "nopreference")
