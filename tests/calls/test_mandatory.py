"""A call that must be recorded is answered once a recorder has it, and refused where none takes it; the flow waits
only with what the caller has to be there for."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bridgetap.engine.virtual_loop import run_virtual
from bridgetap.siprec.recorder_uri import parse_recorder
from bridgetap.siprec.session import GOODBYE_S
from bridgetap.streams import Connector
from tests.streams.test_siprec import TAKES

from .stage import connect, fork, say, state, stop_fork
from .test_recording_awareness import AWARE, RECORDER, Room, word

SPARE = RECORDER.replace("198.51.100.70", "198.51.100.71")
SRS = Connector(
    name="srs",
    recorders=tuple(parse_recorder(uri, place="") for uri in (RECORDER, SPARE)),
    answer_s=4.0,
    mandatory=True,
)
VAULT = replace(SRS, name="vault")
START = fork(then="two", stream_url="", stream_transport_type="siprec", stream_connector="srs", stream_name="rec")
ALSO = fork("two", "three", stream_url="", stream_transport_type="siprec", stream_connector="vault", stream_name="also")
STOP = stop_fork("two", then="three", stream_transport_type="siprec", stream_name="rec")


class Waits(Room):
    """A caller who may have to wait for a recorder."""

    @property
    def answered(self) -> bool:
        return bool(self.fake.sent("answer"))

    @property
    def refused(self) -> list[tuple[int, list[tuple[str, str]]]]:
        return [(command["status"], command["headers"]) for command in self.fake.sent("reject") if command.of == 1]

    def asked_recorders(self) -> list[int]:
        hosts = (RECORDER, SPARE)
        return [command.of or 0 for command in self.fake.sent("invite") if command["target"].startswith(hosts)]

    def dialled_people(self) -> list[int]:
        return [dialog for dialog in self.dialled() if dialog not in self.asked_recorders()]

    async def refuse(self, status: int = 503) -> None:
        """Whatever recorder was asked last says no."""
        await self.hang_up(self.asked_recorders()[-1], cause="rejected", status=status)

    def is_refused(self) -> None:
        """With 503 and why."""
        ((status, headers),) = self.refused
        assert (status, self.answered) == (503, False)
        assert headers == [("Warning", '399 bridgetap "The call cannot be recorded"')]
        assert [(row.status, row.sip_status) for row in self.call_rows()] == [("failed", 503)]


def play(
    folder: Path,
    scenario: Callable[[Waits], Awaitable[None]],
    *states: dict[str, Any],
    connectors: tuple[Connector, ...] = (SRS,),
    **options: Any,
) -> None:
    async def main() -> None:
        async with Waits(folder, *states, connectors=connectors, **options).running() as room:
            await scenario(room)
            await room.hang_up(1)
            await room.settle(GOODBYE_S + 1)
            assert room.calls.gauges()["calls_live"] == 0
            assert room.fake.sip.open == set(), "no dialog is left behind"

    run_virtual(main())


def test_the_answer_waits_for_the_recorder_and_the_flow_with_what_is_to_be_heard(tmp_path: Path) -> None:
    async def scenario(room: Waits) -> None:
        await room.call(headers=AWARE)
        assert [command["status"] for command in room.fake.sent("progress")] == [180]
        assert ("one", "two") in [(left, entered) for left, _, entered in room.steps()], "Next has fired"
        assert not room.answered
        assert room.prompter.made == [], "nobody would hear it"
        await room.take()
        (answer,) = room.fake.sent("answer")
        assert word(answer["body"]) == "on", "who is answered is recorded already"
        assert room.prompter.made == ["hello"]
        assert room.refused == []
        (row,) = room.call_rows()
        (stream,) = room.stream_rows()
        assert (row.status, row.answered_ns) == ("in-progress", stream.opened_ns)

    play(tmp_path, scenario, START, say("two"))


def test_what_the_caller_need_not_be_there_for_goes_on(tmp_path: Path) -> None:
    async def scenario(room: Waits) -> None:
        await room.call()
        assert [entered for _, _, entered in room.steps()][-1:] == ["three"]
        assert not room.answered
        await room.take()
        assert room.answered

    note = state("two", "set-variables", {"next": "three"}, variables=[{"key": "a", "value": "1"}])
    play(tmp_path, scenario, START, note, say("three"))


@pytest.mark.parametrize("next_one", [say("two"), connect("two")])
def test_a_call_that_no_recorder_takes_is_refused(tmp_path: Path, next_one: dict[str, Any]) -> None:
    """After the whole list, and nobody was rung for it."""

    async def scenario(room: Waits) -> None:
        await room.call()
        await room.refuse(603)
        assert (room.answered, room.refused) == (False, []), "there is another recorder"
        await room.refuse(486)
        assert room.dialled_people() == []
        assert room.fake.sent("play") == []
        room.is_refused()

    play(tmp_path, scenario, START, next_one)


def test_a_caller_rings_no_longer_than_all_recorders_may_take(tmp_path: Path) -> None:
    async def scenario(room: Waits) -> None:
        await room.call()
        await room.settle(2 * SRS.answer_s - 0.1)
        assert len(room.asked_recorders()) == 2
        assert (room.answered, room.refused) == (False, [])
        await room.settle(0.2)
        room.is_refused()

    play(tmp_path, scenario, START, say("two"))


def test_a_caller_who_cancels_meanwhile_is_neither_answered_nor_refused(tmp_path: Path) -> None:
    async def scenario(room: Waits) -> None:
        await room.call()
        await room.hang_up(1, cause="cancelled", status=487)
        await room.settle(1)
        assert (room.answered, room.refused) == (False, [])
        assert room.dialled_people() == []
        assert [command.of for command in room.fake.sent("hang_up")] == room.asked_recorders()
        assert [row.status for row in room.call_rows()] == ["canceled"]
        assert [row.end_reason for row in room.stream_rows()] == ["call-ended"]

    play(tmp_path, scenario, START, connect("two"))


def test_a_call_that_is_ended_from_outside_meanwhile_is_over(tmp_path: Path) -> None:
    async def scenario(room: Waits) -> None:
        await room.call()
        (row,) = room.call_rows()
        await room.calls.end(row.sid, "completed")
        assert (room.answered, room.refused) == (False, [])
        assert room.execution().ended_ns is not None

    play(tmp_path, scenario, START, say("two"))


def test_a_recording_that_is_stopped_before_it_was_taken_is_not_waited_for(tmp_path: Path) -> None:
    async def scenario(room: Waits) -> None:
        await room.call()
        assert room.answered
        assert room.refused == []
        assert [row.end_reason for row in room.stream_rows()] == ["stopped"]
        assert room.prompter.made == ["hello"]

    play(tmp_path, scenario, START, STOP, say("three"))


def test_two_recordings_that_both_must_be(tmp_path: Path) -> None:
    """It is answered once both are, in whatever order they come."""

    async def scenario(room: Waits) -> None:
        await room.call()
        first, second = room.asked_recorders()
        await room.answers(second, TAKES)
        assert not room.answered
        await room.answers(first, TAKES)
        assert room.answered

    play(tmp_path, scenario, START, ALSO, say("three"), connectors=(SRS, VAULT))


def test_one_of_two_that_both_must_be_is_not_enough(tmp_path: Path) -> None:
    async def scenario(room: Waits) -> None:
        await room.call()
        first, second = room.asked_recorders()
        await room.answers(first, TAKES)
        await room.hang_up(second, cause="rejected", status=503)
        await room.refuse()
        room.is_refused()

    play(tmp_path, scenario, START, ALSO, say("three"), connectors=(SRS, VAULT))


def test_a_mirror_may_be_what_is_waited_for(tmp_path: Path) -> None:
    async def scenario(room: Waits) -> None:
        await room.call()
        plain, must = room.asked_recorders()
        await room.answers(plain, TAKES)
        assert not room.answered
        await room.answers(must, TAKES)
        assert room.answered

    plain = replace(SRS, mandatory=False, mirrors=("vault",))
    play(tmp_path, scenario, START, say("two"), connectors=(plain, VAULT))


def test_a_connector_that_cannot_be_used_is_a_refusal_at_once(tmp_path: Path) -> None:
    async def scenario(room: Waits) -> None:
        await room.call()
        assert room.asked_recorders() == []
        room.is_refused()

    play(tmp_path, scenario, START, say("two"), connectors=(replace(SRS, broken=("recorders[0]: no",)),))


def test_a_connector_that_need_not_record_is_waited_for_by_nobody(tmp_path: Path) -> None:
    async def scenario(room: Waits) -> None:
        await room.call()
        assert room.answered
        await room.refuse()
        await room.refuse()
        assert room.refused == []

    play(tmp_path, scenario, START, say("two"), connectors=(replace(SRS, mandatory=False),))


def test_who_was_answered_before_is_hung_up(tmp_path: Path) -> None:
    async def scenario(room: Waits) -> None:
        await room.call()
        await room.heard()
        assert room.asked_recorders() != []
        await room.refuse()
        await room.refuse()
        assert room.refused == []
        assert 1 in [command.of for command in room.fake.sent("hang_up")]

    start = fork("start", "two", stream_url="", stream_transport_type="siprec", stream_connector="srs")
    play(tmp_path, scenario, say(then="start"), start, say("two", "bye"))


def test_who_was_answered_before_hears_what_comes_next_at_once(tmp_path: Path) -> None:
    async def scenario(room: Waits) -> None:
        await room.call()
        await room.heard()
        assert room.prompter.made == ["hello", "more"]

    start = fork("start", "two", stream_url="", stream_transport_type="siprec", stream_connector="srs")
    play(tmp_path, scenario, say(then="start"), start, say("two", "more"))


def test_a_number_that_is_answered_on_bridge_has_its_early_media_and_dials_once_it_is_recorded(tmp_path: Path) -> None:
    async def scenario(room: Waits) -> None:
        await room.call()
        assert [command["status"] for command in room.fake.sent("progress")] == [180, 183]
        assert room.dialled_people() == []
        await room.take()
        (callee,) = room.dialled_people()
        assert not room.answered
        await room.answers(callee)
        assert room.answered

    play(tmp_path, scenario, START, connect("two"), answer="on-bridge")


def test_early_media_ends_in_a_refusal_where_no_recorder_takes_it(tmp_path: Path) -> None:
    async def scenario(room: Waits) -> None:
        await room.call()
        await room.refuse()
        await room.refuse()
        room.is_refused()

    play(tmp_path, scenario, START, connect("two"), answer="on-bridge")


def test_an_invite_without_an_offer_gets_ours_once_it_is_recorded(tmp_path: Path) -> None:
    async def scenario(room: Waits) -> None:
        await room.call(body=b"", content_type="")
        assert not room.answered
        await room.take()
        (answer,) = room.fake.sent("answer")
        assert answer["body"] != b""

    play(tmp_path, scenario, START, say("two"))


def test_a_flow_that_is_over_before_is_as_any_that_answered_nobody(tmp_path: Path) -> None:
    async def scenario(room: Waits) -> None:
        await room.call()
        assert not room.answered
        assert [status for status, _ in room.refused] == [480]

    play(tmp_path, scenario, START | {"transitions": [{"event": "next"}]})
