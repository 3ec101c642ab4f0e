"""The demo from outside: one run of the real command, everything real but the people."""

import json
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import pytest
from pocketsphinx import Decoder

from bridgetap.cli.demo import CALLER_SCRIPT
from bridgetap.cli.demo_flow import STEPS
from bridgetap.phone import CALLEE_WAV, CALLER_WAV, Play
from bridgetap.phone.likeness import find_sentence
from bridgetap.voice import decode_audio, read_audio

SENTENCES = (
    "hello i would like to change the delivery address of my order please",
    "good morning this is the support desk how can i help you today",
    "the weather in the mountains will be cold and windy tomorrow",
    "please leave a message after the tone and we will call you back",
)


def bridgetap(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bridgetap", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=90, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def demo(folder: Path) -> dict[str, Any]:
    """What `bridgetap demo --json` said on its last line."""
    pytest.importorskip("bridgetap._engine")
    done = bridgetap("demo", "--json", folder=folder)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def test_every_claim_holds(demo: dict[str, Any]) -> None:
    assert demo["ok"] is True
    assert [check["name"] for check in demo["checks"] if not check["ok"]] == []
    assert demo["path"] == list(STEPS)


def test_the_figures_are_those_of_a_call(demo: dict[str, Any]) -> None:
    (stream,) = demo["streams"]
    assert (stream["name"], stream["tracks"], stream["missing"]) == ("AudioStream", ["inbound", "outbound"], 0)
    spoken_s = sum(read_seconds(step.path) for step in CALLER_SCRIPT if isinstance(step, Play))
    assert stream["frames"] > 2 * 50 * spoken_s
    assert 0 < stream["latency_ms_p50"] <= stream["latency_ms_p99"]
    (recording,) = demo["recordings"]
    assert (recording["name"], recording["tracks"], recording["missing"]) == ("Recording", ["1", "2"], 0)
    assert recording["packets"] > 2 * 50 * spoken_s
    assert (recording["faults"], recording["documents"]) == ([], 3)  # all, the callee joins, the callee leaves
    assert demo["setup_ms"] > 0
    assert demo["next_ms"] >= 0


@pytest.mark.parametrize(("track", "wav", "sentence"), [("inbound", CALLER_WAV, 0), ("outbound", CALLEE_WAV, 1)])
async def test_each_track_says_what_its_party_said(
    demo: dict[str, Any], folder: Path, tmp_path: Path, track: str, wav: Path, sentence: int
) -> None:
    """By a recogniser that nobody here wrote."""
    (path,) = [folder / name for name in demo["wav"] if track in name]
    heard, said = [(await read_audio(part, rate=8000)).samples for part in (path, wav)]
    start = 2 * round(8000 * max(0.0, find_sentence(heard, said).at_s))
    with wave.open(str(tmp_path / "cut.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(heard[start : start + len(said)])
    grammar = tmp_path / "sentences.gram"
    grammar.write_text(f"#JSGF V1.0;\ngrammar s;\npublic <s> = {' | '.join(SENTENCES)};\n")
    decoder = Decoder(jsgf=str(grammar), samprate=16000, loglevel="FATAL")
    decoder.start_utt()
    decoder.process_raw((await read_audio(tmp_path / "cut.wav", rate=16000)).samples, full_utt=True)
    decoder.end_utt()
    assert decoder.hyp().hypstr == SENTENCES[sentence]


def test_the_recording_is_whole(demo: dict[str, Any], folder: Path) -> None:
    (recording,) = demo["recordings"]
    summary = json.loads((folder / recording["folder"] / "recording.json").read_text())
    for track in summary["tracks"]:
        assert [track[name] for name in ("lost", "late", "filled_ms", "slips")] == [0, 0, 0, 0], track


def test_nothing_is_left_behind_but_the_audio(demo: dict[str, Any], folder: Path) -> None:
    left = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    (recording,) = demo["recordings"]
    papers = [*(f"metadata-{n + 1}.xml" for n in range(recording["documents"])), "recording.json"]
    assert left == {*demo["wav"], *(f"{recording['folder']}/{name}" for name in papers)}


def test_an_output_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = bridgetap("demo", "--output", "file/below", folder=tmp_path)
    assert done.returncode == 2
    assert "file/below" in done.stderr
    assert "Traceback" not in done.stderr


def read_seconds(path: Path) -> float:
    return decode_audio(path.read_bytes(), rate=8000, source=str(path)).seconds
