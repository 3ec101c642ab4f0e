"""Parties that cannot be told in SDP that they are recorded hear a tone, where the connector says so: each of them, as
long as a recorder takes the call and is not paused (RFC 7866 §6.1.2, §7.1.2; checklist 67)."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bridgetap.calls import TransferPolicy
from bridgetap.calls.indication import Indication
from bridgetap.siprec.session import GOODBYE_S

from . import test_recording_awareness as awareness
from .stage import connect, fork, sdp
from .test_recording_awareness import AWARE, SRS, START, STOP, Room

TONE = replace(SRS, tone=True)
CALLER, CALLEE, OTHER = "198.51.100.1:40000", "198.51.100.2:50000", "198.51.100.2:50002"


def beeped_at(room: Room) -> list[str]:
    """Where the phones are that hear it."""
    legs = room.fake.media.legs
    return sorted(leg.media.remote for leg in legs if leg.beeps and not leg.closed and leg.media is not None)


def play(folder: Path, scenario: Callable[[Room], Awaitable[None]], *states: dict[str, Any], **options: Any) -> None:
    awareness.play(folder, scenario, *states, **{"connectors": (TONE,)} | options)


def test_who_is_not_aware_is_told_by_it() -> None:
    one = Indication()
    one.change("on", tone=True)
    assert not one.sounds, "it was not asked yet"
    one.learn([("Supported", "timer")])
    assert (one.sounds, one.word) == (True, None)
    one.learn([("Supported", "record-aware")])
    assert (one.sounds, one.word) == (False, "on")
    other = Indication(state="on", tone=True)
    other.learn([])
    assert other.sounds
    other.change("paused", tone=False)
    assert not other.sounds


def test_another_tone_is_no_news_in_words() -> None:
    """Who refused to hear that it is recorded is not asked again because a second recorder wants a tone."""
    one = Indication(aware=True)
    one.change("on", tone=False)
    one.offered()
    assert one.answered(taken=False) == "on"
    one.change("on", tone=True)
    assert not one.is_due


def test_both_parties_hear_it_until_it_pauses_and_until_it_ends(tmp_path: Path) -> None:
    """67: from the moment a recorder has taken the call, silent while it is paused."""

    async def scenario(room: Room) -> None:
        await room.call()
        assert beeped_at(room) == [], "nothing is recorded yet"
        await room.acks(1)
        await room.take()
        assert beeped_at(room) == [CALLER]
        (callee,) = room.parties()
        await room.answers(callee)
        assert beeped_at(room) == [CALLER, CALLEE]
        await room.pauses(paused=True)
        assert beeped_at(room) == []
        await room.pauses(paused=False)
        assert beeped_at(room) == [CALLER, CALLEE]
        await room.hang_up(callee)
        await room.settle(GOODBYE_S)
        assert beeped_at(room) == [], "the flow stopped it and goes on"
        assert (room.words(1), room.words(callee)) == ([], [])

    play(tmp_path, scenario)


def test_who_is_aware_hears_none(tmp_path: Path) -> None:
    """67: in SDP or by tone, never both."""

    async def scenario(room: Room) -> None:
        await room.call(headers=AWARE)
        await room.acks(1)
        await room.take()
        await room.hears(1)
        (callee,) = room.parties()
        await room.ringing(callee, 183, sdp())
        await room.pauses(paused=True)
        await room.pauses(paused=False)
        await room.answers(callee, headers=AWARE)
        await room.hears(1)
        await room.hears(1)
        assert (room.words(1), room.words(callee)) == (["on", "paused", "on"], ["on"])
        assert room.fake.sent("beep") == []

    play(tmp_path, scenario)


def test_who_is_called_hears_it_once_its_answer_has_said_that_it_is_not_aware(tmp_path: Path) -> None:
    async def scenario(room: Room) -> None:
        await room.call(headers=AWARE)
        (callee,) = room.parties()
        await room.ringing(callee, 183, sdp())
        await room.take()
        assert beeped_at(room) == []
        await room.answers(callee)
        assert beeped_at(room) == [CALLEE]

    play(tmp_path, scenario)


def test_a_caller_hears_it_in_early_media(tmp_path: Path) -> None:
    async def scenario(room: Room) -> None:
        await room.call()
        await room.take()
        assert room.fake.sent("answer") == []
        assert beeped_at(room) == [CALLER]
        (callee,) = room.parties()
        await room.answers(callee)
        assert len([command for command in room.fake.sent("beep") if command.of == 1]) == 1, "no new first one"

    play(tmp_path, scenario, answer="on-bridge")


def test_a_caller_who_is_answered_while_it_is_recorded_already_hears_it_then(tmp_path: Path) -> None:
    """An INVITE without an offer only rings, `on-bridge`; where it hears us comes with the ACK."""

    async def scenario(room: Room) -> None:
        await room.call(body=b"", content_type="")
        await room.take()
        assert room.fake.sent("beep") == []
        (callee,) = room.parties()
        await room.answers(callee, headers=AWARE)
        await room.acks(1, sdp(port=50002))
        assert beeped_at(room) == [OTHER]

    play(tmp_path, scenario, answer="on-bridge")


def test_a_connector_without_it_gives_none(tmp_path: Path) -> None:
    async def scenario(room: Room) -> None:
        await room.call()
        await room.acks(1)
        await room.take()
        assert room.fake.sent("beep") == []

    play(tmp_path, scenario, connectors=(SRS,))


def test_who_says_later_that_it_is_aware_is_told_in_words_from_then_on(tmp_path: Path) -> None:
    async def scenario(room: Room) -> None:
        await room.call()
        await room.acks(1)
        await room.take()
        assert beeped_at(room) == [CALLER]
        answer = await room.reoffers(1, sdp(version=2), headers=AWARE)
        assert awareness.word(answer["body"]) == "on"
        assert beeped_at(room) == []

    play(tmp_path, scenario)


def test_who_comes_by_transfer_hears_it_and_who_goes_no_more(tmp_path: Path) -> None:
    async def scenario(room: Room) -> None:
        await room.call(headers=AWARE)
        await room.take()
        (callee,) = room.parties()
        await room.answers(callee)
        assert beeped_at(room) == [CALLEE]
        assert await room.refers(callee, "<sip:carol@203.0.113.7>") == 202
        *_, carol = room.parties()
        await room.answers(carol, sdp(port=50002))
        await room.notified(callee)
        await room.hang_up(callee)
        assert beeped_at(room) == [OTHER]
        await room.pauses(paused=True)
        assert beeped_at(room) == []

    everybody = TransferPolicy(by="everybody", to=("client", "number", "sip"))
    play(tmp_path, scenario, transfers=everybody)


def test_a_caller_who_transfers_leaves_it_to_who_takes_its_place(tmp_path: Path) -> None:
    """The place in the call is the same, and its RTP leg; the tone is the party's."""

    async def scenario(room: Room) -> None:
        await room.call()
        await room.acks(1)
        await room.take()
        (callee,) = room.parties()
        await room.answers(callee, headers=AWARE)
        assert beeped_at(room) == [CALLER]
        assert await room.refers(1, "<sip:carol@203.0.113.7>") == 202
        *_, carol = room.parties()
        await room.answers(carol, sdp(port=50002))
        assert OTHER in beeped_at(room)
        await room.notified(1)
        await room.hang_up(1)
        assert beeped_at(room) == [OTHER]
        await room.hang_up(callee)

    everybody = TransferPolicy(by="everybody", to=("client", "number", "sip"))
    play(tmp_path, scenario, transfers=everybody)


def test_it_is_of_the_recordings_that_want_it(tmp_path: Path) -> None:
    """Two record; the one that wants it begins later, and ends first by losing its recorder."""
    quiet = replace(SRS, name="quiet")
    first = {**START, "properties": START["properties"] | {"stream_connector": "quiet", "stream_name": "quiet"}}
    second = fork("two", then="five", stream_url="", stream_transport_type="siprec", stream_connector="srs")

    async def scenario(room: Room) -> None:
        await room.call()
        await room.acks(1)
        one, other = room.recorder(0), room.recorder(1)
        await room.answers(one, awareness.TAKES)
        assert beeped_at(room) == []
        await room.answers(other, awareness.TAKES)
        assert beeped_at(room) == [CALLER]
        await room.hang_up(other)
        assert beeped_at(room) == [], "it said goodbye; the other one goes on"

    play(tmp_path, scenario, first, second, connect("five"), connectors=(quiet, TONE))


def test_a_recorder_that_is_lost_and_replaced_does_not_stop_it(tmp_path: Path) -> None:
    async def scenario(room: Room) -> None:
        await room.call()
        await room.acks(1)
        await room.take()
        await room.settle(20)  # steady: all are asked again
        await room.hang_up(room.recorder(), cause="timeout", status=408)
        assert beeped_at(room) == [CALLER]
        await room.take()
        await room.hang_up(room.recorder(), cause="timeout", status=408)
        await room.settle(5)
        assert beeped_at(room) == []
        assert len(room.fake.sent("beep")) == 1

    play(tmp_path, scenario)


def test_a_mirror_may_be_the_one_that_wants_it(tmp_path: Path) -> None:
    mirrored = replace(SRS, mirrors=("copy",))
    copy = replace(TONE, name="copy")

    async def scenario(room: Room) -> None:
        await room.call()
        await room.acks(1)
        await room.answers(room.recorder(0), awareness.TAKES)
        assert beeped_at(room) == []
        await room.answers(room.recorder(1), awareness.TAKES)
        assert beeped_at(room) == [CALLER]

    play(tmp_path, scenario, START, connect("two", then="three"), STOP, connect("four"), connectors=(mirrored, copy))
