"""A recorder that vanishes without a word, in virtual time (checklist 61)."""

import asyncio

import pytest

from bridgetap.engine import CallEnded, ReofferAnswered, RequestId, Response
from bridgetap.engine.fake import Command
from bridgetap.engine.handles import FlowId
from bridgetap.siprec.happenings import Changed, StopWanted
from bridgetap.siprec.orders import Over, PassedOver, Started

from .test_siprec import HELD, ONE, TWO, Desk, document, run

EVERY_S = 10.0


async def answered(desk: Desk, status: int, *, by: str = "198.51.100.5:5060") -> None:
    """The next OPTIONS is answered so; `by` nobody where nothing came."""
    asked = len(desk.fake.sent("request"))
    await asyncio.sleep(EVERY_S)
    (request,) = desk.fake.sent("request")[asked:]
    assert (request["method"], request["dialog"]) == ("OPTIONS", desk.fake.sent("invite")[-1].of)
    await desk.happen(response(request, status, by=by))


def response(request: Command, status: int, *, by: str) -> Response:
    return Response(
        request=RequestId(request.of or 0),
        status=status,
        reason="",
        headers=[],
        body=b"",
        flow=FlowId(0),
        local="",
        source=by,
    )


@pytest.mark.parametrize(
    ("before", "status", "by"),
    [
        ([], 481, "198.51.100.5:5060"),  # it was restarted
        ([200], 481, "198.51.100.5:5060"),
        ([], 503, ""),  # nobody listens there
        ([405], 408, ""),  # it answered once, and does no more
    ],
)
def test_the_next_recorder_takes_its_place(before: list[int], status: int, by: str) -> None:
    async def scene(desk: Desk) -> None:
        await desk.take()
        for earlier in before:
            await answered(desk, earlier)
        assert len(desk.fake.sent("invite")) == 1
        await answered(desk, status, by=by)
        first, second = desk.fake.sent("invite")
        assert document(second).streams == document(first).streams
        assert document(second).mode == "complete"
        await desk.take()

    desk = run(scene, recorders=(ONE, TWO))
    assert [type(told) for told in desk.told][:3] == [Started, PassedOver, Over]


def test_a_connection_that_breaks_under_a_ping_and_a_change_loses_one_recorder_and_not_the_next() -> None:
    """All that was open on it ends in one moment; the ping's end is heard last."""

    async def scene(desk: Desk) -> None:
        dialog = await desk.take()
        desk.recording.tell(Changed(call=HELD))
        await asyncio.sleep(EVERY_S)
        (ping,) = desk.fake.sent("request")
        desk.fake.sip.open.discard(dialog)
        await desk.happen(
            response(ping, 503, by=""),
            ReofferAnswered(dialog=dialog, status=503, reason="", body=b""),
            CallEnded(dialog=dialog, cause="transport", status=503, reason="", headers=[]),
        )
        assert len(desk.fake.sent("invite")) == 2
        await desk.take()

    desk = run(scene, recorders=(ONE, TWO))
    assert [type(told) for told in desk.told] == [Started, PassedOver, Over]


def test_one_that_takes_no_options_is_left_alone() -> None:
    async def scene(desk: Desk) -> None:
        await desk.take()
        for status, by in ((408, ""), (408, ""), (405, "198.51.100.5:5060"), (503, "198.51.100.5:5060")):
            await answered(desk, status, by=by)

    desk = run(scene)
    assert [type(told) for told in desk.told] == [Started, Over]


def test_nobody_is_asked_where_that_is_switched_off_or_nothing_is_recorded() -> None:
    async def scene(desk: Desk) -> None:
        await desk.take()
        await asyncio.sleep(100)
        assert not desk.fake.sent("request")

    run(scene, ping_s=0.0)

    async def stopped(desk: Desk) -> None:
        await asyncio.sleep(3)
        await desk.take()
        desk.recording.tell(StopWanted())
        await asyncio.sleep(100)
        assert not desk.fake.sent("request")

    run(stopped)


def test_what_a_recorder_says_as_it_leaves_is_fit_to_be_written_down() -> None:
    """A NUL fits no text of PostgreSQL, and an escape sequence no terminal."""

    async def scene(desk: Desk) -> None:
        dialog = await desk.take()
        headers = [("Reason", 'SIP;cause=200;text="\x00\x1b[2J' + "x" * 5000)]
        desk.fake.sip.open.discard(dialog)
        await desk.happen(CallEnded(dialog=dialog, cause="bye", status=0, reason="", headers=headers))

    over = run(scene).told[-1]
    assert over.reason == "remote-closed"
    assert over.detail.isprintable()
    assert over.detail.startswith('SIP;cause=200;text="��[2Jx')
    assert len(over.detail) == 300
