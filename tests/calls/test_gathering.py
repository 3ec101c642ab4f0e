"""Gather on a call: which keys complete it, what stops the prompts, what the action is told."""

from pathlib import Path

import pytest

from bridgetap.engine.virtual_loop import run_virtual

from .stage import VOICE, Stage

AFTER = "<Say>nothing</Say>"


async def press(stage: Stage, keys: str) -> None:
    for key in keys:
        await stage.presses(1, key)


@pytest.mark.parametrize(
    ("attributes", "keys", "told"),
    [
        ("numDigits='1'", "5", {"Digits": "5"}),
        ("numDigits='4'", "1234", {"Digits": "1234"}),
        ("", "123#", {"Digits": "123", "FinishedOnKey": "#"}),
        ("finishOnKey='*'", "1#2*", {"Digits": "1#2", "FinishedOnKey": "*"}),
        ("finishOnKey='' numDigits='2'", "##", {"Digits": "##"}),
        ("", "#12#", {"Digits": "12", "FinishedOnKey": "#"}),
        ("numDigits='3'", "12#", {"Digits": "12", "FinishedOnKey": "#"}),
    ],
)
def test_keys_that_complete_it(tmp_path: Path, attributes: str, keys: str, told: dict[str, str]) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("voice", f"<Gather action='/menu' {attributes}><Say>press</Say></Gather>{AFTER}")
            stage.serve("menu", "<Hangup/>")
            await stage.call()
            await press(stage, keys)
            assert stage.asked() == [("POST", "voice"), ("POST", "menu")]
            found = {name: value for name, value in stage.parameters().items() if name in ("Digits", "FinishedOnKey")}
            assert found == told

    run_virtual(main())


def test_the_first_key_stops_the_prompts_and_time_completes_the_rest(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("voice", "<Gather action='/menu' timeout='4'><Say>long</Say><Say>longer</Say></Gather>")
            stage.serve("menu", "<Hangup/>")
            await stage.call()
            assert stage.prompter.made == ["long"]
            await press(stage, "1")
            assert len(stage.fake.sent("stop_play")) == 1
            await stage.settle(3.9)
            await press(stage, "2")
            await stage.settle(3.9)
            assert len(stage.asked()) == 1
            await stage.settle(0.2)
            assert stage.parameters()["Digits"] == "12"
            assert stage.prompter.made == ["long"]

    run_virtual(main())


def test_silence_goes_on_with_the_next_verb(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("voice", f"<Gather timeout='3'><Say>press</Say><Pause length='2'/></Gather>{AFTER}")
            await stage.call()
            await stage.heard()
            await stage.settle(4.9)
            assert stage.prompter.made == ["press"]
            await stage.settle(0.2)
            assert stage.prompter.made == ["press", "nothing"]

    run_virtual(main())


def test_an_empty_result_is_told_where_that_is_wanted(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("voice", "<Gather action='/menu' timeout='1' actionOnEmptyResult='true'/>")
            stage.serve("menu", "<Hangup/>")
            await stage.call()
            await stage.settle(1.1)
            assert stage.parameters()["Digits"] == ""

    run_virtual(main())


def test_keys_typed_ahead_count_and_prompts_are_not_begun(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("voice", "<Gather numDigits='1' action='/second'><Say>first</Say></Gather>")
            stage.serve("second", "<Gather numDigits='2' action='/third'><Say>second</Say></Gather>")
            stage.serve("third", "<Hangup/>")
            stage.servers.delay_s = 1
            await stage.call()
            await stage.settle(1)
            await press(stage, "789")
            await stage.settle(2)
            assert [request for _, request in stage.asked()] == ["voice", "second", "third"]
            assert stage.parameters()["Digits"] == "89"
            assert stage.prompter.made == ["first"]

    run_virtual(main())


def test_keys_pressed_to_the_other_party_do_not_count(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("voice", f"<Dial>+15550001111</Dial><Gather timeout='1' action='/menu'/>{AFTER}")
            await stage.call()
            (callee,) = stage.dialled()
            await stage.answers(callee)
            await press(stage, "77")
            await stage.hang_up(callee)
            await stage.settle(1.1)
            assert stage.prompter.made == ["nothing"]

    run_virtual(main())


def test_speech_is_not_recognised_and_keys_still_work(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("voice", "<Gather input='dtmf speech' numDigits='1' action='/menu'/>")
            stage.serve("menu", f"<Gather input='speech' timeout='1'/>{AFTER}")
            await stage.call()
            assert stage.notes() == [("warning", 0)]
            await press(stage, "1")
            assert stage.parameters()["Digits"] == "1"
            await stage.settle(1.1)
            assert stage.prompter.made == ["nothing"]

    run_virtual(main())


def test_a_prompt_that_cannot_be_heard_is_told(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.prompter.broken.add("broken")
            stage.serve("voice", "<Gather numDigits='1' action='/menu'><Say>broken</Say><Say>fine</Say></Gather>")
            await stage.call()
            assert stage.notes() == [("warning", 11200)]
            assert stage.prompter.made == ["fine"]

    run_virtual(main())


def test_the_caller_leaves_while_prompts_are_heard(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, number=VOICE).running() as stage:
            stage.serve("voice", f"<Gather><Say>press</Say></Gather>{AFTER}")
            await stage.call()
            await stage.hang_up(1)
            await stage.settle(60)
            assert stage.prompter.made == ["press"]
            assert stage.calls.gauges()["calls_live"] == 0

    run_virtual(main())
