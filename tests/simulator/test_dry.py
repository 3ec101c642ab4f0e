"""Dry runs: the real engine, a virtual clock, scripted answers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bridgetap.flow import Definition
from bridgetap.flow.effects import HttpRequest
from bridgetap.flow.events import Event, HttpEnded
from bridgetap.flow.properties import Properties
from bridgetap.flow.widget import Ask, Done, Transition, Turn, Visit, WidgetType
from bridgetap.simulator import DialAnswer, DryRun, HttpStub, KeyPress, Script, Transcript
from bridgetap.siprec.recorder_uri import parse_recorder
from bridgetap.streams import Connector, Connectors
from bridgetap.widgets import WIDGETS

SEED = Path(__file__).parents[2] / "examples/fork-stream.json"


def state(name: str, kind: str, properties: dict[str, object], **leads: str | None) -> dict[str, Any]:
    transitions = [{"event": event, "next": target} for event, target in leads.items()]
    return {"name": name, "type": kind, "transitions": transitions, "properties": properties}


def run(*states: dict[str, Any], script: Script | None = None, **arguments: Any) -> Transcript:
    trigger = state("Trigger", "trigger", {}, incomingCall=states[0]["name"])
    body = {"states": [trigger, *states], "initial_state": "Trigger"}
    widgets = arguments.pop("widgets", WIDGETS)
    return DryRun(Definition.parse(body, widgets=widgets), script or Script(), **arguments).run()


def lines(transcript: Transcript) -> list[tuple[float, str, str]]:
    return [(entry.at_s, entry.widget, entry.text) for entry in transcript.entries]


def test_the_seed_takes_its_whole_path() -> None:
    definition = Definition.parse(SEED.read_bytes(), widgets=WIDGETS)
    transcript = DryRun(definition, Script(dials=(DialAnswer(talk_s=8.0),))).run()
    assert transcript.ok
    assert transcript.path == ("Trigger", "start_stream", "connect_agent", "stop_stream", "Ended")
    assert lines(transcript) == [
        (0.0, "Trigger", "incomingCall → start_stream"),
        (0.0, "start_stream", "start stream 'AudioStream' to wss://cool.process.io (inbound and outbound)"),
        (0.0, "start_stream", "next → connect_agent"),
        (0.0, "connect_agent", "dial +15551230002 as +15551230001"),
        (10.0, "connect_agent", "the call out: completed after 8 s of talk"),
        (10.0, "connect_agent", "callCompleted → stop_stream"),
        (10.0, "stop_stream", "stop stream 'AudioStream'"),
        (10.0, "stop_stream", "next → Ended"),
        (10.0, "", "hang up"),
    ]


def test_the_same_run_says_the_same() -> None:
    definition = Definition.parse(SEED.read_bytes(), widgets=WIDGETS)
    assert DryRun(definition, Script()).run() == DryRun(definition, Script()).run()


RING_20 = {"noun": "number", "to": "+1", "timeout": 20}
DIAL = state("dial", "connect-call-to", RING_20, callCompleted="dial2", hangup=None)
DIAL2 = state("dial2", "connect-call-to", {"noun": "number", "to": "+2"}, callCompleted=None, hangup=None)


def status(transcript: Transcript, widget: str) -> object:
    widgets = transcript.context["widgets"]
    assert isinstance(widgets, dict)
    return widgets[widget]["DialCallStatus"]


def test_calls_out_end_as_scripted_the_last_word_serving_the_rest() -> None:
    transcript = run(DIAL, DIAL2, script=Script(dials=(DialAnswer(status="no-answer"), DialAnswer(status="busy"))))
    assert (status(transcript, "dial"), status(transcript, "dial2")) == ("no-answer", "busy")
    assert transcript.duration_s == 22.0  # 20 s of ringing, 2 s to the busy tone
    transcript = run(DIAL, DIAL2, script=Script(dials=(DialAnswer(status="canceled"),)))
    assert (status(transcript, "dial"), status(transcript, "dial2")) == ("canceled", "canceled")


@pytest.mark.parametrize(("at_s", "expected"), [(1.0, "canceled"), (7.0, "completed")])
def test_a_caller_who_leaves_while_it_rings_cancels_and_later_completes(at_s: float, expected: str) -> None:
    transcript = run(DIAL, DIAL2, script=Script(hangup_at_s=at_s))
    assert status(transcript, "dial") == expected
    assert transcript.path == ("Trigger", "dial", "Ended")
    assert transcript.duration_s == at_s


def test_prompts_take_time_and_keys_are_shown() -> None:
    transcript = run(
        state("say", "say-play", {"say": "x" * 30, "loop": 2}, audioComplete="play"),
        state("play", "say-play", {"play": "a.wav"}, audioComplete="keys"),
        state("keys", "say-play", {"digits": "1W"}, audioComplete=None),
        script=Script(digits=(KeyPress(digits="5", at_s=1.0),)),
    )
    assert (1.0, "say", "the caller presses 5") in lines(transcript)
    assert transcript.duration_s == pytest.approx(4.0 + 5.0 + 1.17)


def fork(name: str, lead: str | None, **properties: object) -> dict[str, Any]:
    return state(name, "fork-stream", {"stream_action": "start", "stream_url": "wss://a", **properties}, next=lead)


def test_streams_keep_the_rules_of_a_call() -> None:
    transcript = run(
        fork("one", "two", stream_name="a", stream_track="both_tracks"),
        fork("two", "three", stream_name="a"),
        fork("three", "four", stream_name="b", stream_track="both_tracks"),
        fork("four", "five", stream_name="c"),
        fork("five", "six", stream_action="stop", stream_name="nobody"),
        fork("six", "seven", stream_action="stop"),
        fork("seven", "eight", stream_action="stop", stream_name="b"),
        fork("eight", None, stream_transport_type="siprec", stream_connector="rec"),
        connectors=Connectors({}),
    )
    told = {(entry.widget, entry.kind): entry.code for entry in transcript.entries if entry.code}
    assert told == {
        ("two", "warning"): 20409,
        ("four", "warning"): 31941,
        ("five", "warning"): 20404,
        ("seven", "warning"): 20404,
        ("eight", "error"): 31940,
    }
    assert not transcript.ok
    assert transcript.path[-1] == "Ended"  # and yet the flow went all its way


def record(name: str, lead: str | None, **properties: object) -> dict[str, Any]:
    return fork(name, lead, stream_url="", stream_transport_type="siprec", **properties)


SRS = parse_recorder("sip:rec@srs.example", place="")
CONNECTORS = Connectors(
    {
        "srs": Connector(name="srs", recorders=(SRS,)),
        "plain": Connector(name="plain", recorders=(SRS,), parameters_as="metadata"),
        "bad": Connector(name="bad", recorders=(), broken=("recorders[0]: no",)),
    }
)


def test_a_stream_to_a_recorder_is_judged_as_on_a_live_call() -> None:
    to_via = [{"key": "Via", "value": "x"}]
    transcript = run(
        record("one", "two", stream_connector="srs", stream_name="a"),
        record("two", "three", stream_connector="sr5"),
        record("three", "four", stream_connector="bad"),
        record("four", "five", stream_connector="srs", stream_name="a"),
        record("five", "six", stream_connector="srs", stream_parameters=to_via),
        record("six", "seven", stream_connector="plain", stream_parameters=to_via),
        fork("seven", "eight", stream_action="stop", stream_transport_type="siprec", stream_name="a"),
        record("eight", None, stream_connector="srs", stream_name="a"),
        connectors=CONNECTORS,
    )
    told = {entry.widget: (entry.kind, entry.code) for entry in transcript.entries if entry.code}
    assert told == {
        "two": ("error", 31940),
        "three": ("error", 31942),
        "four": ("warning", 20409),
        "five": ("error", 32113),
    }
    (unknown,) = [entry.text for entry in transcript.entries if entry.code == 31940]
    assert "bad, plain, srs" in unknown
    assert all(entry.kind != "note" for entry in transcript.entries)


def test_without_a_configuration_every_name_is_a_connector_and_that_is_said_once() -> None:
    transcript = run(record("one", "two", stream_connector="srs"), record("two", None, stream_connector="other"))
    assert transcript.ok
    (note,) = [entry for entry in transcript.entries if entry.kind == "note"]
    assert note.widget == "one"
    assert "note: no configuration says which connectors there are" in str(note)


@dataclass(frozen=True)
class Fetch:
    """Asks for HTTP: no widget of the registry does yet."""

    def enter(self, visit: Visit) -> Turn:
        return Ask(effects=(HttpRequest(method="GET", url="https://api.example.com/hours"),))

    def handle(self, event: Event, visit: Visit) -> Turn | None:
        if not isinstance(event, HttpEnded):
            return None
        return Done(event="success" if event.status == 200 else "failed", variables={"body": event.body})


def parse_fetch(properties: Properties, transitions: tuple[Transition, ...]) -> Fetch:
    return Fetch()


@pytest.mark.parametrize(
    ("stub", "event", "body"),
    [
        ('[{"url": "https://api.example.com/hours", "body": {"open": true}}]', "success", '{"open": true}'),
        ('[{"method": "POST", "url": "*"}, {"url": "https://api.*", "status": 503, "body": "no"}]', "failed", "no"),
        ("[]", "failed", ""),
    ],
)
def test_http_is_answered_from_the_stub(stub: str, event: str, body: str) -> None:
    kind = "make-http-request"
    widgets = {**WIDGETS, kind: WidgetType(type=kind, events=("success", "failed"), parse=parse_fetch)}
    transcript = run(state("fetch", kind, {}, success=None, failed=None), widgets=widgets, http=HttpStub.parse(stub))
    assert (0.2, "fetch", f"{event} → Ended") in lines(transcript)
    assert transcript.context["widgets"] == {"fetch": {"body": body}}


def test_a_transcript_as_json_names_what_went_wrong() -> None:
    found = run(state("flex", "send-to-flex", {})).to_json()
    assert found["ok"] is False
    assert found["path"] == ["Trigger", "flex", "Ended"]
    assert "send-to-flex" in str(found["reason"])
