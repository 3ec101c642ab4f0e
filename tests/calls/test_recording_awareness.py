"""Parties are told in SDP that they are recorded: those who asked for it, each change once, and nothing else of
their call is touched (RFC 7866 §6.1.2, §6.3; checklist 67)."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from bridgetap.calls import TransferPolicy
from bridgetap.calls.indication import Indication, is_record_aware
from bridgetap.engine.virtual_loop import run_virtual
from bridgetap.sdp import parse
from bridgetap.siprec.recorder_uri import parse_recorder
from bridgetap.siprec.session import GOODBYE_S
from bridgetap.store import NotificationRecord
from bridgetap.streams import Connector
from tests.streams.test_siprec import TAKES

from .stage import OFFER, Stage, connect, fork, say, sdp, stop_fork

AWARE = [("Supported", "100rel, record-aware")]
RECORDER = "sip:rec@198.51.100.70:5060;transport=tcp"
SRS = Connector(name="srs", recorders=(parse_recorder(RECORDER, place=""),))
START = fork(then="two", stream_url="", stream_transport_type="siprec", stream_connector="srs", stream_name="rec")
STOP = stop_fork("three", then="four", stream_transport_type="siprec", stream_name="rec")
TALK = connect("two", then="three")
LINGER = connect("four")
FLOW = (START, TALK, STOP, LINGER)


def word(body: bytes) -> str | None:
    """What a description says of recording."""
    found = [line.attribute("record") for line in parse(body).media]
    return next((attribute.value for attribute in found if attribute is not None), None)


class Room(Stage):
    """A call that a flow records; recorders and phones are the test's."""

    def parties(self) -> list[int]:
        """The dialogs of those we dialled, recorders left out."""
        return [command.of or 0 for command in self.fake.sent("invite") if not command["target"].startswith(RECORDER)]

    def recorder(self, number: int = -1) -> int:
        asked = [command.of or 0 for command in self.fake.sent("invite") if command["target"].startswith(RECORDER)]
        return asked[number]

    async def take(self) -> None:
        """The recorder says yes."""
        await self.answers(self.recorder(), TAKES)

    def words(self, dialog: int) -> list[str | None]:
        """What each re-INVITE to a party said of recording."""
        return [word(command["body"]) for command in self.fake.sent("reoffer") if command.of == dialog]

    async def hears(self, dialog: int, status: int = 200) -> None:
        """The party answers our re-INVITE."""
        await self.answers_reoffer(dialog, status, sdp() if status == 200 else b"")

    async def pauses(self, *, paused: bool) -> None:
        (call,) = self.calls._live.values()
        call.streams.of_call(call.sid).pause("rec", paused=paused)
        await self.settle()


def play(
    folder: Path, scenario: Callable[[Room], Awaitable[None]], *states: dict[str, Any], **options: Any
) -> list[NotificationRecord]:
    async def main() -> list[NotificationRecord]:
        async with Room(folder, *(states or FLOW), **{"connectors": (SRS,)} | options).running() as room:
            await scenario(room)
            await room.hang_up(1)
            await room.settle(GOODBYE_S + 1)
        notes: list[NotificationRecord] = room.records.of(NotificationRecord)
        return notes

    return run_virtual(main())


# -- who is aware --


@pytest.mark.parametrize(
    ("headers", "aware"),
    [
        ([("Supported", "record-aware")], True),
        ([("supported", "timer,Record-Aware , 100rel")], True),
        ([("k", "record-aware")], True),
        ([("Supported", "timer"), ("Supported", "record-aware")], True),
        ([("Supported", "timer")], False),
        ([("Supported", "record-awareness")], False),
        ([("Require", "record-aware")], False),
        ([], False),
    ],
)
def test_who_says_the_tag_is_aware(headers: list[tuple[str, str]], aware: bool) -> None:
    assert is_record_aware(headers) is aware


def test_what_is_due_follows_what_was_heard() -> None:
    """The table: a word is due until it was heard, once at a time, not after it was refused."""
    one = Indication()
    one.change("on", tone=False)
    assert (one.word, one.is_due) == (None, False)
    one.learn([("Supported", "record-aware")])
    assert (one.word, one.is_due) == ("on", True)
    one.offered()
    assert not one.is_due
    one.change("paused", tone=False)
    assert one.answered(taken=True) is None
    assert one.is_due, "paused came meanwhile"
    one.offered()
    assert one.answered(taken=False) == "paused"
    assert not one.is_due, "it will not hear of it"
    one.change("on", tone=False)
    assert not one.is_due, "it knows that"
    one.change("off", tone=False)
    assert one.is_due
    one.said()
    assert not one.is_due
    one.learn([("Supported", "timer")])
    assert one.word == "off", "aware once, aware to the end"


def test_the_answer_to_the_offer_in_a_response_is_not_that_to_our_request() -> None:
    """Ours waits (glare) while theirs, without an offer, is answered with ours in the 200 and ended by the ACK."""
    one = Indication(aware=True)
    one.change("on", tone=False)
    one.offered()
    one.change("paused", tone=False)
    one.offered(in_="response")
    assert one.answered(taken=True, in_="response") is None
    assert not one.is_due, "our request still waits"
    assert one.answered(taken=True) is None
    assert one.is_due, "what it heard last is `on`"


# -- on a call --


def test_a_caller_is_told_when_it_begins_and_when_it_ends(tmp_path: Path) -> None:
    """67: on once a recorder has taken the call, paused, on again, off when it is over."""

    async def scenario(room: Room) -> None:
        await room.call(headers=AWARE)
        (answer,) = room.fake.sent("answer")
        assert word(answer["body"]) is None, "nothing is recorded yet"
        assert room.words(1) == []
        await room.acks(1)
        await room.take()
        assert room.words(1) == ["on"]
        await room.hears(1)
        (callee,) = room.parties()
        await room.answers(callee)
        await room.pauses(paused=True)
        await room.hears(1)
        await room.pauses(paused=False)
        await room.hears(1)
        await room.hang_up(callee)
        await room.settle(GOODBYE_S)
        assert room.words(1) == ["on", "paused", "on", "off"]
        assert room.words(callee) == [], "the callee never asked"
        await room.hears(1)

    assert play(tmp_path, scenario) == []


def test_a_callee_is_told_once_its_answer_says_that_it_wants_to_know(tmp_path: Path) -> None:
    """67: and a caller who never said that it is record-aware is told nothing."""

    async def scenario(room: Room) -> None:
        await room.call()
        await room.take()
        (callee,) = room.parties()
        (invite,) = [command for command in room.fake.sent("invite") if command.of == callee]
        assert word(invite["body"]) is None
        await room.answers(callee, headers=AWARE)
        assert room.words(callee) == ["on"]
        assert room.words(1) == []
        await room.hears(callee)
        await room.hang_up(1)
        await room.settle(GOODBYE_S)
        assert room.words(callee) == ["on"], "a call that ends needs no re-INVITE"

    play(tmp_path, scenario)


def test_a_registered_phone_that_said_so_is_told_in_the_invite(tmp_path: Path) -> None:
    async def scenario(room: Room) -> None:
        room.registers("alice", headers=AWARE)
        await room.call()
        await room.take()
        await room.heard()
        (callee,) = room.parties()
        (invite,) = [command for command in room.fake.sent("invite") if command.of == callee]
        assert word(invite["body"]) == "on"
        await room.answers(callee)
        assert room.words(callee) == [], "it knows"
        await room.pauses(paused=True)
        assert room.words(callee) == ["paused"]

    play(tmp_path, scenario, START, say("two", then="five"), connect("five", noun="client", to="alice", then=None))


def test_who_offers_late_is_told_in_our_answer_to_it(tmp_path: Path) -> None:
    async def scenario(room: Room) -> None:
        await room.call()
        await room.take()
        (callee,) = room.parties()
        await room.answers(callee, needs_ack=True, headers=AWARE)
        (ack,) = room.fake.sent("ack")[-1:]
        assert (ack.of, word(ack["body"])) == (callee, "on")
        assert room.words(callee) == []

    play(tmp_path, scenario)


def test_a_caller_who_is_answered_while_it_is_recorded_already_is_told_in_the_answer(tmp_path: Path) -> None:
    """An INVITE without an offer only rings, `on-bridge`: the 200 brings our first description."""

    async def scenario(room: Room) -> None:
        await room.call(headers=AWARE, body=b"", content_type="")
        await room.take()
        assert room.fake.sent("answer") == []
        (callee,) = room.parties()
        await room.answers(callee)
        (answer,) = room.fake.sent("answer")
        assert word(answer["body"]) == "on"
        await room.acks(1, sdp())
        assert room.words(1) == []

    play(tmp_path, scenario, answer="on-bridge")


def test_a_caller_who_heard_early_media_is_told_after_the_answer(tmp_path: Path) -> None:
    """The 200 holds what the 183 held (RFC 6337 §3.1.1)."""

    async def scenario(room: Room) -> None:
        await room.call(headers=AWARE)
        await room.take()
        (callee,) = room.parties()
        await room.answers(callee)
        (answer,) = room.fake.sent("answer")
        (early,) = [command for command in room.fake.sent("progress") if command["body"]]
        assert answer["body"] == early["body"]
        assert room.words(1) == []
        await room.acks(1)
        assert room.words(1) == ["on"]

    play(tmp_path, scenario, answer="on-bridge")


def test_their_own_re_invite_is_answered_with_it(tmp_path: Path) -> None:
    """Also the first word of a party that becomes aware by it."""

    async def scenario(room: Room) -> None:
        await room.call()
        await room.acks(1)
        await room.take()
        answer = await room.reoffers(1, sdp(direction="sendonly", version=2))
        assert word(answer["body"]) is None
        answer = await room.reoffers(1, sdp(version=3), headers=AWARE)
        assert word(answer["body"]) == "on"
        assert room.words(1) == []

    play(tmp_path, scenario)


def test_what_changes_while_a_word_is_out_goes_out_as_one(tmp_path: Path) -> None:
    async def scenario(room: Room) -> None:
        await room.call(headers=AWARE)
        await room.acks(1)
        await room.take()
        await room.pauses(paused=True)
        await room.pauses(paused=False)
        await room.pauses(paused=True)
        assert room.words(1) == ["on"]
        await room.hears(1)
        assert room.words(1) == ["on", "paused"]
        await room.pauses(paused=False)
        await room.pauses(paused=True)
        await room.hears(1)
        assert room.words(1) == ["on", "paused"]

    play(tmp_path, scenario)


@pytest.mark.parametrize("status", [488, 491, 500, 606])
def test_a_refusal_harms_nothing_and_is_in_the_log(tmp_path: Path, status: int) -> None:
    async def scenario(room: Room) -> None:
        await room.call(headers=AWARE)
        await room.acks(1)
        media = room.leg(1).media
        await room.take()
        await room.hears(1, status)
        assert room.leg(1).media == media
        assert room.words(1) == ["on"], "it is not told again and again"
        assert room.fake.sent("hang_up") == []
        (callee,) = room.parties()
        await room.answers(callee)
        await room.pauses(paused=True)
        assert room.words(1) == ["on", "paused"], "what is new is worth a try"
        await room.hears(1)
        answer = await room.reoffers(1, sdp(direction="sendonly", version=2))
        assert (answer["status"], word(answer["body"])) == (200, "paused")

    (note,) = play(tmp_path, scenario)
    assert (note.level, note.code) == ("warning", 31954)
    assert str(status) in note.message


def test_glare_harms_nothing(tmp_path: Path) -> None:
    """The core waits with ours; our answer to theirs says the word, and overtakes it."""

    async def scenario(room: Room) -> None:
        await room.call(headers=AWARE)
        await room.acks(1)
        await room.take()
        answer = await room.reoffers(1, sdp(direction="sendonly", version=2))
        assert word(answer["body"]) == "on"
        await room.overtaken(1)
        media = room.leg(1).media
        assert media is not None
        assert media.direction == "recvonly"
        assert room.words(1) == ["on"], "it has heard that"
        await room.reoffers(1, sdp(version=3))
        media = room.leg(1).media
        assert media is not None
        assert media.direction == "sendrecv"

    assert play(tmp_path, scenario) == []


def test_what_has_changed_since_it_was_overtaken_is_told(tmp_path: Path) -> None:
    async def scenario(room: Room) -> None:
        await room.call(headers=AWARE)
        await room.acks(1)
        await room.take()
        answer = await room.reoffers(1, sdp(version=2))
        assert word(answer["body"]) == "on"
        await room.pauses(paused=True)
        assert room.words(1) == ["on"]
        await room.overtaken(1)
        assert room.words(1) == ["on", "paused"]
        await room.hears(1)

    assert play(tmp_path, scenario) == []


def test_an_answer_in_their_ack_is_not_taken_for_that_to_our_re_invite(tmp_path: Path) -> None:
    """Ours waits in the core; theirs has no offer: what the ACK answers is the offer in our 200."""

    async def scenario(room: Room) -> None:
        await room.call(headers=AWARE)
        await room.acks(1)
        await room.take()
        await room.pauses(paused=True)
        answer = await room.reoffers(1, b"")
        assert word(answer["body"]) == "paused"
        await room.acks(1, sdp(version=2))
        assert room.words(1) == ["on"], "that is still on its way"
        await room.hears(1)
        assert room.words(1) == ["on", "paused"], "or it would believe that it is recorded"
        await room.hears(1)

    assert play(tmp_path, scenario) == []


def test_an_update_that_describes_nothing_is_refused_and_leaves_no_offer_open(tmp_path: Path) -> None:
    """RFC 3311: an UPDATE's 200 would be an offer that nobody answers."""

    async def scenario(room: Room) -> None:
        await room.call(headers=AWARE)
        await room.acks(1)
        answer = await room.reoffers(1, b"IAM", [("Content-Type", "application/isup")], method="UPDATE")
        assert (answer["status"], answer["body"]) == (415, b"")
        await room.take()
        assert room.words(1) == ["on"]
        await room.hears(1)

    assert play(tmp_path, scenario) == []


def test_a_hold_and_a_recording_that_begin_together_are_both_told(tmp_path: Path) -> None:
    async def scenario(room: Room) -> None:
        await room.call()
        (callee,) = room.parties()
        await room.answers(callee, headers=AWARE)
        await room.reoffers(1, sdp(direction="sendonly", version=2))
        await room.take()
        assert room.words(callee) == [None], "the hold is out"
        await room.answers_reoffer(callee, 200, sdp(direction="recvonly"))
        hold, record = [command for command in room.fake.sent("reoffer") if command.of == callee]
        assert (word(hold["body"]), word(record["body"])) == (None, "on")
        assert b"a=sendonly" in record["body"], "still held"

    play(tmp_path, scenario)


def test_a_recorder_that_is_lost_and_replaced_is_no_news_and_the_last_one_is(tmp_path: Path) -> None:
    async def scenario(room: Room) -> None:
        await room.call(headers=AWARE)
        await room.acks(1)
        await room.take()
        await room.hears(1)
        await room.settle(20)  # steady: all are asked again
        await room.hang_up(room.recorder(), cause="timeout", status=408)
        await room.take()
        assert room.words(1) == ["on"]
        await room.hang_up(room.recorder(), cause="timeout", status=408)
        await room.settle(5)
        assert room.words(1) == ["on", "off"]

    play(tmp_path, scenario)


def test_a_recorder_that_takes_nothing_is_no_recording(tmp_path: Path) -> None:
    async def scenario(room: Room) -> None:
        await room.call(headers=AWARE)
        await room.acks(1)
        await room.hang_up(room.recorder(), cause="rejected", status=503)
        assert room.words(1) == []

    play(tmp_path, scenario)


def test_who_comes_by_transfer_is_told_too(tmp_path: Path) -> None:
    async def scenario(room: Room) -> None:
        await room.call()
        await room.take()
        (callee,) = room.parties()
        await room.answers(callee)
        assert await room.refers(callee, "<sip:carol@203.0.113.7>") == 202
        *_, carol = room.parties()
        await room.answers(carol, headers=AWARE)
        assert room.words(carol) == ["on"]
        await room.notified(callee)

    everybody = TransferPolicy(by="everybody", to=("client", "number", "sip"))
    play(tmp_path, scenario, transfers=everybody)


# -- wishes --


def test_a_wish_is_written_down_once_and_changes_nothing(tmp_path: Path) -> None:
    async def scenario(room: Room) -> None:
        await room.call(body=f"{OFFER}a=recordpref:off\r\n".encode())
        await room.acks(1)
        await room.take()
        await room.reoffers(1, sdp(version=2) + b"a=recordpref:off\r\n")
        await room.reoffers(1, sdp(version=3))
        await room.reoffers(1, sdp(version=4) + b"a=recordpref:pause\r\n")
        assert [command for command in room.fake.sent("hang_up") if command.of == room.recorder()] == []
        (callee,) = room.parties()
        await room.answers(callee, sdp() + b"a=recordpref:on\r\n")

    notes = play(tmp_path, scenario)
    assert [(note.level, note.code) for note in notes] == [("warning", 31955)] * 3
    assert [note.message.rpartition(" ")[2] for note in notes] == ["off", "pause", "on"]
