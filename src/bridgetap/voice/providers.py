"""From the `[voice]` settings to the parts they name. The CLI calls this; nobody else builds these."""

import shutil
from collections.abc import Callable
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from bridgetap.errors import ConfigurationError
from bridgetap.settings import VoiceSettings

from .audio import Pcm, Rate
from .cache import PromptCache, PromptLoader
from .command import CommandSynthesizer
from .errors import SPEECH_FAILED, VoiceError
from .espeak import PROGRAM, EspeakSynthesizer
from .fetch import MAX_REDIRECTS, Fetcher
from .http_speech import HttpSynthesizer
from .prompts import Prompts
from .speech import Speech, Synthesizer
from .tones import RINGBACK
from .voices import Voice


def make_prompts(settings: VoiceSettings, loader: PromptLoader, client: httpx.AsyncClient) -> Prompts:
    """All of `voice`, as the settings want it. `client` is closed by its owner (`make_client`)."""
    if settings.ringback not in RINGBACK:
        raise ConfigurationError("voice.ringback", f"must be one of {', '.join(sorted(RINGBACK))}")
    return Prompts(
        PromptCache(loader, max_bytes=settings.cache_bytes),
        fetcher=Fetcher(
            client, folder=settings.audio_folder, timeout_s=settings.timeout_s, max_bytes=settings.max_prompt_bytes
        ),
        synthesizer=make_synthesizer(settings, client),
        default_voice=Voice(language=settings.language, sex=settings.sex),
        ringback=settings.ringback,
        rate=settings.rate,
        max_seconds=settings.max_prompt_s,
    )


def make_client() -> httpx.AsyncClient:
    """The client that fetches audio and asks for speech."""
    # Calls share it: a cookie of one must not go out with another's request.
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    return httpx.AsyncClient(max_redirects=MAX_REDIRECTS, headers={"User-Agent": "Bridgetap"}, cookies=no_cookies)


def make_synthesizer(
    settings: VoiceSettings, client: httpx.AsyncClient, *, find: Callable[[str], str | None] = shutil.which
) -> Synthesizer:
    """The provider that `voice.provider` names. `auto` looks for espeak-ng each time it is needed,
    so it may be installed while the server runs."""
    match settings.provider:
        case "auto" | "espeak":
            return EspeakSynthesizer(
                program=PROGRAM, timeout_s=settings.timeout_s, max_seconds=settings.max_prompt_s, find=find
            )
        case "command":
            return CommandSynthesizer(
                settings.command,
                timeout_s=settings.timeout_s,
                max_bytes=settings.max_prompt_bytes,
                max_seconds=settings.max_prompt_s,
            )
        case "http":
            return HttpSynthesizer(
                client,
                settings.url or "",
                headers={name: value.get_secret_value() for name, value in settings.headers.items()},
                timeout_s=settings.timeout_s,
                max_bytes=settings.max_prompt_bytes,
                max_seconds=settings.max_prompt_s,
            )
        case "none":
            return NoSynthesizer()


class NoSynthesizer:
    """`voice.provider = "none"`: nobody speaks."""

    async def synthesize(self, speech: Speech, *, rate: Rate) -> Pcm:
        raise VoiceError("say", 'nobody speaks here: `voice.provider` is "none"', code=SPEECH_FAILED)
