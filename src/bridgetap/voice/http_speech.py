"""Speech by a web service: a POST with the text, audio in the answer."""

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx

from bridgetap.errors import ConfigurationError

from .audio import Pcm, Rate, decode_audio
from .errors import SPEECH_FAILED, VoiceError
from .speech import Speech
from .ssml import is_ssml


class HttpSynthesizer:
    """`POST url` with `{"text", "voice", "language", "sex", "rate", "ssml"}` as JSON; any audio we
    decode comes back. `headers` carry the service's key."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        url: str,
        *,
        headers: Mapping[str, str],
        timeout_s: float,
        max_bytes: int,
        max_seconds: float,
    ) -> None:
        if urlsplit(url).scheme not in {"http", "https"}:
            raise ConfigurationError("voice.url", "must be an http or https URL when voice.provider is `http`")
        self._client = client
        self._url = url
        self._headers = dict(headers)
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds

    async def synthesize(self, speech: Speech, *, rate: Rate) -> Pcm:
        source = f"voice service {urlsplit(self._url).hostname}"
        body = {
            "text": speech.text,
            "voice": speech.name,
            "language": speech.voice.language,
            "sex": speech.voice.sex,
            "rate": rate,
            "ssml": is_ssml(speech.text),
        }
        audio = bytearray()
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._client.stream("POST", self._url, json=body, headers=self._headers) as response,
            ):
                if not response.is_success:
                    raise VoiceError(source, f"answered {response.status_code}", code=SPEECH_FAILED)
                async for chunk in response.aiter_bytes():
                    audio += chunk
                    if len(audio) > self._max_bytes:
                        raise VoiceError(source, f"sent more than {self._max_bytes} bytes", code=SPEECH_FAILED)
        except (TimeoutError, httpx.TimeoutException):
            raise VoiceError(source, f"did not answer within {self._timeout_s:g} s", code=SPEECH_FAILED) from None
        except httpx.HTTPError as error:
            raise VoiceError(source, f"cannot be used: {type(error).__name__}", code=SPEECH_FAILED) from error
        return await asyncio.to_thread(
            decode_audio, bytes(audio), rate=rate, source=source, max_seconds=self._max_seconds
        )
