"""Speech by any program that reads text and writes an audio file (Piper, flite, a script of yours)."""

import asyncio
from collections.abc import Sequence

from bridgetap.errors import ConfigurationError

from .audio import Pcm, Rate, decode_audio
from .programs import run_program
from .speech import Speech
from .ssml import plain_text

PLACEHOLDERS = ("{voice}", "{language}", "{sex}", "{rate}")


class CommandSynthesizer:
    """Runs `command` once a prompt: the text on its standard input, audio on its standard output.

    `{voice}`, `{language}`, `{sex}` and `{rate}` inside an argument are replaced. There is no shell.
    """

    def __init__(self, command: Sequence[str], *, timeout_s: float, max_bytes: int, max_seconds: float) -> None:
        if not command:
            raise ConfigurationError("voice.command", "must name a program when voice.provider is `command`")
        self._command = tuple(command)
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds

    async def synthesize(self, speech: Speech, *, rate: Rate) -> Pcm:
        values = (speech.name, speech.voice.language, speech.voice.sex, str(rate))
        command = [_fill(argument, values) for argument in self._command]
        text = plain_text(speech.text)
        audio = await run_program(command, text, timeout_s=self._timeout_s, max_bytes=self._max_bytes)
        return await asyncio.to_thread(
            decode_audio, audio, rate=rate, source=self._command[0], max_seconds=self._max_seconds
        )


def _fill(argument: str, values: Sequence[str]) -> str:
    for placeholder, value in zip(PLACEHOLDERS, values, strict=True):
        argument = argument.replace(placeholder, value)
    return argument
