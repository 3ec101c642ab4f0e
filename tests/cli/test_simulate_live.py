"""`simulate` on a real call, from outside."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bridgetap.phone import CALLEE_WAV, CALLER_WAV
from bridgetap.phone.likeness import SAME, find_sentence
from bridgetap.receiver import level_dbfs
from bridgetap.voice import decode_audio

EXAMPLE = Path(__file__).parents[2] / "examples" / "fork-stream.json"


def simulate(*arguments: str, folder: Path) -> tuple[int, dict[str, Any]]:
    pytest.importorskip("bridgetap._engine")
    command = [sys.executable, "-m", "bridgetap", "simulate", *arguments, "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=90, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


def flow(folder: Path, *states: dict[str, Any]) -> str:
    """A flow that goes from the trigger to the first of these."""
    trigger = {
        "name": "Trigger",
        "type": "trigger",
        "transitions": [{"event": "incomingCall", "next": states[0]["name"]}],
        "properties": {},
    }
    path = folder / "flow.json"
    path.write_text(json.dumps({"description": "", "initial_state": "Trigger", "states": [trigger, *states]}))
    return str(path)


def alike(wav: str | Path, said: Path, folder: Path) -> float:
    heard, wanted = ((folder / path).read_bytes() for path in (wav, said))
    pcm = [decode_audio(data, rate=8000, source="x").samples for data in (heard, wanted)]
    return find_sentence(*pcm).likeness


def test_the_seeds_flow_streams_to_the_built_in_receiver_and_rings_the_built_in_callee(tmp_path: Path) -> None:
    code, said = simulate(str(EXAMPLE), "--caller", str(CALLER_WAV), "--callee", str(CALLEE_WAV), folder=tmp_path)
    assert (code, said["ok"]) == (0, True), said
    assert said["path"] == ["Trigger", "start_stream", "connect_agent", "stop_stream", "Ended"]
    (stream,) = said["streams"]
    assert stream["tracks"] == ["inbound", "outbound"]
    assert stream["missing"] == 0
    assert stream["parameters"] == {"Custom1": "Bob", "caller": "+15551230001"}
    assert alike("simulate-output/caller-heard.wav", CALLEE_WAV, tmp_path) > SAME
    assert alike("simulate-output/callee-heard-1.wav", CALLER_WAV, tmp_path) > SAME
    assert {Path(name).name for name in said["wav"]} == {
        "caller-heard.wav",
        "callee-heard-1.wav",
        "stream-1-inbound.wav",
        "stream-1-outbound.wav",
    }


@pytest.mark.parametrize(("answer", "exit_code"), [("busy", 0), ("no-answer", 0), ("failed", 1)])
def test_a_call_out_that_is_not_taken_goes_down_its_own_path(tmp_path: Path, answer: str, exit_code: int) -> None:
    """One that fails is an error in the notification log, and so in the verdict."""
    connect = {
        "name": "connect",
        "type": "connect-call-to",
        "transitions": [{"event": "callCompleted"}],
        "properties": {"noun": "sip", "sip_endpoint": "sip:bob@nowhere.example", "timeout": 2},
    }
    arguments = (flow(tmp_path, connect), "--caller", str(CALLER_WAV), "--dial", answer)
    code, said = simulate(*arguments, folder=tmp_path)
    assert (code, said["path"]) == (exit_code, ["Trigger", "connect", "Ended"]), said
    assert said["context"]["widgets"]["connect"]["DialCallStatus"] == answer


def test_a_client_is_the_callee_too_and_the_caller_may_leave_first(tmp_path: Path) -> None:
    connect = {
        "name": "connect",
        "type": "connect-call-to",
        "transitions": [{"event": "hangup"}],
        "properties": {"noun": "client", "to": "alice"},
    }
    arguments = (flow(tmp_path, connect), "--caller", str(CALLER_WAV), "--dial", "completed:30", "--hangup-at", "3")
    _, said = simulate(*arguments, folder=tmp_path)
    texts = [entry["text"] for entry in said["entries"] if entry["widget"] == "callee"]
    assert "is connected" in texts
    assert texts[-1] == "the call is over: bye"
    assert said["duration_s"] < 15


def test_keys_arrive_and_audio_by_path_is_played(tmp_path: Path) -> None:
    (tmp_path / "prompt.wav").write_bytes(CALLEE_WAV.read_bytes())
    play = {
        "name": "play",
        "type": "say-play",
        "transitions": [{"event": "audioComplete"}],
        "properties": {"play": "prompt.wav"},
    }
    arguments = (flow(tmp_path, play), "--caller", str(CALLER_WAV), "--digits", "1@1,2@2")
    code, said = simulate(*arguments, folder=tmp_path)
    assert (code, said["ok"]) == (0, True), said
    assert alike("simulate-output/caller-heard.wav", CALLEE_WAV, tmp_path) > SAME
    pressed = [entry["text"] for entry in said["entries"] if entry["text"].startswith("presses")]
    assert pressed == ["presses 1", "presses 2"]


def test_nothing_is_fetched_from_the_network(tmp_path: Path) -> None:
    play = {
        "name": "play",
        "type": "say-play",
        "transitions": [{"event": "audioComplete"}],
        "properties": {"play": "http://audio.example/x.wav"},
    }
    _, said = simulate(flow(tmp_path, play), "--caller", str(CALLER_WAV), folder=tmp_path)
    noted = [entry for entry in said["entries"] if entry["kind"] in {"error", "warning"}]
    assert [entry["code"] for entry in noted] == [11205]


def test_a_wav_that_is_none_is_wrong_use(tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_bytes(b"no audio at all")
    command = [sys.executable, "-m", "bridgetap", "simulate", str(EXAMPLE), "--caller", "bad.wav"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "bad.wav: is not audio we can decode" in done.stderr


@pytest.mark.peer("espeak-ng")
@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")
def test_a_say_is_spoken_to_the_caller_and_digits_are_sent(tmp_path: Path) -> None:
    say = {
        "name": "say",
        "type": "say-play",
        "transitions": [{"event": "audioComplete", "next": "keys"}],
        "properties": {
            "say": "Please <break time='300ms'/> hold the line.",
            "voice": "Polly.Brian",
            "language": "en-GB",
        },
    }
    keys = {
        "name": "keys",
        "type": "say-play",
        "transitions": [{"event": "audioComplete"}],
        "properties": {"digits": "12w#"},
    }
    code, said = simulate(flow(tmp_path, say, keys), "--caller", str(CALLER_WAV), folder=tmp_path)
    assert (code, said["path"]) == (0, ["Trigger", "say", "keys", "Ended"]), said
    heard = decode_audio((tmp_path / "simulate-output" / "caller-heard.wav").read_bytes(), rate=8000, source="x")
    assert level_dbfs(heard.samples) > -40
    assert [entry["text"] for entry in said["entries"] if entry["text"].startswith("hears key")] == [
        "hears key 1",
        "hears key 2",
        "hears key #",
    ]
