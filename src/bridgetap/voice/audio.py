"""Audio files to what the engine plays: mono signed 16-bit little-endian at 8 or 16 kHz."""

import asyncio
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import miniaudio

from .errors import BAD_CONTENT_TYPE, EMPTY_BODY, TOO_LARGE, VoiceError

Rate: TypeAlias = Literal[8000, 16000]

MAX_SECONDS = 3600.0
_READ_FRAMES = 16_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pcm:
    """Mono s16le samples at `rate`."""

    samples: bytes
    rate: Rate

    @property
    def seconds(self) -> float:
        return len(self.samples) / 2 / self.rate


async def read_audio(path: Path, *, rate: Rate, max_seconds: float = MAX_SECONDS) -> Pcm:
    """A local audio file, read and decoded off the event loop."""
    data = await asyncio.to_thread(path.read_bytes)
    return await asyncio.to_thread(decode_audio, data, rate=rate, source=str(path), max_seconds=max_seconds)


def decode_audio(data: bytes, *, rate: Rate, source: str, max_seconds: float = MAX_SECONDS) -> Pcm:
    """Decode WAV, MP3, FLAC or Ogg Vorbis, mix to mono and resample.

    Decodes in steps and stops at `max_seconds`: a few megabytes of MP3 can hold hours.
    """
    if not data:
        raise VoiceError(source, "is empty", code=EMPTY_BODY)
    samples = array("h")
    limit = round(max_seconds * rate)
    try:
        for step in miniaudio.stream_memory(
            data, miniaudio.SampleFormat.SIGNED16, 1, rate, frames_to_read=_READ_FRAMES
        ):
            samples.extend(step)
            if len(samples) > limit:
                raise VoiceError(source, f"is longer than {max_seconds:g} s", code=TOO_LARGE)
    except miniaudio.MiniaudioError as error:
        raise VoiceError(
            source, "is not audio we can decode (WAV, MP3, FLAC, Ogg Vorbis)", code=BAD_CONTENT_TYPE
        ) from error
    if not samples:
        raise VoiceError(source, "holds no audio", code=BAD_CONTENT_TYPE)
    return Pcm(samples=samples.tobytes(), rate=rate)
