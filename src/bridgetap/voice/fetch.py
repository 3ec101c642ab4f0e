"""Audio by URL or path, as bytes with what tells one version from the next.

Over HTTP within limits of time, size, redirects and content type; from disk only out of the
configured folder.
"""

import asyncio
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from urllib.parse import urlsplit

import httpx

from bridgetap.errors import BAD_URL

from .errors import (
    BAD_CONTENT_TYPE,
    BAD_HOST,
    CONNECTION_FAILED,
    CONNECTION_REFUSED,
    EMPTY_BODY,
    PROTOCOL_VIOLATION,
    RETRIEVAL_FAILED,
    TIMED_OUT,
    TLS_FAILED,
    TOO_LARGE,
    TOO_MANY_REDIRECTS,
    VoiceError,
)

ACCEPT = "audio/wav, audio/mpeg, audio/flac, audio/ogg, audio/*;q=0.5, application/octet-stream;q=0.1"
MAX_REDIRECTS = 5
_ALSO_AUDIO = frozenset({"application/ogg", "application/octet-stream", "binary/octet-stream"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A file's bytes. `version` is its ETag, or its time and size; "" when it has none, and then
    it is fetched again each time."""

    data: bytes
    version: str


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The version asked about is still the current one."""


class Fetcher:
    """Gets audio for `Prompts`. `folder` None: no local files at all."""

    def __init__(
        self, client: httpx.AsyncClient, *, folder: Path | None, timeout_s: float = 10.0, max_bytes: int = 16 << 20
    ) -> None:
        self._client = client
        self._folder = folder.resolve() if folder else None
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes

    async def fetch(self, source: str, *, known: str = "") -> Fetched | Unchanged:
        """What is at `source` now, or `Unchanged` if that is still version `known`."""
        if "://" not in source:
            return await asyncio.to_thread(self._from_disk, source, known)
        scheme, shown = _shown(source)
        if scheme not in {"http", "https"}:
            raise VoiceError(shown, "must be an http or https URL, or a path", code=BAD_URL)
        return await self._over_http(source, shown, known)

    async def _over_http(self, url: str, shown: str, known: str) -> Fetched | Unchanged:
        headers = {"Accept": ACCEPT} | ({"If-None-Match": known} if known else {})
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._client.stream("GET", url, headers=headers, follow_redirects=True) as response,
            ):
                if known and response.status_code == httpx.codes.NOT_MODIFIED:
                    return Unchanged()
                _check_head(shown, response)
                data = await self._body(shown, response)
        except TimeoutError:
            raise VoiceError(shown, f"did not answer within {self._timeout_s:g} s", code=TIMED_OUT) from None
        except httpx.InvalidURL as error:
            raise VoiceError(shown, f"is not a URL: {error}", code=BAD_URL) from error
        except httpx.HTTPError as error:
            reason, code = _reason(error)
            raise VoiceError(shown, reason, code=code) from error
        return Fetched(data=data, version=response.headers.get("etag", ""))

    async def _body(self, shown: str, response: httpx.Response) -> bytes:
        data = bytearray()
        async for chunk in response.aiter_bytes():
            data += chunk
            if len(data) > self._max_bytes:
                raise VoiceError(shown, f"is larger than {self._max_bytes} bytes", code=TOO_LARGE)
        if not data:
            raise VoiceError(shown, "answered with an empty body", code=EMPTY_BODY)
        return bytes(data)

    def _from_disk(self, name: str, known: str) -> Fetched | Unchanged:
        if self._folder is None:
            raise VoiceError(name, "local files are off: set `voice.audio_folder`", code=RETRIEVAL_FAILED)
        try:
            path = (self._folder / name).resolve()
            if not path.is_relative_to(self._folder):
                raise VoiceError(name, "is outside `voice.audio_folder`", code=RETRIEVAL_FAILED)
            facts = path.stat()
            if not S_ISREG(facts.st_mode):
                raise VoiceError(name, "cannot be read: is not a file", code=RETRIEVAL_FAILED)
            version = f"{facts.st_mtime_ns}-{facts.st_size}"
            if known == version:
                return Unchanged()
            if facts.st_size > self._max_bytes:
                raise VoiceError(name, f"is larger than {self._max_bytes} bytes", code=TOO_LARGE)
            return Fetched(data=path.read_bytes(), version=version)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise VoiceError(name, f"cannot be read: {reason}", code=RETRIEVAL_FAILED) from error


def _check_head(shown: str, response: httpx.Response) -> None:
    if not response.is_success:
        raise VoiceError(shown, f"answered {response.status_code} {response.reason_phrase}", code=RETRIEVAL_FAILED)
    kind = response.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind and not kind.startswith("audio/") and kind not in _ALSO_AUDIO:
        raise VoiceError(shown, f"is {kind}, not audio", code=BAD_CONTENT_TYPE)


def _shown(url: str) -> tuple[str, str]:
    """A URL's scheme, and the URL as it may stand in a log: without a password and without its query."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise VoiceError("URL", f"cannot be read: {error}", code=BAD_URL) from None
    return parts.scheme.lower(), f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _reason(error: httpx.HTTPError) -> tuple[str, int]:
    """What a failed request is called, and Twilio's code for it."""
    match error:
        case httpx.TimeoutException():
            return "did not answer in time", TIMED_OUT
        case httpx.TooManyRedirects():
            return f"redirected more than {MAX_REDIRECTS} times", TOO_MANY_REDIRECTS
        case httpx.UnsupportedProtocol():
            return "redirected to something that is neither http nor https", BAD_URL
        case httpx.ProtocolError() | httpx.DecodingError():
            return f"does not speak HTTP: {error}", PROTOCOL_VIOLATION
        case _:
            return _connect_reason(error)


def _connect_reason(error: httpx.HTTPError) -> tuple[str, int]:
    cause: BaseException | None = error
    while cause is not None:
        match cause:
            case socket.gaierror():
                return f"its host name cannot be resolved: {cause.strerror}", BAD_HOST
            case ssl.SSLError():
                return f"its TLS is not acceptable: {cause.strerror or cause}", TLS_FAILED
            case ConnectionRefusedError():
                return "refused the connection", CONNECTION_REFUSED
            case _:
                pass
        cause = cause.__cause__ or cause.__context__
    return f"cannot be reached: {error}", CONNECTION_FAILED
