"""The one door of this folder: what a widget wants heard, as prompts the engine has loaded."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass

from .audio import MAX_SECONDS, Pcm, Rate, decode_audio
from .cache import Prompt, PromptCache
from .errors import SPEECH_FAILED, VoiceError
from .fetch import Fetched, Fetcher
from .speech import Speech, Synthesizer
from .ssml import plain_text
from .tones import beep, ringback
from .voices import Voice, resolve_voice

MAX_TEXT = 16_384  # Studio renders at most 16 KB
_PARALLEL = 4  # programs and decoders at work at one time; the rest wait their turn
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")
_NAME = re.compile(r"[A-Za-z][\w.:-]*")


@dataclass(frozen=True, slots=True)
class _Said:
    text: str
    name: str
    voice: Voice


@dataclass(frozen=True, slots=True)
class _Played:
    source: str


@dataclass(frozen=True, slots=True)
class _Tone:
    name: str


class Prompts:
    """Makes prompts and remembers them. All may raise `VoiceError`."""

    def __init__(
        self,
        cache: PromptCache,
        *,
        fetcher: Fetcher,
        synthesizer: Synthesizer,
        default_voice: Voice,
        ringback: str = "us",
        rate: Rate = 8000,
        max_seconds: float = MAX_SECONDS,
    ) -> None:
        self._cache = cache
        self._fetcher = fetcher
        self._synthesizer = synthesizer
        self._default_voice = default_voice
        self._ringback = ringback
        self._rate = rate
        self._max_seconds = max_seconds
        self._turns = asyncio.Semaphore(_PARALLEL)

    async def say(self, text: str, *, voice: str = "default", language: str = "") -> Prompt:
        """`text` (SSML allowed) spoken. `voice` and `language` as the flow wrote them; "default"
        and "" take the configured ones."""
        if len(text) > MAX_TEXT:
            raise VoiceError("say", f"has {len(text)} characters, at most {MAX_TEXT} are spoken", code=SPEECH_FAILED)
        if not plain_text(text).strip():
            raise VoiceError("say", "has nothing to speak", code=SPEECH_FAILED)
        # A name or a language ends up in a program's arguments: only what can be one goes there.
        name = voice if _NAME.fullmatch(voice) and voice != "default" else ""
        language = language if _LANGUAGE.fullmatch(language) else ""
        resolved = resolve_voice(name, language, default=self._default_voice)
        speech = Speech(text=text, voice=resolved, name=name)
        return await self._cache.get(_Said(text, name, resolved), lambda: self._speak(speech))

    async def play(self, source: str) -> Prompt:
        """The audio at a URL, or at a path inside the configured folder; asked for again each
        time, and fetched and decoded only when it has changed."""
        return await self._cache.renew(_Played(source), lambda known: self._fetch(source, known))

    async def ringback(self, country: str = "") -> Prompt:
        """One turn of a country's ringback ("" is the configured one); loop it for ever (`loop=0`)."""
        country = country.lower() or self._ringback
        return await self._cache.get(_Tone(f"ringback {country}"), lambda: self._tone(ringback, country))

    async def beep(self) -> Prompt:
        """The tone before a recording."""
        return await self._cache.get(_Tone("beep"), lambda: self._tone(beep))

    async def _speak(self, speech: Speech) -> Pcm:
        async with self._turns:
            return await self._synthesizer.synthesize(speech, rate=self._rate)

    async def _fetch(self, source: str, known: str) -> tuple[Pcm, str] | None:
        found = await self._fetcher.fetch(source, known=known)
        if not isinstance(found, Fetched):
            return None
        async with self._turns:
            pcm = await asyncio.to_thread(
                decode_audio, found.data, rate=self._rate, source=source, max_seconds=self._max_seconds
            )
        return pcm, found.version

    async def _tone(self, make: Callable[..., Pcm], *args: str) -> Pcm:
        return await asyncio.to_thread(make, *args, rate=self._rate)
