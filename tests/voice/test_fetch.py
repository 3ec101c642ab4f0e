"""Audio by URL and by path: the limits, and Twilio's code for each way to fail."""

import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from bridgetap.voice import Fetched, Fetcher, VoiceError
from bridgetap.voice.fetch import Unchanged

URL = "https://user:secret@audio.example/hello.wav?token=secret"


def fetcher(answer: Callable[[httpx.Request], httpx.Response], *, folder: Path | None = None) -> Fetcher:
    client = httpx.AsyncClient(transport=httpx.MockTransport(answer), max_redirects=5)
    return Fetcher(client, folder=folder, timeout_s=0.05, max_bytes=1000)


async def test_audio_comes_with_its_version() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert "If-None-Match" not in request.headers
        return httpx.Response(200, content=b"RIFF", headers={"content-type": "audio/wav", "etag": '"7"'})

    assert await fetcher(answer).fetch(URL) == Fetched(data=b"RIFF", version='"7"')


async def test_a_known_version_is_not_sent_again() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["If-None-Match"] == '"7"'
        return httpx.Response(304)

    assert isinstance(await fetcher(answer).fetch(URL, known='"7"'), Unchanged)


def refused(cause: Exception) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no", request=request) from cause

    return answer


def raised(error: type[httpx.RequestError]) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error("no", request=request)

    return answer


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (lambda _: httpx.Response(404), 11200, "answered 404 Not Found"),
        (lambda _: httpx.Response(200, content=b""), 11770, "empty body"),
        (lambda _: httpx.Response(200, content=bytes(1001)), 11750, "larger than 1000 bytes"),
        (lambda _: httpx.Response(200, html="<p>"), 12300, "is text/html, not audio"),
        (lambda r: httpx.Response(302, headers={"location": str(r.url)}), 11215, "redirected more than"),
        (raised(httpx.UnsupportedProtocol), 11100, "neither http nor https"),
        (refused(socket.gaierror(-2, "Name or service not known")), 11210, "cannot be resolved"),
        (refused(ssl.SSLError(1, "bad certificate")), 11220, "TLS"),
        (refused(ConnectionRefusedError()), 11202, "refused"),
        (refused(OSError()), 11205, "cannot be reached"),
        (raised(httpx.ReadTimeout), 11203, "in time"),
        (raised(httpx.RemoteProtocolError), 11206, "does not speak HTTP"),
    ],
)
async def test_each_failure_has_its_code_and_no_secret_in_its_text(
    answer: Callable[[httpx.Request], httpx.Response], code: int, words: str
) -> None:
    with pytest.raises(VoiceError, match=words) as caught:
        await fetcher(answer).fetch(URL)
    assert caught.value.code == code
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["ftp://audio.example/x.wav", "file:///etc/passwd", "http://[bad/x.wav"])
async def test_a_url_that_is_none_or_of_another_kind(url: str) -> None:
    with pytest.raises(VoiceError) as caught:
        await fetcher(lambda _: httpx.Response(200)).fetch(url)
    assert caught.value.code == 11100


async def test_a_file_comes_from_the_folder_only(tmp_path: Path) -> None:
    folder = tmp_path / "audio"
    folder.mkdir()
    (folder / "hello.wav").write_bytes(b"RIFF")
    (tmp_path / "secret.wav").write_bytes(b"no")
    (folder / "link.wav").symlink_to(tmp_path / "secret.wav")
    files = fetcher(lambda _: httpx.Response(500), folder=folder)
    found = await files.fetch("hello.wav")
    assert isinstance(found, Fetched)
    assert found.data == b"RIFF"
    assert isinstance(await files.fetch("hello.wav", known=found.version), Unchanged)
    for outside in ("../secret.wav", str(tmp_path / "secret.wav"), "link.wav"):
        with pytest.raises(VoiceError, match=r"is outside `voice\.audio_folder`"):
            await files.fetch(outside)
    for unreadable in ("none.wav", "", "a\0b"):
        with pytest.raises(VoiceError, match="cannot be read"):
            await files.fetch(unreadable)


async def test_without_a_folder_there_are_no_local_files() -> None:
    with pytest.raises(VoiceError, match=r"local files are off: set `voice\.audio_folder`"):
        await fetcher(lambda _: httpx.Response(500)).fetch("hello.wav")
