"""Trunks register and are pinged on time, and say how they are."""

import asyncio
from collections.abc import Callable

import pytest

from bridgetap.calls.trunks import Reachable, Registration, Trunks, back_off_s, granted
from bridgetap.engine import EngineError, FlowId, Headers, RequestId, Response
from bridgetap.engine.fake import Command, Fake, fake_core
from bridgetap.engine.virtual_loop import run_virtual
from bridgetap.settings import TrunkSettings


def trunk_settings(**changes: object) -> TrunkSettings:
    values = {"name": "carrier", "uri": "sip:carrier.example;transport=tcp", "username": "us", "password": "secret"}
    return TrunkSettings.model_validate(values | {"ping_s": 0} | changes)


def response(command: Command, status: int, headers: Headers | None = None) -> Response:
    return Response(
        request=RequestId(command.of or 0),
        status=status,
        reason="",
        headers=headers or [],
        body=b"",
        flow=FlowId(1),
        local="",
        source="",
    )


Answers = Callable[[Command, int], tuple[int, Headers]]


async def play(trunks: Trunks, fake: Fake, answers: Answers, *, seconds: float) -> list[tuple[float, Command]]:
    """Answer each request at once for that long; returns them with the time they were sent."""
    loop = asyncio.get_running_loop()
    sent: list[tuple[float, Command]] = []
    running = asyncio.ensure_future(trunks.run())
    while loop.time() < seconds:
        await asyncio.sleep(0.5)
        for command in fake.sent("request")[len(sent) :]:
            sent.append((loop.time(), command))
            status, headers = answers(command, len(sent))
            fake.push(response(command, status, headers))
    running.cancel()
    await asyncio.wait([running])
    return sent


def test_a_registration_is_refreshed_at_half_its_time_with_the_same_identity() -> None:
    async def main() -> None:
        core, fake = fake_core()
        core.start()
        trunks = Trunks(core=core, settings=[trunk_settings(register=True)], dice=lambda: 0.5)
        sent = await play(trunks, fake, lambda *_: (200, [("Contact", "<sip:us@h>;expires=600")]), seconds=1000)
        assert [round(at, -1) for at, _ in sent] == [0, 300, 600, 900]
        assert [command["cseq"] for _, command in sent] == [1, 2, 3, 4]
        assert len({command["call_id"] for _, command in sent}) == 1
        assert sent[0][1]["target"] == "sip:carrier.example;transport=tcp"
        assert sent[0][1]["from_"] == sent[0][1]["to"] == "<sip:us@carrier.example>"
        assert ("Expires", "3600") in sent[0][1]["headers"]
        last = fake.sent("request")[-1]
        assert ("Expires", "0") in last["headers"], "the end takes the registration back"
        assert last["cseq"] == 5

    run_virtual(main())


def test_a_refused_registration_backs_off_and_recovers() -> None:
    async def main() -> None:
        core, fake = fake_core()
        core.start()
        trunks = Trunks(core=core, settings=[trunk_settings(register=True)], dice=lambda: 0.5)
        seen: list[Registration] = []

        def answers(_: Command, number: int) -> tuple[int, Headers]:
            seen.append(trunks["carrier"].registration)
            return (503 if number < 4 else 200, [])

        sent = await play(trunks, fake, answers, seconds=60)
        assert [int(at) for at, _ in sent] == [0, 2, 6, 14], "2, 4, 8 seconds after each refusal"
        assert seen == [Registration.TRYING, Registration.FAILED, Registration.FAILED, Registration.FAILED]

    run_virtual(main())


def test_an_interval_too_brief_is_made_longer_at_once() -> None:
    async def main() -> None:
        core, fake = fake_core()
        core.start()
        trunks = Trunks(core=core, settings=[trunk_settings(register=True, register_expires_s=60)], dice=lambda: 0.5)
        sent = await play(
            trunks, fake, lambda _, number: (423, [("Min-Expires", "1800")]) if number == 1 else (200, []), seconds=10
        )
        assert [command["headers"] for _, command in sent] == [[("Expires", "60")], [("Expires", "1800")]]

    run_virtual(main())


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([("Contact", "<sip:a@h>;expires=600"), ("Expires", "50")], 600),
        ([("m", "<sip:a@h>;q=1;expires=90, <sip:b@h>;expires=70")], 70),
        ([("Contact", "<sip:a@h>"), ("Expires", "50")], 50),
        ([("Contact", "broken"), ("Expires", "-1")], 3600),
        ([], 3600),
    ],
)
def test_how_long_a_registration_was_granted(headers: Headers, seconds: int) -> None:
    command = Command(name="request", of=1, args={})
    assert granted(response(command, 200, headers), asked_s=3600) == seconds


def test_back_off_doubles_up_to_a_limit_and_is_spread() -> None:
    assert [back_off_s(failures, 0.5) for failures in (1, 2, 3, 20)] == [2, 4, 8, 300]
    assert (back_off_s(3, 0.0), back_off_s(3, 1.0)) == (4, 12)


def test_a_trunk_that_does_not_answer_twice_is_down_until_it_does() -> None:
    async def main() -> None:
        core, fake = fake_core()
        core.start()
        trunks = Trunks(core=core, settings=[trunk_settings(ping_s=30)], dice=lambda: 0.5)
        statuses = [405, 408, 200, 408, 503, 503, 404]
        seen: list[Reachable] = []

        def answers(_: Command, number: int) -> tuple[int, Headers]:
            seen.append(trunks["carrier"].reachable)
            return (statuses[number - 1], [])

        sent = await play(trunks, fake, answers, seconds=200)
        up, down = Reachable.UP, Reachable.DOWN
        assert seen == [Reachable.UNKNOWN, up, up, up, up, down, down]
        assert trunks["carrier"].reachable is up
        assert {command["method"] for _, command in sent} == {"OPTIONS"}

    run_virtual(main())


def test_what_cannot_be_sent_counts_as_no_answer_and_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        core, fake = fake_core()
        core.start()
        trunks = Trunks(core=core, settings=[trunk_settings(register=True, ping_s=30)], dice=lambda: 0.5)

        def refuse(**_: object) -> None:
            raise EngineError("no such host")

        monkeypatch.setattr(fake.sip, "request", refuse)
        await play(trunks, fake, lambda *_: (200, []), seconds=100)
        assert trunks["carrier"].reachable is Reachable.DOWN
        assert trunks["carrier"].registration is Registration.FAILED

    run_virtual(main())


def test_calls_at_a_time() -> None:
    core, _ = fake_core()
    trunk = Trunks(core=core, settings=[trunk_settings(max_calls=2)], dice=lambda: 0.5)["carrier"]
    full = []
    for calls in range(4):
        trunk.calls = calls
        full.append(trunk.is_full)
    assert full == [False, False, True, True]
