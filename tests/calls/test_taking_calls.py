"""Which calls are taken, how the others are refused, and how a server stops."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bridgetap.calls import CallLimits
from bridgetap.engine import DtmfPressed, EngineError
from bridgetap.engine.fake import FakeMedia
from bridgetap.engine.virtual_loop import run_virtual

from .stage import SEED, Stage, connect, say, sdp

WAIT = (say(loop=99),)


@pytest.mark.parametrize(
    ("changes", "status", "header"),
    [
        ({"request_uri": "sip:+15550000000@pbx.example"}, 404, None),
        ({"body": sdp(codecs="97")}, 488, "Warning"),
        ({"body": b"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nt=0 0\r\nm=video 9 RTP/AVP 96\r\n"}, 488, "Warning"),
        ({"body": b"garbage"}, 400, "Warning"),
        ({"from_": "nonsense"}, 400, None),
        ({"request_uri": "sip:"}, 400, None),
    ],
)
def test_a_call_that_cannot_be_taken_is_refused_at_once(
    tmp_path: Path, changes: dict[str, Any], status: int, header: str | None
) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *WAIT).running() as stage:
            await stage.call(**changes)
            (reject,) = stage.fake.sent("reject")
            assert (reject.of, reject["status"]) == (1, status)
            assert [name for name, _ in reject["headers"]] == ([header] if header else [])
            assert stage.fake.media.stats()["legs"] == 0
            assert stage.calls.gauges()["calls_live"] == 0
            assert all(not row.is_open for row in stage.call_rows())
            await stage.call(2)
            assert stage.fake.sent("answer")[0].of == 2, "the next one is taken"

    run_virtual(main())


def test_above_max_calls_503_until_one_ends(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *WAIT, limits=CallLimits(max_calls=2)).running() as stage:
            for dialog in (1, 2, 3):
                await stage.call(dialog)
            (reject,) = stage.fake.sent("reject")
            assert (reject.of, reject["status"], reject["headers"]) == (3, 503, [("Retry-After", "5")])
            assert not stage.calls.accepting
            await stage.hang_up(1)
            await stage.call(4)
            assert len(stage.fake.sent("answer")) == 3

    run_virtual(main())


def test_a_trunk_takes_no_more_than_its_own_limit(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *WAIT, trunks=({"name": "carrier", "max_calls": 1},)).running() as stage:
            await stage.call(1)
            await stage.call(2)
            assert [command["status"] for command in stage.fake.sent("reject")] == [503]
            await stage.call(3, trunk=None, user="alice")
            assert [command.of for command in stage.fake.sent("answer")] == [1, 3]

    run_virtual(main())


def test_while_events_wait_too_long_new_calls_are_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *WAIT).running() as stage:
            stage.fake.events.age_ms = 300
            await stage.call()
            assert stage.fake.sent("reject")[0]["status"] == 503

    run_virtual(main())


def test_without_a_free_port_503(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing_left(self: FakeMedia, *, address: str, label: str = "") -> None:
        raise EngineError("media.ports: 16384-16386: no port is free")

    async def main() -> None:
        async with Stage(tmp_path, *WAIT).running() as stage:
            monkeypatch.setattr(FakeMedia, "open_leg", nothing_left)
            await stage.call()
            assert stage.fake.sent("reject")[0]["status"] == 503

    run_virtual(main())


def test_a_full_store_refuses_calls_before_they_begin(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *WAIT).running() as stage:
            stage.records.full = True
            await stage.call()
            assert stage.fake.sent("reject")[0]["status"] == 503
            assert stage.fake.media.legs == []

    run_virtual(main())


def test_a_caller_who_cancels_before_anything_happened(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, connect(), answer="on-bridge").running() as stage:
            await stage.call()
            await stage.hang_up(1, cause="cancelled")
            assert stage.call_rows()[0].status == "canceled"
            assert [command.of for command in stage.fake.sent("hang_up")] == stage.dialled()
            assert stage.calls.gauges()["calls_live"] == 0

    run_virtual(main())


def test_a_call_that_crashes_takes_nothing_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with Stage(tmp_path, say(then="two", loop=99), say("two")).running() as stage:
            await stage.call(1)
            await stage.call(2)

            async def broken(*_: object, **__: object) -> None:
                raise ZeroDivisionError("a bug of ours")

            monkeypatch.setattr(stage.prompter, "say", broken)
            await stage.heard(1)
            assert [command.of for command in stage.fake.sent("hang_up")] == [1]
            assert stage.leg(1).closed
            assert not stage.leg(2).closed
            assert [row.status for row in stage.call_rows()] == ["completed", "in-progress"]
            assert stage.calls.gauges()["calls_live"] == 1

    run_virtual(main())


def test_a_call_that_does_not_keep_up_is_ended(tmp_path: Path) -> None:
    """Its inbox has a limit; the news of others does not wait behind it."""

    async def main() -> None:
        async with Stage(tmp_path, *WAIT).running() as stage:
            await stage.call(1)
            press = DtmfPressed(leg=stage.leg(1).id, digit="1", duration_ms=100, inband=False)
            stage.fake.push(*[press] * 400)
            await stage.settle()
            assert stage.calls.gauges()["calls_live"] == 0
            assert stage.fake.sent("hang_up")[0].of == 1

    run_virtual(main())


def test_the_longest_call(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *WAIT, limits=CallLimits(time_limit_s=3600)).running() as stage:
            await stage.call()
            await stage.settle(3599)
            assert stage.fake.sent("hang_up") == []
            await stage.settle(2)
            assert stage.fake.sent("hang_up")[0].of == 1
            assert stage.call_rows()[0].duration_s == 3600

    run_virtual(main())


# -- stopping --


def test_draining_refuses_the_new_and_waits_for_the_live(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *WAIT, limits=CallLimits(drain_s=30)).running() as stage:
            await stage.call(1)
            draining = asyncio.ensure_future(stage.calls.drain())
            await stage.settle(1)
            assert stage.fake.sip.refusing
            assert not stage.calls.accepting
            await stage.call(2)
            assert stage.fake.sent("reject")[0]["status"] == 503
            await stage.settle(10)
            assert not draining.done()
            await stage.hang_up(1)
            assert draining.done(), "the last call ended: nothing more to wait for"
            assert stage.fake.sent("hang_up") == []

    run_virtual(main())


def test_at_the_deadline_what_is_live_is_ended_and_says_so(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *SEED, limits=CallLimits(drain_s=30)).running() as stage:
            await stage.call()
            (callee,) = stage.dialled()
            await stage.answers(callee)
            await stage.calls.drain()
            assert asyncio.get_running_loop().time() < 31
            assert {command.of for command in stage.fake.sent("hang_up")} == {1, callee}
            assert [row.status for row in stage.call_rows()] == ["completed", "completed"]
            assert stage.stream_rows()[0].end_reason == "drained"
            assert stage.execution().ended_ns is not None

    run_virtual(main())


def test_cancelled_without_draining_nothing_is_left_open(tmp_path: Path) -> None:
    async def main() -> None:
        stage = Stage(tmp_path, *SEED)
        async with stage.running():
            await stage.call()
            (callee,) = stage.dialled()
            await stage.answers(callee)
        await stage.settle()
        assert {command.of for command in stage.fake.sent("hang_up")} == {1, callee}
        assert not any(row.is_open for row in stage.call_rows())
        assert not any(row.is_open for row in stage.stream_rows())
        assert stage.execution().end_reason == "stopped"
        assert stage.fake.media.stats()["legs"] == 0

    run_virtual(main())
