"""One execution: its steps, its limits, and every event in its right and wrong place."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bridgetap.flow import Definition, Execution, Options
from bridgetap.flow.effects import Dial, Effect, EffectId, Hangup, HttpRequest, Log, Say, StartStream, StopStream
from bridgetap.flow.engine import MAX_IN_A_ROW, MAX_STEPS
from bridgetap.flow.events import (
    CallerHungUp,
    CallStarted,
    DialEnded,
    DialResult,
    Digits,
    Event,
    ExecutionStopped,
    HttpEnded,
    PlayEnded,
    RequestStarted,
    StreamCreated,
    StreamRefused,
    StreamStopped,
)
from bridgetap.flow.properties import Properties
from bridgetap.flow.widget import Ask, Done, Transition, Turn, Visit, WidgetType
from bridgetap.ids import ExecutionSid, FlowSid, StreamSid
from bridgetap.widgets import WIDGETS

Build = Callable[..., Any]
CALL = CallStarted(call={"From": "+15551230001", "To": "+15551230000", "CallSid": "CA1"})
MZ = StreamSid("MZ" + "0" * 32)


def codes(effects: Sequence[Effect]) -> list[int]:
    return [effect.code for effect in effects if isinstance(effect, Log)]


def asked(effects: Sequence[Effect]) -> EffectId:
    """The id of the one effect that gets an answer."""
    (found,) = [effect.id for effect in effects if not isinstance(effect, (Hangup, Log))]
    return found


def path(execution: Execution) -> list[tuple[str, str, str]]:
    return [(step.transitioned_from, step.name, step.transitioned_to) for step in execution.steps]


def test_the_seed_runs_from_start_to_stop(state: Build, execute: Build) -> None:
    execution = execute(
        state(
            "start",
            "fork-stream",
            {"stream_action": "start", "stream_name": "tap", "stream_url": "wss://a"},
            next="dial",
        ),
        state("dial", "connect-call-to", {"noun": "number", "to": "+1555"}, callCompleted="stop", hangup=None),
        state("stop", "fork-stream", {"stream_action": "stop", "stream_name": "t"}, next=None),
    )
    effects = execution.start(CALL, now_ns=1)
    assert [type(effect) for effect in effects] == [StartStream]
    assert execution.current == "start"
    effects = execution.handle(StreamCreated(effect=asked(effects), sid=MZ, name="t"), now_ns=2)
    assert [type(effect) for effect in effects] == [Dial]
    result = DialResult(status="completed", duration_s=12)
    effects = execution.handle(DialEnded(effect=asked(effects), result=result), now_ns=3)
    assert [type(effect) for effect in effects] == [StopStream]
    effects = execution.handle(StreamStopped(effect=asked(effects)), now_ns=4)
    assert effects == [Hangup()]
    assert execution.ended
    assert execution.end_reason == ""
    assert path(execution) == [
        ("Trigger", "incomingCall", "start"),
        ("start", "next", "dial"),
        ("dial", "callCompleted", "stop"),
        ("stop", "next", "Ended"),
    ]
    assert [step.at_ns for step in execution.steps] == [1, 2, 3, 4]
    # A step's snapshot stays what it was when the step was taken.
    assert "dial" not in execution.steps[1].context.widgets
    assert execution.steps[2].context.lookup("widgets", "dial", "DialCallDuration") == "12"


def test_a_rest_execution_starts_by_its_own_event_and_has_no_call(state: Build, flow: Build, parse: Build) -> None:
    body = flow(
        state("vars", "set-variables", {"variables": [{"key": "who", "value": "{{flow.data.name}}"}]}, next="say"),
        state("say", "say-play", {"say": "Hi"}, audioComplete=None),
        trigger={"incomingCall": "say", "incomingRequest": "vars"},
    )
    execution = Execution(parse(body), execution_sid=ExecutionSid("FN1"), flow_sid=FlowSid("FW1"))
    effects = execution.start(RequestStarted(to="+1", from_="+2", parameters={"name": "Ann"}), now_ns=0)
    assert execution.context.variables == {"who": "Ann"}
    assert execution.context.lookup("contact", "channel", "address") == "+1"
    assert execution.context.lookup("trigger", "request", "parameters", "name") == "Ann"
    assert codes(effects) == [81020]
    assert not any(isinstance(effect, Hangup) for effect in effects)
    assert execution.ended


def test_an_event_that_leads_nowhere_hangs_up(state: Build, execute: Build) -> None:
    execution = execute(state("say", "say-play", {"say": "Hi"}))  # the transition is missing altogether
    effects = execution.start(CALL, now_ns=0)
    assert execution.handle(PlayEnded(effect=asked(effects)), now_ns=1) == [Hangup()]
    assert path(execution)[-1] == ("say", "audioComplete", "Ended")


def test_a_trigger_without_that_event_ends_at_once(state: Build, flow: Build, parse: Build) -> None:
    definition = parse(flow(state("say", "say-play", {"say": "x"}), trigger={"incomingMessage": "say"}))
    execution = Execution(definition, execution_sid=ExecutionSid("FN1"), flow_sid=FlowSid("FW1"))
    assert execution.start(CALL, now_ns=0) == [Hangup()]
    assert path(execution) == [("Trigger", "incomingCall", "Ended")]


def test_a_widget_that_is_not_supported_is_named_and_the_call_ends(state: Build, execute: Build) -> None:
    execution = execute(state("flex", "send-to-flex", {}, callComplete=None))
    log, hangup = execution.start(CALL, now_ns=0)
    assert isinstance(log, Log)
    assert (log.level, log.widget) == ("error", "flex")
    assert "'send-to-flex' is not supported" in log.message
    assert "states[1]" in log.message
    assert hangup == Hangup()
    assert "send-to-flex" in execution.end_reason


def test_the_same_widget_runs_ten_times_in_a_row_and_no_more(state: Build, execute: Build) -> None:
    execution = execute(state("say", "say-play", {"say": "Hi"}, audioComplete="say"))
    effects = execution.start(CALL, now_ns=0)
    said = 1
    while not execution.ended:
        effects = execution.handle(PlayEnded(effect=asked(effects)), now_ns=said)
        said += any(isinstance(effect, Say) for effect in effects)
    assert said == MAX_IN_A_ROW == 10
    assert codes(effects) == [81001]
    assert effects[-1] == Hangup()


def test_an_execution_takes_a_thousand_steps_and_no_more(state: Build, execute: Build) -> None:
    """Two widgets that lead to each other never are ten in a row."""
    variables = {"variables": [{"key": "a", "value": "1"}]}
    execution = execute(
        state("a", "set-variables", variables, next="b"), state("b", "set-variables", variables, next="a")
    )
    effects = execution.start(CALL, now_ns=0)
    assert codes(effects) == [81000]
    assert effects[-1] == Hangup()
    assert len(execution.steps) == MAX_STEPS == 1000
    assert execution.ended


def test_a_caller_who_leaves_ends_a_path_without_a_hang_up_event(state: Build, execute: Build) -> None:
    execution = execute(state("say", "say-play", {"say": "Hi"}, audioComplete="say"))
    execution.start(CALL, now_ns=0)
    assert execution.handle(CallerHungUp(), now_ns=1) == []  # there is no call left to hang up
    assert execution.end_reason == "caller hung up"


def test_after_a_hang_up_event_the_flow_goes_on_without_a_call(state: Build, execute: Build) -> None:
    variables = {"variables": [{"key": "status", "value": "{{widgets.dial.DialCallStatus}}"}]}
    execution = execute(
        state("dial", "connect-call-to", {"noun": "number", "to": "+1555"}, callCompleted=None, hangup="note"),
        state("note", "set-variables", variables, next="tap"),
        state("tap", "fork-stream", {"stream_action": "stop", "stream_name": "tap"}, next="say"),
        state("say", "say-play", {"say": "too late"}, audioComplete=None),
    )
    effects = execution.start(CALL, now_ns=0)
    dial = asked(effects)
    effects = execution.handle(CallerHungUp(dial=DialResult(status="completed", duration_s=3)), now_ns=1)
    assert codes(effects) == [81020, 81020]  # the stop, then the prompt, have no call
    assert not any(isinstance(effect, Hangup) for effect in effects)
    assert execution.context.variables == {"status": "completed"}
    assert execution.handle(DialEnded(effect=dial, result=DialResult(status="completed")), now_ns=2) == []


def test_a_late_answer_is_dropped_and_keys_without_a_listener_too(state: Build, execute: Build) -> None:
    execution = execute(
        state("one", "say-play", {"say": "1"}, audioComplete="two"), state("two", "say-play", {"say": "2"})
    )
    first = asked(execution.start(CALL, now_ns=0))
    second = asked(execution.handle(PlayEnded(effect=first), now_ns=1))
    assert second != first
    assert execution.handle(PlayEnded(effect=first), now_ns=2) == []
    assert execution.handle(Digits(digits="1"), now_ns=3) == []
    assert execution.current == "two"


def test_an_answer_of_the_wrong_kind_is_a_warning(state: Build, execute: Build) -> None:
    execution = execute(state("say", "say-play", {"say": "1"}))
    effects = execution.start(CALL, now_ns=0)
    assert codes(execution.handle(StreamStopped(effect=asked(effects)), now_ns=1)) == [81002]
    assert execution.current == "say"


def test_events_before_the_start_and_a_second_start_are_warnings(state: Build, execute: Build) -> None:
    execution = execute(state("say", "say-play", {"say": "1"}))
    assert codes(execution.handle(Digits(digits="1"), now_ns=0)) == [81002]
    execution.start(CALL, now_ns=1)
    assert codes(execution.start(CALL, now_ns=2)) == [81002]
    assert len(execution.steps) == 1


def test_stopping_from_outside_hangs_up_and_says_why(state: Build, execute: Build) -> None:
    execution = execute(state("say", "say-play", {"say": "1"}))
    execution.start(CALL, now_ns=0)
    assert execution.handle(ExecutionStopped(reason="shutdown"), now_ns=1) == [Hangup()]
    assert execution.end_reason == "shutdown"
    assert execution.handle(CallerHungUp(), now_ns=2) == []


def test_a_template_that_fails_renders_empty_and_the_flow_goes_on(state: Build, execute: Build) -> None:
    variables = {"variables": [{"key": "a", "value": "{{ 1 | divided_by: 0 }}"}, {"key": "b", "value": "b"}]}
    execution = execute(state("vars", "set-variables", variables, next="say"), state("say", "say-play", {"say": "x"}))
    effects = execution.start(CALL, now_ns=0)
    assert codes(effects) == [81018]
    assert execution.context.variables == {"a": "", "b": "b"}
    assert execution.current == "say"


def test_steps_can_be_taken_as_they_come(state: Build, execute: Build) -> None:
    execution = execute(state("say", "say-play", {"say": "1"}, audioComplete="say"))
    effects = execution.start(CALL, now_ns=0)
    execution.handle(PlayEnded(effect=asked(effects)), now_ns=1)
    assert [step.index for step in execution.steps_since(1)] == [1]


@dataclass(frozen=True)
class Fetch:
    """A widget of the test's own: what asks for HTTP comes later, the engine is ready."""

    def enter(self, visit: Visit) -> Turn:
        return Ask(effects=(HttpRequest(method="GET", url="https://a.example"), Say(text="one moment")))

    def handle(self, event: Event, visit: Visit) -> Turn | None:
        match event:
            case HttpEnded():
                return Done(event="success", variables={"body": event.body})
            case PlayEnded():
                return Ask(effects=(Say(text="still waiting"),))
            case Digits():
                return Done(event="keypress", variables={"Digits": event.digits})
            case _:
                return None


def parse_fetch(properties: Properties, transitions: tuple[Transition, ...]) -> Fetch:
    properties.accept("say")
    return Fetch()


def fetching(flow: Build, state: Build) -> Execution:
    registry = {**WIDGETS, "say-play": WidgetType(type="say-play", events=(), parse=parse_fetch)}
    body = flow(state("fetch", "say-play", {}, success=None, keypress="fetch"))
    definition = Definition.parse(body, widgets=registry)
    return Execution(definition, execution_sid=ExecutionSid("FN1"), flow_sid=FlowSid("FW1"))


def test_a_widget_may_wait_for_several_answers_and_for_keys(flow: Build, state: Build) -> None:
    execution = fetching(flow, state)
    http, say = execution.start(CALL, now_ns=0)
    assert isinstance(http, HttpRequest)
    assert isinstance(say, Say)
    effects = execution.handle(Digits(digits="5"), now_ns=1)
    assert execution.context.lookup("widgets", "fetch", "Digits") == "5"
    http = next(effect for effect in effects if isinstance(effect, HttpRequest))
    execution.handle(HttpEnded(effect=http.id, status=200, body="yes"), now_ns=2)
    assert execution.ended
    assert execution.context.lookup("widgets", "fetch", "body") == "yes"


def test_the_zone_is_an_option(state: Build, execute: Build) -> None:
    from datetime import UTC

    variables = {"variables": [{"key": "at", "value": "{{'now' | date: '%H:%M %Z'}}"}]}
    states = [state("vars", "set-variables", variables)]
    execution = execute(*states, options=Options(zone=UTC))
    execution.start(CALL, now_ns=1_767_323_045_000_000_000)
    assert execution.context.variables == {"at": "03:04 UTC"}
    execution = execute(*states)
    execution.start(CALL, now_ns=1_767_323_045_000_000_000)
    assert execution.context.variables == {"at": "19:04 PST"}


# --- nothing makes it raise ------------------------------------------------------------------

NAMES = ["a", "b", "c-d", "e f"]
LIQUID = st.sampled_from(
    [
        "",
        "x",
        "5",
        "{{flow.variables.v}}",
        "{{widgets.a.DialCallStatus}}",
        "{{ bad",
        "{{ 1 | divided_by: 0 }}",
        "wss://h/p",
    ]
)
TARGETS = st.sampled_from([*NAMES, None, ""])
PAIRS = st.lists(st.fixed_dictionaries({"key": st.sampled_from(["v", "w", ""]), "value": LIQUID}), max_size=3)
CONDITIONS = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["equal_to", "regex", "less_than", "is_blank", "matches_any_of", "is_before_date"]),
            "value": LIQUID,
            "arguments": st.lists(LIQUID, max_size=1),
        }
    ),
    max_size=2,
)
EVENTS = {
    "fork-stream": ["next"],
    "connect-call-to": ["callCompleted", "hangup"],
    "say-play": ["audioComplete"],
    "split-based-on": ["noMatch", "match", "match"],
    "set-variables": ["next"],
    "send-to-flex": ["callComplete"],
}
PROPERTIES = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("say", "play", "digits", "voice", "input", "to", "caller_id", "sip_endpoint"), LIQUID),
        **dict.fromkeys(("stream_name", "stream_url", "stream_connector", "time_limit"), LIQUID),
        "stream_action": st.sampled_from(["start", "stop", "jump", "{{flow.variables.v}}"]),
        "stream_transport_type": st.sampled_from(["websocket", "siprec", "", "tcp"]),
        "stream_track": st.sampled_from(["inbound_track", "both_tracks", "all"]),
        "stream_parameters": PAIRS,
        "variables": PAIRS,
        "noun": st.sampled_from(["number", "number-multi", "sip", "client", "conference"]),
        "loop": st.integers(-3, 120),
        "timeout": st.integers(-3, 700) | st.text(max_size=3),
        "record": st.booleans() | st.text(max_size=3),
    },
)


@st.composite
def definitions(draw: st.DrawFn) -> dict[str, Any]:
    states: list[dict[str, Any]] = []
    for name in NAMES:
        kind = draw(st.sampled_from(sorted(EVENTS)))
        transitions = [
            {"event": event, "next": draw(TARGETS)} | ({"conditions": draw(CONDITIONS)} if event == "match" else {})
            for event in EVENTS[kind]
        ]
        states.append({"name": name, "type": kind, "transitions": transitions, "properties": draw(PROPERTIES)})
    events = [{"event": "incomingCall", "next": draw(TARGETS)}, {"event": "incomingRequest", "next": draw(TARGETS)}]
    trigger = {"name": "Trigger", "type": "trigger", "transitions": events}
    return {"states": [trigger, *states], "initial_state": "Trigger"}


IDS = st.integers(0, 12).map(EffectId)
RESULTS = st.builds(
    DialResult,
    status=st.sampled_from(["completed", "answered", "busy", "no-answer", "failed", "canceled"]),
    duration_s=st.integers(0, 99),
)
HAPPENINGS: st.SearchStrategy[Event | CallStarted | RequestStarted] = st.one_of(
    st.builds(PlayEnded, effect=IDS, error=st.text(max_size=3)),
    st.builds(DialEnded, effect=IDS, result=RESULTS),
    st.builds(StreamCreated, effect=IDS, sid=st.just(MZ), name=st.text(max_size=3)),
    st.builds(StreamStopped, effect=IDS),
    st.builds(StreamRefused, effect=IDS, code=st.integers(31900, 31960), message=st.text(max_size=3)),
    st.builds(HttpEnded, effect=IDS, status=st.integers(0, 599)),
    st.builds(Digits, digits=st.text(max_size=3)),
    st.builds(CallerHungUp, dial=RESULTS | st.none()),
    st.builds(ExecutionStopped),
    st.just(CALL),
    st.just(RequestStarted(to="+1", from_="+2")),
)


@settings(max_examples=300, deadline=None)
@given(definitions(), st.lists(HAPPENINGS, max_size=12), st.booleans())
def test_no_definition_and_no_order_of_events_makes_it_raise(
    body: dict[str, Any], happenings: list[Event | CallStarted | RequestStarted], eager: bool
) -> None:
    execution = Execution(
        Definition.parse(body, widgets=WIDGETS), execution_sid=ExecutionSid("FN1"), flow_sid=FlowSid("FW1")
    )
    effects = execution.start(CALL, now_ns=0) if eager else []
    hangups = effects.count(Hangup())
    seen = [effect.id for effect in effects if not isinstance(effect, (Hangup, Log))]
    for now_ns, happening in enumerate(happenings):
        if isinstance(happening, (CallStarted, RequestStarted)):
            effects = execution.start(happening, now_ns=now_ns)
        else:
            effects = execution.handle(happening, now_ns=now_ns)
        hangups += effects.count(Hangup())
        seen += [effect.id for effect in effects if not isinstance(effect, (Hangup, Log))]
    assert hangups <= 1
    assert len(set(seen)) == len(seen), "two effects share an id"
    assert len(execution.steps) <= MAX_STEPS
    assert execution.current is None or not execution.ended
    if execution.ended:
        assert execution.end_reason or execution.steps[-1].transitioned_to == "Ended"
        assert execution.handle(Digits(digits="1"), now_ns=99) == []
