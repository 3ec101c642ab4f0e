"""Text to speech: what a provider is, and which one the settings name."""

from dataclasses import dataclass
from typing import Protocol

from .audio import Pcm, Rate
from .voices import Voice


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """Something to say. `text` may hold SSML; `name` is the voice as the flow wrote it."""

    text: str
    voice: Voice
    name: str = ""


class Synthesizer(Protocol):
    """A text-to-speech provider. Fails with `VoiceError`."""

    async def synthesize(self, speech: Speech, *, rate: Rate) -> Pcm: ...
