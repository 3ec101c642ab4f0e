"""Say/Play: a text, a file or digits; and what is wrong never stops the flow."""

from collections.abc import Callable
from typing import Any

import pytest

from bridgetap.flow.effects import EffectId, Play, PlayDigits, Say
from bridgetap.flow.events import CallerHungUp, PlayEnded
from bridgetap.flow.widget import Ask, Done

Bench = Callable[..., Any]


@pytest.mark.parametrize(
    ("properties", "effect"),
    [
        ({"say": "Hello"}, Say(text="Hello")),
        (
            {"say": "Hi {{trigger.call.FromCity}}", "voice": "Polly.Joanna", "language": "en-US", "loop": 3},
            Say(text="Hi SAN JOSE", voice="Polly.Joanna", language="en-US", loop=3),
        ),
        ({"say": "<speak>Hi</speak>", "play": ""}, Say(text="<speak>Hi</speak>")),
        ({"play": " https://a.example/x.mp3 ", "loop": 2}, Play(url="https://a.example/x.mp3", loop=2)),
        ({"digits": "1w2W#*aD"}, PlayDigits(digits="1w2W#*aD")),
    ],
)
def test_what_it_asks_for(bench: Bench, properties: dict[str, object], effect: object) -> None:
    say = bench("say-play", properties)
    assert say.problems == []
    assert say.enter() == (Ask(effects=(effect,)), [])


def test_audio_complete_leaves_voice_and_language(bench: Bench) -> None:
    turn, logs = bench("say-play", {"say": "x", "voice": "alice", "language": "en"}).handle(
        PlayEnded(effect=EffectId(1))
    )
    assert turn == Done(event="audioComplete", variables={"language": "en", "voice": "alice"})
    assert logs == []


def test_a_failed_prompt_is_logged_and_the_flow_goes_on(bench: Bench) -> None:
    event = PlayEnded(effect=EffectId(1), error="no voice installed", code=13520)
    turn, (log,) = bench("say-play", {"say": "x"}).handle(event)
    assert turn.event == "audioComplete"
    assert (log.level, log.code, log.message) == ("error", 13520, "no voice installed")


@pytest.mark.parametrize(
    ("properties", "level"),
    [
        ({"say": "{{nobody}}"}, "warning"),
        ({"play": " {{nobody}} "}, "warning"),
        ({"digits": "{{trigger.call.FromCity}}"}, "error"),
        ({}, "warning"),
    ],
)
def test_nothing_to_play_goes_on_at_once(bench: Bench, properties: dict[str, object], level: str) -> None:
    turn, (log,) = bench("say-play", properties, strict=False).enter()
    assert turn.event == "audioComplete"
    assert log.level == level
    assert log.message.startswith("states[1].properties.")


@pytest.mark.parametrize(
    ("properties", "place"),
    [
        ({}, "states[1].properties"),
        ({"say": ""}, "states[1].properties"),
        ({"say": "x", "play": "y"}, "states[1].properties"),
        ({"digits": "1x"}, "states[1].properties.digits"),
        ({"say": "x", "loop": 0}, "states[1].properties.loop"),
        ({"say": "x", "loop": 1.5}, "states[1].properties.loop"),
    ],
)
def test_validation(bench: Bench, properties: dict[str, object], place: str) -> None:
    assert [problem.place for problem in bench("say-play", properties).errors] == [place]


def test_the_caller_leaving_is_not_its_own(bench: Bench) -> None:
    assert bench("say-play", {"say": "x"}).handle(CallerHungUp()) == (None, [])
