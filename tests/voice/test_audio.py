"""Decoding: whatever comes in, mono 16-bit at the rate we play."""

import io
import wave
from array import array
from contextlib import suppress
from itertools import pairwise
from math import pi, sin
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridgetap.voice import VoiceError, decode_audio, read_audio
from bridgetap.voice.audio import Rate


def tone_wav(*, rate: int, channels: int, seconds: float = 0.5) -> bytes:
    samples = array("h")
    for n in range(round(rate * seconds)):
        samples.extend([round(10_000 * sin(2 * pi * 440 * n / rate))] * channels)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return out.getvalue()


@pytest.mark.parametrize("source_rate", [8000, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 16000])
def test_any_wav_becomes_mono_at_our_rate(source_rate: int, channels: int, rate: Rate) -> None:
    pcm = decode_audio(tone_wav(rate=source_rate, channels=channels), rate=rate, source="x")
    samples = array("h", pcm.samples)
    assert pcm.seconds == pytest.approx(0.5, abs=0.002)
    crossings = sum(a < 0 <= b for a, b in pairwise(samples))
    assert crossings == pytest.approx(220, abs=2)  # 440 Hz for half a second
    assert max(samples) == pytest.approx(10_000, rel=0.05)


@given(st.binary(max_size=300))
def test_no_bytes_can_do_more_than_be_refused(data: bytes) -> None:
    with suppress(VoiceError):
        assert decode_audio(data, rate=8000, source="x", max_seconds=5).samples


def test_a_file_that_goes_on_too_long_is_refused() -> None:
    with pytest.raises(VoiceError, match=r"x: is longer than 0\.2 s") as caught:
        decode_audio(tone_wav(rate=8000, channels=1), rate=8000, source="x", max_seconds=0.2)
    assert caught.value.code == 11750


async def test_reads_the_demo_voices() -> None:
    import bridgetap.phone

    folder = Path(bridgetap.phone.__path__[0]) / "audio"
    for name in ("caller.wav", "callee.wav"):
        pcm = await read_audio(folder / name, rate=8000)
        assert 3 < pcm.seconds < 6
