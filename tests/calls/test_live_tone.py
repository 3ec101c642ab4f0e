"""Phones that cannot be told in SDP that they are recorded hear a tone: real calls, our own recorder (checklist 67)."""

import asyncio
import wave
from array import array
from collections.abc import Sequence
from math import cos, hypot, pi, sin
from pathlib import Path

import pytest

from bridgetap.engine import CallAcked, RecordEnded
from bridgetap.phone import CALLEE_WAV, CALLER_WAV
from bridgetap.phone.likeness import OTHER, SAME, find_sentence

from .live import LiveCall, LivePhone
from .test_live_awareness import AWARE, pause, told, unbothered
from .test_live_siprec import Studio, over, studio, unhurt, widget

pytest.importorskip("bridgetap._engine", reason="the compiled core was not built")

RATE, HERTZ = 8000, 1400
EVERY_S, LENGTH_S = 15.0, 0.5
TONE = "tone = true"


async def talk(room: Studio, folder: Path, *, callee: list[tuple[str, str]] | None = None) -> tuple[LiveCall, LiveCall]:
    """Both say their sentence again and again; what they hear is recorded from the first packet on."""
    stage = room.stage
    one = stage.caller.ring(f"sip:+15551230000@{stage.server.sip_address}")
    one.rtp.record(str(folder / "caller.wav"), tracks=["inbound"])
    other = await stage.callees[0].next_call()
    other.rtp.record(str(folder / "callee.wav"), tracks=["inbound"])
    other.answer(callee)
    await one.until_answered()
    await other.hear(CallAcked)
    for phone, call, sentence in ((stage.caller, one, CALLER_WAV), (stage.callees[0], other, CALLEE_WAV)):
        _say(phone, call, sentence)
    return one, other


def _say(phone: LivePhone, call: LiveCall, sentence: Path) -> None:
    call.rtp.play([phone.core.media.load_prompt(_read(sentence), rate=RATE)], loop=0)


def _read(path: Path) -> bytes:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate()) == (1, RATE)
        return file.readframes(file.getnframes())


async def heard(folder: Path, caller: LiveCall, callee: LiveCall) -> tuple[bytes, bytes]:
    """What each of them heard, once it is in the file."""
    for call in (caller, callee):
        call.rtp.close()
        await call.hear(RecordEnded)
    return _read(folder / "caller.wav"), _read(folder / "callee.wav")


def beeps(track: bytes) -> list[tuple[float, float]]:
    """When each beep begins and how long it is, in seconds: where the tone is as loud as it should be over a tenth of a
    second. A voice has such a pitch too, never for so long and so loud."""
    samples = array("h", track)
    step, size = RATE // 50, RATE // 10
    loud = [_peak(samples[at : at + size]) > 1400 for at in range(0, len(samples) - size, step)]
    found: list[tuple[int, int]] = []
    for at, is_loud in enumerate(loud):
        if is_loud and found and sum(found[-1]) == at:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        elif is_loud:
            found.append((at, 1))
    # The first window that is loud enough begins a little before the beep, and the last one ends a little after it.
    whole = [(at * step / RATE, (count * step + size) / RATE) for at, count in found]
    return [(at, length) for at, length in whole if length > LENGTH_S / 2]


def _peak(samples: Sequence[int]) -> float:
    """Of the tone in these samples (one bin of a Fourier transform)."""
    angle = 2 * pi * HERTZ / RATE
    sine = sum(sample * sin(angle * n) for n, sample in enumerate(samples))
    cosine = sum(sample * cos(angle * n) for n, sample in enumerate(samples))
    return 2 * hypot(sine, cosine) / len(samples)


async def test_who_is_not_aware_hears_it_under_the_words_and_no_recorder_does(tmp_path: Path) -> None:
    """67: at once, then every 15 seconds; who is aware is told in words and hears none."""
    async with studio(tmp_path, widget, more=TONE) as room:
        caller, callee = await talk(room, tmp_path, callee=AWARE)
        recording = await room.recording()
        assert await told(callee) == "on"
        await asyncio.sleep(EVERY_S + 2)
        await unhurt(caller, callee)
        assert unbothered(caller)
        caller.hang_up()
        await over(recording)
        by_caller, by_callee = await heard(tmp_path, caller, callee)
        await room.stage.over()
    first, second = beeps(by_caller)
    assert first[0] < 2, "it comes as the recording begins"
    assert second[0] - first[0] == pytest.approx(EVERY_S, abs=0.12)
    assert [first[1], second[1]] == pytest.approx([LENGTH_S] * 2, abs=0.12)
    assert beeps(by_callee) == []
    said_by_caller, said_by_callee = _read(CALLER_WAV), _read(CALLEE_WAV)
    assert find_sentence(by_caller, said_by_callee).likeness >= SAME
    assert find_sentence(by_callee, said_by_caller).likeness >= SAME
    inbound, outbound = recording.tracks
    for wav, own, other in (
        (inbound.wav, said_by_caller, said_by_callee),
        (outbound.wav, said_by_callee, said_by_caller),
    ):
        track = _read(wav)
        assert beeps(track) == []
        assert find_sentence(track, own).likeness >= SAME
        assert find_sentence(track, other).likeness < OTHER
    assert recording.faults == []


async def test_it_is_silent_while_paused_and_comes_at_once_when_it_goes_on(tmp_path: Path) -> None:
    async with studio(tmp_path, widget, more=TONE) as room:
        caller, callee = await talk(room, tmp_path)
        recording = await room.recording()
        await asyncio.sleep(1)  # the first beep
        await pause(room, paused=True)
        await asyncio.sleep(EVERY_S)
        await pause(room, paused=False)
        await asyncio.sleep(1.5)
        caller.hang_up()
        await over(recording)
        for track in await heard(tmp_path, caller, callee):
            (first, _), (second, length) = beeps(track)
            assert second - first >= EVERY_S + 0.4, "none was heard while it was paused"
            assert length == pytest.approx(LENGTH_S, abs=0.12)
        await room.stage.over()
