"""Fork Stream: what it asks for, and that no failure of a stream stops the flow."""

from collections.abc import Callable
from typing import Any

import pytest

from bridgetap.flow.effects import EffectId, StartStream, StopStream
from bridgetap.flow.events import CallerHungUp, Digits, StreamCreated, StreamRefused, StreamStopped
from bridgetap.flow.stream_options import StreamOptions
from bridgetap.flow.stream_url import StreamUrl
from bridgetap.flow.widget import Ask, Done
from bridgetap.ids import StreamSid

Bench = Callable[..., Any]
URL = "wss://cool.process.io"
START = {"stream_action": "start", "stream_transport_type": "websocket", "stream_url": URL}
NEXT = Done(event="next", variables={})
EFFECT = EffectId(1)


def test_the_seeds_options_reach_the_stream(bench: Bench) -> None:
    fork = bench(
        "fork-stream",
        {
            **START,
            "stream_name": "AudioStream",
            "stream_track": "both_tracks",
            "stream_parameters": [
                {"key": "Custom1", "value": "Bob"},
                {"value": "{{flow.variables.lang}}", "key": "lang"},
            ],
            "offset": {"x": -40, "y": 220},
        },
        variables={"lang": "en"},
    )
    turn, logs = fork.enter()
    assert fork.problems == []
    assert logs == []
    assert turn == Ask(
        effects=(
            StartStream(
                name="AudioStream",
                transport="websocket",
                url=StreamUrl.parse(URL),
                tracks=("inbound", "outbound"),
                parameters=(("Custom1", "Bob"), ("lang", "en")),
            ),
        )
    )
    assert turn.effects[0].url.request_path == "/"


def test_options_are_rendered_and_judged_like_everything_else(bench: Bench) -> None:
    options = {
        "resume": True,
        "max_lag_ms": 700,
        "fallback_urls": ["wss://b.test/in", "wss://{{flow.variables.spare}}/in"],
        "headers": {"X-Tenant": "{{flow.variables.tenant}}"},
    }
    variables = {"tenant": 'a", "b', "spare": "c.test"}
    fork = bench("fork-stream", {**START, "stream_options": options}, variables=variables)
    turn, logs = fork.enter()
    assert (fork.problems, logs) == ([], [])
    assert isinstance(turn, Ask)
    (effect,) = turn.effects
    assert isinstance(effect, StartStream)
    assert effect.options == StreamOptions(
        resume=True,
        max_lag_ms=700,
        fallback_urls=(StreamUrl(host="b.test", path="/in"), StreamUrl(host="c.test", path="/in")),
        headers=(("X-Tenant", 'a", "b'),),
    )


@pytest.mark.parametrize(
    ("options", "place", "rule"),
    [
        ({"resume": "perhaps"}, ".resume", "must be true or false"),
        ({"resumee": True}, ".resumee", "did you mean 'resume'"),
        ({"headers": {"Host": "x"}}, ".headers.Host", "belongs to the handshake itself"),
        ("resume", "", "must be an object"),
        ({"ring_ms": 1.5}, ".ring_ms", "must be a text, a number"),
    ],
)
def test_an_option_that_cannot_be_used_is_named_at_validation(
    bench: Bench, options: object, place: str, rule: str
) -> None:
    fork = bench("fork-stream", {**START, "stream_options": options})
    found = [problem for problem in fork.problems if problem.place.endswith(f"stream_options{place}")]
    assert len(found) == 1
    assert rule in found[0].rule


def test_a_secret_option_is_not_repeated(bench: Bench) -> None:
    fork = bench("fork-stream", {**START, "stream_options": {"bearer_token": "hunter2 hunter2"}})
    assert fork.problems
    assert "hunter2" not in str(fork.problems)


@pytest.mark.parametrize(
    "more",
    [
        {"stream_options": {"bearer_token": "s3cret{{ flow.variables.x | nonsense }}"}},
        {"stream_options": {"bearer_token": "s3cret{{ 1 | divided_by: 0 }}"}},
        {"stream_options": {"headers": {"X-Key": "s3cret{{ 1 | divided_by: 0 }}"}}},
        {"stream_options": {"headers": {"X-Key": "s3cret{{"}}},
        {"stream_options": {"headers": "s3cret{{ 1 | divided_by: 0 }}"}},
        {"stream_options": {"headers": {"X-Key": {"s3cret": 1}}}},
        {"stream_options": {"headers": {"Host": "s3cret"}}},
        {"stream_options": {"bearerToken": "s3cret"}},
        {"stream_options": {"fallback_urls": "ws://b.test/in?key=s3cret"}},
        {"stream_options": {"fallback_urls": "wss://b.test/in?key=s3cret{{ 1 | divided_by: 0 }}"}},
        {"stream_options": {"fallback_urls": "wss://bob:s3cret@b.test/in"}},
        {"stream_options": {"fallback_urls": {"s3cret": 1}}},
        {"stream_url": "ws://a.test/in?key=s3cret"},
        {"stream_url": "ws://bob:s3cret@a.test/in"},
        {"stream_url": "wss://a.test/in?key=s3cret{{"},
        {"stream_url": "wss://a.test/in?key=s3cret{{ 1 | divided_by: 0 }}"},
        {"stream_parameters": [{"key": "k", "value": "s3cret{{"}]},
        {"stream_parameters": [{"key": "k", "value": "s3cret{{ 1 | divided_by: 0 }}"}]},
        {"stream_parameters": [{"key": "k", "value": ["s3cret"]}]},
        {"stream_parameters": [["s3cret"]]},
        {"stream_parameters": "s3cret"},
    ],
)
def test_no_secret_of_a_request_is_repeated_wherever_it_is_wrong(bench: Bench, more: dict[str, object]) -> None:
    for strict in (True, False):
        fork = bench("fork-stream", START | more, strict=strict)
        _, logs = fork.enter()
        said = [str(problem) for problem in fork.problems] + [log.message for log in logs]
        assert said, "it is told all the same"
        assert not [text for text in said if "s3cret" in text]


@pytest.mark.parametrize(
    "event", [StreamCreated(effect=EFFECT, sid=StreamSid("MZ1"), name="x"), StreamStopped(effect=EFFECT)]
)
def test_next_fires_when_the_stream_is_created_or_stopped(bench: Bench, event: StreamCreated | StreamStopped) -> None:
    assert bench("fork-stream", START).handle(event) == (NEXT, [])


def test_a_refused_stream_logs_its_code_and_takes_next(bench: Bench) -> None:
    turn, (log,) = bench("fork-stream", START).handle(StreamRefused(effect=EFFECT, code=31941, message="tracks"))
    assert turn == NEXT
    assert (log.level, log.code, log.message) == ("warning", 31941, "tracks")


@pytest.mark.parametrize(
    ("properties", "place", "code"),
    [
        ({**START, "stream_action": "pause"}, "stream_action", 81022),
        ({**START, "stream_transport_type": "udp"}, "stream_transport_type", 81022),
        ({**START, "stream_url": ""}, "stream_url", 31923),
        ({**START, "stream_url": "ws://cool.process.io"}, "stream_url", 31922),
        ({**START, "stream_url": "wss://<<ngork url>>"}, "stream_url", 31923),
        ({**START, "stream_url": "wss://u:p@cool.process.io"}, "stream_url", 31923),
        ({**START, "stream_track": "mixed"}, "stream_track", 31941),
        ({"stream_action": "start", "stream_transport_type": "siprec"}, "stream_connector", 31940),
        ({**START, "stream_parameters": [{"key": "k", "value": ""}]}, "stream_parameters[0].value", 81022),
        ({**START, "stream_parameters": [{"key": "k", "value": "v" * 499}]}, "stream_parameters[0].value", 81022),
    ],
)
def test_a_broken_rule_is_told_at_validation_and_again_at_run_time(
    bench: Bench, properties: dict[str, object], place: str, code: int
) -> None:
    fork = bench("fork-stream", properties)
    where = f"states[1].properties.{place}"
    assert [problem.place for problem in fork.errors] == [where]
    assert [problem.place for problem in bench("fork-stream", properties, strict=False).warnings] == [where]
    turn, (log,) = fork.enter()
    assert turn == NEXT  # the call goes on
    assert (log.level, log.code) == ("error", code)
    assert log.message.startswith(where)


def test_an_empty_parameter_key_is_told(bench: Bench) -> None:
    fork = bench("fork-stream", {**START, "stream_parameters": [{"key": "", "value": "v"}]})
    assert {problem.place for problem in fork.errors} == {
        "states[1].properties.stream_parameters[0].key",
        "states[1].properties.stream_parameters[0].value",
    }
    turn, (log,) = fork.enter()
    assert turn == NEXT
    assert "needs a key" in log.message


def test_rules_are_judged_after_rendering(bench: Bench) -> None:
    properties = {
        **START,
        "stream_url": "{{flow.variables.url}}",
        "stream_track": "{{flow.variables.track}}",
        "stream_action": "{{flow.variables.action}}",
        "stream_transport_type": "{{flow.variables.type}}",
        "stream_name": "{{flow.variables.name}}",
    }
    good = {"url": f" {URL} ", "track": "outbound_track", "action": "start", "type": "websocket", "name": "n"}
    fork = bench("fork-stream", properties, variables=good)
    assert fork.problems == []
    turn, logs = fork.enter()
    assert turn.effects[0].tracks == ("outbound",)
    assert logs == []
    _, (log,) = bench("fork-stream", properties, variables={**good, "url": "http://x"}).enter()
    assert log.code == 31922
    _, logs = bench("fork-stream", properties).enter()  # every variable undefined
    assert [log.level for log in logs] == ["error"]


def test_a_siprec_start_asks_for_its_connector(bench: Bench) -> None:
    properties = {"stream_action": "start", "stream_transport_type": "siprec", "stream_connector": "Gridspace_1"}
    turn, _ = bench("fork-stream", properties).enter()
    assert turn == Ask(effects=(StartStream(transport="siprec", connector="Gridspace_1"),))


def test_the_connectors_other_name_is_tolerated(bench: Bench) -> None:
    properties = {"stream_action": "start", "stream_transport_type": "siprec", "stream_connector_name": "G"}
    fork = bench("fork-stream", properties)
    assert fork.problems == []
    turn, _ = fork.enter()
    assert turn.effects[0].connector == "G"


def test_a_query_is_dropped_with_a_warning_unless_the_operator_allows_it(bench: Bench) -> None:
    properties = {**START, "stream_url": f"{URL}/in?token=t"}
    fork = bench("fork-stream", properties)
    assert [warning.place for warning in fork.warnings] == ["states[1].properties.stream_url"]
    turn, (log,) = fork.enter()
    assert (str(turn.effects[0].url), log.level) == (f"{URL}/in", "warning")
    turn, logs = bench("fork-stream", properties, allow_query=True).enter()
    assert (str(turn.effects[0].url), logs) == (f"{URL}/in?token=t", [])


def test_a_stop_ends_the_named_stream_or_the_newest_with_a_warning(bench: Bench) -> None:
    turn, logs = bench("fork-stream", {"stream_action": "stop", "stream_name": "AudioStream"}).enter()
    assert (turn, logs) == (Ask(effects=(StopStream(name="AudioStream", transport="websocket"),)), [])
    nameless = bench("fork-stream", {"stream_action": "stop", "stream_transport_type": "siprec"})
    turn, (log,) = nameless.enter()
    assert turn == Ask(effects=(StopStream(name=None, transport="siprec"),))
    assert log.level == "warning"
    assert nameless.errors == []


def test_the_action_is_the_one_thing_required(bench: Bench) -> None:
    assert [problem.place for problem in bench("fork-stream", {}).errors] == ["states[1].properties.stream_action"]


def test_without_a_live_call_it_warns_and_takes_next(bench: Bench) -> None:
    turn, (log,) = bench("fork-stream", START, call_live=False).enter()
    assert turn == NEXT
    assert (log.level, log.code) == ("warning", 81020)


@pytest.mark.parametrize("event", [CallerHungUp(), Digits(digits="1")])
def test_other_events_are_not_its_own(bench: Bench, event: CallerHungUp | Digits) -> None:
    assert bench("fork-stream", START).handle(event) == (None, [])
