"""The demo's judgement: a good call passes every claim, and each fault fails the claim it breaks."""

import wave
from array import array
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bridgetap.cli.demo_checks import Evidence, StreamEvidence, judge
from bridgetap.cli.demo_flow import STEPS, demo_flow
from bridgetap.cli.demo_recording import RecordingEvidence
from bridgetap.engine import LegId, LegStats
from bridgetap.flow import Definition
from bridgetap.ids import AccountSid, CallSid, StreamSid
from bridgetap.phone import CALLEE_WAV, CALLER_WAV, Report
from bridgetap.phone.likeness import find_sentence
from bridgetap.receiver import Faults, MediaFormat, Start, TrackFigures
from bridgetap.widgets import WIDGETS

find = cache(find_sentence)  # the same few pairs again and again
Change = Callable[[Evidence], Evidence]


def report(cause: Any, heard: Path) -> Report:
    stats = LegStats(leg=LegId(1), packets_received=400)
    return Report(
        setup_ms=12.0,
        duration_s=8.0,
        cause=cause,
        status=0,
        reason="",
        digits="",
        stats=stats,
        heard=heard,
        moments=(),
    )


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both voices on one track."""
    path = tmp_path_factory.mktemp("mixed") / "mixed.wav"
    voices = []
    for source in (CALLER_WAV, CALLEE_WAV):
        with wave.open(str(source), "rb") as file:
            voices.append(array("h", file.readframes(file.getnframes())))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(array("h", [(a + b) // 2 for a, b in zip(*voices, strict=False)]).tobytes())
    return path


@pytest.fixture
def good() -> Evidence:
    start = Start(
        sequence_number=1,
        stream_sid=StreamSid("MZ" + "0" * 32),
        account_sid=AccountSid("AC" + "0" * 32),
        call_sid=CallSid("CA" + "0" * 32),
        tracks=("inbound", "outbound"),
        media_format=MediaFormat(encoding="audio/x-mulaw", sample_rate=8000, channels=1),
        custom_parameters={"Custom1": "Bob"},
    )
    stream = StreamEvidence(
        name="AudioStream",
        start=start,
        stopped=True,
        faults=Faults(),
        tracks={
            "inbound": TrackFigures(frames=300, timestamp_ms=6000),
            "outbound": TrackFigures(frames=300, timestamp_ms=6000),
        },
        wavs={"inbound": CALLER_WAV, "outbound": CALLEE_WAV},
        error="",
        end_reason="stopped",
        ms_dropped=0,
        latency_p50_us=400,
        latency_p99_us=2100,
    )
    recording = RecordingEvidence(
        name="Recording",
        end_reason="stopped",
        folder=Path("demo-output/recording-1"),
        packets={"1": 300, "2": 301},
        lost=0,
        late=0,
        wavs={"1": CALLER_WAV, "2": CALLEE_WAV},
        documents=3,
        parameters={"Custom1": "Bob"},
        faults=(),
    )
    return Evidence(
        path=STEPS,
        next_ms=1.0,
        caller=report("bye", CALLEE_WAV),
        callee=report("hung-up", CALLER_WAV),
        streams=(stream,),
        recordings=(recording,),
        parameters={"Custom1": "Bob"},
        refusals=(),
        sentences={"caller": CALLER_WAV, "callee": CALLEE_WAV},
    )


def test_a_good_call_passes_every_claim(good: Evidence) -> None:
    assert [check.name for check in judge(good, find=find) if not check.ok] == []
    assert len(judge(good, find=find)) == 16


def stream(**change: Any) -> Change:
    return lambda evidence: replace(evidence, streams=(replace(evidence.streams[0], **change),))


def recording(**change: Any) -> Change:
    return lambda evidence: replace(evidence, recordings=(replace(evidence.recordings[0], **change),))


def lost(evidence: Evidence) -> Evidence:
    stats = LegStats(leg=LegId(1), packets_received=400, lost=1)
    return replace(evidence, callee=replace(evidence.callee, stats=stats))


FAULTS: dict[str, tuple[Change, set[str]]] = {
    "another path": (lambda e: replace(e, path=STEPS[:-1]), {"the flow took its path"}),
    "a logged error": (lambda e: replace(e, notes=("31921 closed",)), {"the flow took its path"}),
    "the caller left": (
        lambda e: replace(e, caller=replace(e.caller, cause="hung-up")),
        {"the callee hung up first, then the flow ended the call"},
    ),
    "a lost packet": (lost, {"no phone missed an RTP packet"}),
    "no figures": (
        lambda e: replace(e, caller=replace(e.caller, stats=None)),
        {"no phone missed an RTP packet"},
    ),
    "a bad signature": (
        lambda e: replace(e, refusals=("403",)),
        {"the receiver was called once, and the handshake was signed"},
    ),
    "two streams": (
        lambda e: replace(e, streams=e.streams * 2),
        {"the receiver was called once, and the handshake was signed"},
    ),
    "a broken frame": (stream(error="media.chunk: …"), {"every frame was valid, from connected to stop"}),
    "no stop": (stream(stopped=False), {"every frame was valid, from connected to stop"}),
    "not stopped by the flow": (stream(end_reason="call-ended"), {"every frame was valid, from connected to stop"}),
    "a missing frame": (stream(faults=Faults(missing=1)), {"no frame is missing on either track"}),
    "dropped audio": (stream(ms_dropped=20), {"no frame is missing on either track"}),
    "a silent track": (
        stream(tracks={"inbound": TrackFigures(frames=300, timestamp_ms=6000), "outbound": TrackFigures()}),
        {"no frame is missing on either track"},
    ),
    "a track that ends early": (
        stream(
            tracks={
                "inbound": TrackFigures(frames=300, timestamp_ms=6000),
                "outbound": TrackFigures(frames=290, timestamp_ms=5800),
            }
        ),
        {"no frame is missing on either track"},
    ),
    "too few frames": (
        stream(
            tracks={
                "inbound": TrackFigures(frames=290, timestamp_ms=6000),
                "outbound": TrackFigures(frames=290, timestamp_ms=6000),
            }
        ),
        {"no frame is missing on either track"},
    ),
    "another parameter": (
        lambda e: replace(e, parameters={"Custom1": "Alice"}),
        {"both tracks and the parameters were announced", "the recorder was told of both tracks and the parameters"},
    ),
    "no recording": (lambda e: replace(e, recordings=()), {"the recorder was called once, and found no fault"}),
    "two recordings": (
        lambda e: replace(e, recordings=e.recordings * 2),
        {"the recorder was called once, and found no fault"},
    ),
    "a fault": (recording(faults=("no label",)), {"the recorder was called once, and found no fault"}),
    "no metadata": (recording(documents=0), {"the recorder was called once, and found no fault"}),
    "no parameters there": (recording(parameters={}), {"the recorder was told of both tracks and the parameters"}),
    "one line alone": (
        recording(packets={"1": 300}),
        {
            "the recorder was told of both tracks and the parameters",
            "no packet is missing on either track of the recording",
        },
    ),
    "a missing packet": (recording(lost=1), {"no packet is missing on either track of the recording"}),
    "a line that ends early": (
        recording(packets={"1": 300, "2": 290}),
        {"no packet is missing on either track of the recording"},
    ),
    "a recorder that hung up": (
        recording(end_reason="remote-closed"),
        {"no packet is missing on either track of the recording"},
    ),
    "swapped lines": (
        recording(wavs={"1": CALLEE_WAV, "2": CALLER_WAV}),
        {
            "track 1 of the recording carries the caller alone",
            "track 2 of the recording carries the callee alone",
        },
    ),
    "swapped tracks": (
        stream(wavs={"inbound": CALLEE_WAV, "outbound": CALLER_WAV}),
        {"the inbound track carries the caller alone", "the outbound track carries the callee alone"},
    ),
    "no audio": (
        stream(wavs={}),
        {"the inbound track carries the caller alone", "the outbound track carries the callee alone"},
    ),
    "a deaf callee": (
        lambda e: replace(e, callee=replace(e.callee, heard=None)),
        {"the callee heard the caller"},
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_fails_its_claim_and_no_other(good: Evidence, fault: str) -> None:
    change, claims = FAULTS[fault]
    assert {check.name for check in judge(change(good), find=find) if not check.ok} == claims


def test_mixed_tracks_are_noticed(good: Evidence, mixed: Path) -> None:
    bad = stream(wavs={"inbound": mixed, "outbound": mixed})(good)
    assert {check.name for check in judge(bad, find=find) if not check.ok} <= {
        "the inbound track carries the caller alone",
        "the outbound track carries the callee alone",
    }
    assert not all(check.ok for check in judge(bad, find=find))


def test_the_json_has_what_the_manual_says(good: Evidence) -> None:
    assert good.streams[0].to_json() == {
        "name": "AudioStream",
        "tracks": ["inbound", "outbound"],
        "frames": 600,
        "missing": 0,
        "late": 0,
        "latency_ms_p50": 0.4,
        "latency_ms_p99": 2.1,
    }
    assert good.recordings[0].to_json() == {
        "name": "Recording",
        "connector": "recorder",
        "tracks": ["1", "2"],
        "packets": 601,
        "missing": 0,
        "late": 0,
        "documents": 3,
        "faults": [],
        "folder": "demo-output/recording-1",
    }


def test_the_demo_runs_the_flow_of_the_examples() -> None:
    """But for the server it streams to, the number it dials, the canvas, and that it is recorded too."""
    path = Path(__file__).parents[2] / "examples" / "fork-stream.json"
    example = Definition.parse(path.read_bytes(), widgets=WIDGETS)
    flow = demo_flow(stream_url="wss://cool.process.io", to="+15551230002", recorded=False)
    ours = Definition.parse(flow, widgets=WIDGETS)
    assert _essence(ours) == _essence(example)


def _essence(definition: Definition) -> list[tuple[Any, ...]]:
    states: Any = definition.source["states"]
    wired = [{t.event: t.next for t in state.transitions if t.next} for state in definition.states.values()]
    properties = [{k: v for k, v in state["properties"].items() if k != "offset"} for state in states]
    return [(s["name"], s["type"], p, w) for s, p, w in zip(states, properties, wired, strict=True)]
