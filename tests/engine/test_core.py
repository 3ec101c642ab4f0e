"""Who hears what: events reach the sink that was named for them, and nobody else."""

import asyncio

from bridgetap.engine import (
    CallEnded,
    Core,
    DialogId,
    DtmfPressed,
    Event,
    FlowClosed,
    FlowId,
    ForkId,
    ForkOpened,
    IncomingCall,
    LegClosed,
    LegId,
    LegStats,
    RequestId,
    Response,
)
from bridgetap.engine.fake import Fake, fake_core
from bridgetap.engine.virtual_loop import run_virtual


def ended(dialog: int) -> CallEnded:
    return CallEnded(dialog=DialogId(dialog), cause="bye", status=0, reason="", headers=[])


def incoming(dialog: int) -> IncomingCall:
    return IncomingCall(
        dialog=DialogId(dialog),
        trunk="carrier",
        user=None,
        request_uri="sip:1@h",
        from_="<sip:2@h>",
        to="<sip:1@h>",
        contact="<sip:2@h>",
        call_id="c",
        headers=[],
        content_type="",
        body=b"",
        transport="udp",
        source="127.0.0.1:5070",
        local="127.0.0.1:5060",
        flow=FlowId(1),
    )


def digit(leg: int) -> DtmfPressed:
    return DtmfPressed(leg=LegId(leg), digit="5", duration_ms=100, inband=False)


async def hand_out(core: Core, fake: Fake, *events: Event) -> None:
    core.start()
    fake.push(*events)
    await asyncio.sleep(0)


def test_news_of_a_dialog_leg_or_fork_reaches_its_own_sink() -> None:
    async def main() -> None:
        core, fake = fake_core()
        heard: list[tuple[str, object]] = []
        core.hear_dialog(DialogId(1), lambda event: heard.append(("dialog 1", event)))
        core.hear_leg(LegId(1), lambda event: heard.append(("leg 1", event)))
        core.hear_leg(LegId(2), lambda event: heard.append(("leg 2", event)))
        core.hear_fork(ForkId(1), lambda event: heard.append(("fork 1", event)))
        opened = ForkOpened(leg=LegId(2), fork=ForkId(1), connect_ms=3.0)
        await hand_out(core, fake, digit(2), opened, ended(1), digit(1), digit(9))
        assert heard == [("leg 2", digit(2)), ("fork 1", opened), ("dialog 1", ended(1)), ("leg 1", digit(1))]

    run_virtual(main())


def test_after_the_last_word_nothing_is_heard() -> None:
    async def main() -> None:
        core, fake = fake_core()
        heard: list[object] = []
        core.hear_dialog(DialogId(1), heard.append)
        core.hear_leg(LegId(1), heard.append)
        closed = LegClosed(leg=LegId(1), stats=LegStats(leg=LegId(1)))
        await hand_out(core, fake, ended(1), ended(1), closed, digit(1))
        assert heard == [ended(1), closed]

    run_virtual(main())


def test_a_call_and_its_cancel_in_one_batch_both_arrive() -> None:
    async def main() -> None:
        core, fake = fake_core()
        heard: list[object] = []
        core.on(IncomingCall, lambda call: core.hear_dialog(call.dialog, heard.append))
        await hand_out(core, fake, incoming(4), ended(4))
        assert heard == [ended(4)]

    run_virtual(main())


def test_one_sink_that_fails_does_not_stop_the_news_of_others() -> None:
    async def main() -> None:
        core, fake = fake_core()
        heard: list[object] = []

        def broken(_: object) -> None:
            raise RuntimeError("a bug")

        core.hear_leg(LegId(1), broken)
        core.hear_leg(LegId(2), heard.append)
        await hand_out(core, fake, digit(1), digit(2))
        assert heard == [digit(2)]

    run_virtual(main())


def test_a_request_waits_for_its_own_response() -> None:
    async def main() -> None:
        core, fake = fake_core()
        core.start()
        asking = asyncio.ensure_future(core.request(method="OPTIONS", target="sip:h"))
        await asyncio.sleep(0)
        sent = fake.sent("request")[0]
        assert sent["method"] == "OPTIONS"

        def response(request: int, status: int) -> Response:
            return Response(
                request=RequestId(request),
                status=status,
                reason="",
                headers=[],
                body=b"",
                flow=FlowId(0),
                local="",
                source="",
            )

        fake.push(response(999, 500), response(sent.of or 0, 200))
        assert (await asking).status == 200

    run_virtual(main())


def test_who_waits_for_a_response_when_the_core_closes_is_cancelled() -> None:
    async def main() -> None:
        core, fake = fake_core()
        core.start()
        asking = asyncio.ensure_future(core.request(method="OPTIONS", target="sip:h"))
        await asyncio.sleep(0)
        core.close()
        core.close()
        await asyncio.wait([asking])
        assert asking.cancelled()
        assert fake.sip.closed
        assert fake.media.closed

    run_virtual(main())


def test_several_listen_to_the_news_that_belongs_to_no_call() -> None:
    async def main() -> None:
        core, fake = fake_core()
        first: list[FlowClosed] = []
        second: list[FlowClosed] = []
        core.on(FlowClosed, first.append)
        core.on(FlowClosed, second.append)
        await hand_out(core, fake, FlowClosed(flow=FlowId(8)))
        assert first == second == [FlowClosed(flow=FlowId(8))]

    run_virtual(main())


def test_the_core_is_overloaded_when_events_wait_too_long() -> None:
    core, fake = fake_core()
    fake.events.age_ms = 200
    assert not core.overloaded
    fake.events.age_ms = 201
    assert core.overloaded
