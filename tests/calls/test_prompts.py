"""Say, Play and digits: the caller hears them, the flow waits for their end."""

from pathlib import Path

import pytest

from bridgetap.engine.virtual_loop import run_virtual

from .stage import VOICE, Stage, say, state


def test_the_first_prompt_answers_the_call_and_the_next_waits_for_its_end(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, say(then="two", loop=3), say("two", "goodbye")).running() as stage:
            await stage.call()
            (play,) = stage.fake.sent("play")
            assert [name for name in stage.fake.names() if name in ("answer", "play")] == ["answer", "play"]
            assert (play["prompts"], play["loop"]) == ([1], 3)
            await stage.settle(30)
            assert stage.prompter.made == ["hello"]
            await stage.heard()
            assert stage.prompter.made == ["hello", "goodbye"]
            await stage.heard()
            assert stage.fake.sent("hang_up")[0].of == 1, "the end of the path ends the call"
            assert stage.call_rows()[0].status == "completed"

    run_virtual(main())


def test_a_prompt_that_cannot_be_made_is_logged_and_the_flow_goes_on(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, say(then="two"), say("two", "goodbye")).running() as stage:
            stage.prompter.broken.add("hello")
            await stage.call()
            assert stage.notes() == [("error", 11200)]
            assert stage.prompter.made == ["goodbye"]

    run_virtual(main())


def test_an_audio_file_and_digits(tmp_path: Path) -> None:
    async def main() -> None:
        states = (
            state("one", "say-play", {"audioComplete": "two"}, play="https://a.example/x.wav", loop=2),
            state("two", "say-play", {"audioComplete": None}, digits="1w2W#"),
        )
        async with Stage(tmp_path, *states).running() as stage:
            await stage.call()
            assert stage.prompter.made == ["https://a.example/x.wav"]
            await stage.heard()
            (digits,) = stage.fake.sent("send_dtmf")
            assert (digits.of, digits["digits"]) == (1, "1w2ww#")
            await stage.heard()
            assert stage.calls.gauges()["calls_live"] == 0

    run_virtual(main())


def signals(stage: Stage) -> list[str]:
    """The keys that were sent by INFO."""
    requests = [command for command in stage.fake.sent("request") if command["method"] == "INFO"]
    return [command["body"].decode().split("\r\n")[0] for command in requests]


@pytest.mark.parametrize("loop", [1, 2, 0])
def test_digits_by_info_take_their_time_and_end_with_the_call(tmp_path: Path, loop: int) -> None:
    """A key takes 100 ms and a gap of 70, as in RTP; w is half a second, W a whole one."""

    async def main() -> None:
        trunks = ({"name": "carrier", "dtmf": "info"},)
        async with Stage(tmp_path, number=VOICE, trunks=trunks).running() as stage:
            stage.serve("voice", f"<Play digits='1wW2' loop='{loop}'/><Say>hello</Say>")
            await stage.call()
            assert signals(stage) == ["Signal=1"]
            await stage.settle(1.6)
            assert signals(stage) == ["Signal=1"]
            await stage.settle(0.1)
            assert signals(stage) == ["Signal=1", "Signal=2"]
            await stage.settle(3600)
            if loop:
                assert signals(stage) == ["Signal=1", "Signal=2"] * loop
                assert stage.prompter.made == ["hello"]
            else:
                assert len(signals(stage)) == pytest.approx(3600 / 1.84 * 2, abs=4)
                assert stage.prompter.made == []
            await stage.hang_up(1)
            assert stage.calls.gauges()["calls_live"] == 0

    run_virtual(main())


def test_a_caller_who_leaves_ends_the_flow(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(tmp_path, say(then="two"), say("two", "goodbye")).running() as stage:
            await stage.call()
            await stage.hang_up(1)
            assert stage.steps()[-1] == ("one", "hangup", "Ended")
            assert stage.prompter.made == ["hello"]
            assert stage.execution().end_reason == "caller hung up"
            assert stage.calls.gauges()["calls_live"] == 0

    run_virtual(main())


def test_nothing_a_caller_presses_is_logged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def main() -> None:
        async with Stage(tmp_path, say(text="card number please")).running() as stage:
            await stage.call()
            for digit in "4929":
                await stage.presses(1, digit)
            await stage.requests(1, "INFO", "application/dtmf-relay", b"Signal=9\r\nDuration=999111\r\n")
            await stage.heard()

    run_virtual(main())
    logged = capsys.readouterr()
    assert "digit" not in (logged.out + logged.err).lower()
    assert "Pressed" in logged.out, "that a key was pressed may be seen, not which"
