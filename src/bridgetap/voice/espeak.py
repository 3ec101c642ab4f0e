"""Speech by espeak-ng, a separate program looked for when there is something to say.

It is GPL: it is never linked or shipped, only run when the operator has installed it.
"""

import shutil
from collections.abc import Callable

from .audio import Pcm, Rate, decode_audio
from .errors import SPEECH_FAILED, VoiceError
from .programs import run_program
from .speech import Speech
from .ssml import is_ssml, safe_ssml
from .voices import Voice

PROGRAM = "espeak-ng"


class EspeakSynthesizer:
    """`espeak-ng --stdin --stdout`, SSML included."""

    def __init__(
        self,
        *,
        program: str = PROGRAM,
        words_per_minute: int = 165,
        timeout_s: float = 20.0,
        max_seconds: float = 600.0,
        find: Callable[[str], str | None] = shutil.which,
    ) -> None:
        self._program = program
        self._words_per_minute = words_per_minute
        self._timeout_s = timeout_s
        self._max_seconds = max_seconds
        self._find = find

    async def synthesize(self, speech: Speech, *, rate: Rate) -> Pcm:
        path = self._find(self._program)
        if path is None:
            raise VoiceError(
                self._program,
                "is not installed: `apt-get install espeak-ng`, or name another provider in `voice.provider`"
                " (`command` or `http`)",
                code=SPEECH_FAILED,
            )
        markup = is_ssml(speech.text)
        command = [path, "--stdin", "--stdout", "-b", "1", "-s", str(self._words_per_minute)]
        command += ["-v", espeak_voice(speech.voice), *(["-m"] if markup else [])]
        text = safe_ssml(speech.text) if markup else speech.text
        max_bytes = round(self._max_seconds * _ESPEAK_RATE * 2)
        audio = await run_program(command, text, timeout_s=self._timeout_s, max_bytes=max_bytes)
        return decode_audio(_with_length(audio), rate=rate, source=self._program, max_seconds=self._max_seconds)


def espeak_voice(voice: Voice) -> str:
    """espeak-ng's name for a voice: `en-US`, female → `en-us+f3`."""
    tag = voice.language.lower()
    language = _VOICES.get(tag) or _VOICES.get(tag.split("-")[0]) or tag.split("-")[0]
    return language + ("+f3" if voice.sex == "female" else "+m3")


_ESPEAK_RATE = 22_050

# Where the tag's first part is not espeak-ng's own name for the language, or a region has its own.
_VOICES = {
    "arb": "ar",
    "cmn-cn": "cmn",
    "en": "en-us",
    "en-029": "en-029",
    "en-au": "en-gb",
    "en-gb": "en-gb",
    "en-gb-wls": "en-gb",
    "en-ie": "en-gb",
    "en-in": "en-gb",
    "en-nz": "en-gb",
    "en-sg": "en-gb",
    "en-us": "en-us",
    "en-za": "en-gb",
    "es": "es",
    "es-mx": "es-419",
    "es-us": "es-419",
    "fr": "fr-fr",
    "fr-be": "fr-be",
    "fr-ca": "fr-fr",
    "fr-ch": "fr-ch",
    "iw": "he",
    "no": "nb",
    "nn": "nb",
    "pt": "pt",
    "pt-br": "pt-br",
    "yue-cn": "yue",
    "zh": "cmn",
    "zh-hk": "yue",
}


def _with_length(wav: bytes) -> bytes:
    """espeak-ng writes its header before it knows how long the speech is: put in the real sizes."""
    if len(wav) < _WAV_HEADER or wav[36:40] != b"data":
        return wav
    riff, data = len(wav) - 8, len(wav) - _WAV_HEADER
    return wav[:4] + riff.to_bytes(4, "little") + wav[8:40] + data.to_bytes(4, "little") + wav[_WAV_HEADER:]


_WAV_HEADER = 44
