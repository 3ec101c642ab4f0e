"""What streams are told of the two who talk: holds, who joins, who leaves, and who takes another's place."""

from pathlib import Path
from typing import Any

from bridgetap.calls import TransferPolicy
from bridgetap.engine.virtual_loop import run_virtual

from .stage import SEED, Stage, connect, fork, sdp

EVERYBODY = TransferPolicy(by="everybody", to=("client", "number", "sip"))
CAROL = "<sip:carol@203.0.113.7>"
CALLER = 1  # a dialog
TELLING = (fork(then="two", stream_options={"events": "hold participant"}), connect("two"))


async def talking(stage: Stage) -> int:
    await stage.call()
    callee = stage.dialled()[-1]
    await stage.answers(callee)
    return callee


def told(stage: Stage) -> list[Any]:
    """Of the caller's stream, without the SIDs."""
    return [
        {key: value for key, value in command["body"].items() if key != "callSid"}
        for command in stage.fake.sent("tell_fork")
    ]


def joined(address: str, track: str = "outbound") -> dict[str, str]:
    return {"track": track, "action": "joined", "address": address}


def left(address: str, track: str = "outbound") -> dict[str, str]:
    return {"track": track, "action": "left", "address": address}


def test_a_call_from_its_bridge_to_its_end(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *TELLING).running() as stage:
            callee = await talking(stage)
            for holding in (CALLER, callee):
                other = callee if holding == CALLER else CALLER
                await stage.reoffers(holding, sdp(direction="sendonly", version=2))
                await stage.answers_reoffer(other, body=sdp(direction="recvonly"))
                await stage.reoffers(holding, sdp(direction="inactive", version=3))
                await stage.answers_reoffer(other, body=sdp(direction="inactive"))
                await stage.reoffers(holding, sdp(version=4))
                await stage.answers_reoffer(other, body=sdp())
            await stage.hang_up(callee)
            sids = {command["body"].get("callSid") for command in stage.fake.sent("tell_fork")} - {None}
            assert sids == {stage.call_rows()[1].sid}
            assert told(stage) == [
                joined("+15550001111"),
                {"track": "inbound", "held": True},
                {"track": "inbound", "held": False},
                {"track": "outbound", "held": True},
                {"track": "outbound", "held": False},
                left("+15550001111"),
            ]

    run_virtual(main())


def test_who_holds_and_leaves_holds_no_more(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *TELLING).running() as stage:
            callee = await talking(stage)
            await stage.reoffers(callee, sdp(direction="sendonly", version=2))
            await stage.hang_up(callee)
            assert told(stage)[1:] == [
                {"track": "outbound", "held": True},
                {"track": "outbound", "held": False},
                left("+15550001111"),
            ]

    run_virtual(main())


def test_the_callee_transfers(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *TELLING, transfers=EVERYBODY).running() as stage:
            callee = await talking(stage)
            assert await stage.refers(callee, CAROL) == 202
            carol = stage.dialled()[-1]
            await stage.answers(carol)
            assert told(stage) == [joined("+15550001111"), left("+15550001111"), joined("sip:carol@203.0.113.7")]
            await stage.hang_up(carol)
            assert told(stage)[3:] == [left("sip:carol@203.0.113.7")]

    run_virtual(main())


def test_the_caller_transfers_and_another_is_inbound(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *TELLING, transfers=EVERYBODY).running() as stage:
            callee = await talking(stage)
            assert await stage.refers(CALLER, CAROL) == 202
            await stage.answers(stage.dialled()[-1], sdp(port=50004))
            caller = stage.call_rows()[0].from_
            assert told(stage)[1:] == [left(caller, "inbound"), joined("sip:carol@203.0.113.7", "inbound")]
            await stage.hang_up(callee)
            assert told(stage)[3:] == [left("+15550001111")]

    run_virtual(main())


def test_streams_that_asked_for_nothing_are_told_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, *SEED).running() as stage:
            callee = await talking(stage)
            await stage.reoffers(callee, sdp(direction="sendonly", version=2))
            await stage.hang_up(callee)
            assert told(stage) == []

    run_virtual(main())
