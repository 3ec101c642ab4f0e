"""Text-to-speech providers: programs and web services, the good ones and the bad."""

import asyncio
import io
import json
import os
import shutil
import sys
import wave
from pathlib import Path

import httpx
import pytest

from bridgetap.errors import ConfigurationError
from bridgetap.voice import Speech, VoiceError
from bridgetap.voice.command import CommandSynthesizer
from bridgetap.voice.espeak import EspeakSynthesizer
from bridgetap.voice.http_speech import HttpSynthesizer
from bridgetap.voice.voices import Voice

HELLO = Speech(text="Hello <break time='1s'/>you", voice=Voice(language="en-GB", sex="male"), name="Polly.Brian")


def wav(seconds: float = 0.25) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes([0, 16]) * round(8000 * seconds))
    return out.getvalue()


def command(script: str, *arguments: str, timeout_s: float = 20.0, max_bytes: int = 100_000) -> CommandSynthesizer:
    return CommandSynthesizer(
        [sys.executable, "-c", script, *arguments], timeout_s=timeout_s, max_bytes=max_bytes, max_seconds=10
    )


async def test_a_command_gets_the_text_and_its_arguments_filled_in(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav())
    script = f"""
import sys, pathlib
pathlib.Path({str(tmp_path)!r}, "seen").write_text(sys.stdin.read() + "|" + "|".join(sys.argv[1:]))
sys.stdout.buffer.write(pathlib.Path({str(tmp_path)!r}, "a.wav").read_bytes())
"""
    pcm = await command(script, "--voice={voice}", "{language}", "{sex}", "{rate}").synthesize(HELLO, rate=8000)
    assert pcm.seconds == 0.25
    assert (tmp_path / "seen").read_text() == "Hello you|--voice=Polly.Brian|en-GB|male|8000"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("import sys; sys.exit('no such model')", "ended with status 1: no such model"),
        ("import sys; sys.stdin.close()", "is empty"),
        ("print('this is no audio')", "is not audio"),
        ("import sys; sys.stdout.buffer.write(bytes(200_000))", "wrote more than 100000 bytes"),
    ],
)
async def test_a_command_that_fails_says_how(script: str, words: str) -> None:
    with pytest.raises(VoiceError, match=words):
        await command(script).synthesize(HELLO, rate=8000)


async def test_a_command_that_hangs_is_given_up() -> None:
    with pytest.raises(VoiceError, match=r"gave no audio within 0\.2 s"):
        await command("import time; time.sleep(600)", timeout_s=0.2).synthesize(HELLO, rate=8000)


async def test_a_call_that_ends_ends_the_command_too(tmp_path: Path) -> None:
    pipe = tmp_path / "pid"
    os.mkfifo(pipe)
    script = f"import os, time; open({str(pipe)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    task = asyncio.ensure_future(command(script).synthesize(HELLO, rate=8000))
    pid = await asyncio.to_thread(pipe.read_text)  # returns when the program runs
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


async def test_a_command_that_is_not_there() -> None:
    synthesizer = CommandSynthesizer(["/no/such/program"], timeout_s=1, max_bytes=1, max_seconds=1)
    with pytest.raises(VoiceError, match="/no/such/program: cannot be run: No such file"):
        await synthesizer.synthesize(HELLO, rate=8000)


async def test_without_espeak_the_error_names_the_package_and_the_setting() -> None:
    with pytest.raises(
        VoiceError, match=r"espeak-ng: is not installed.*apt-get install espeak-ng.*voice\.provider"
    ) as caught:
        await EspeakSynthesizer(find=lambda _: None).synthesize(HELLO, rate=8000)
    assert caught.value.code == 13520


@pytest.mark.peer("espeak-ng")
@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")
@pytest.mark.parametrize("text", ["Hello.", "Hello <break time='500ms'/> <audio src='/etc/passwd'/> you & me"])
async def test_espeak_speaks(text: str) -> None:
    pcm = await EspeakSynthesizer().synthesize(Speech(text=text, voice=HELLO.voice), rate=16000)
    assert 0.3 < pcm.seconds < 5
    assert max(pcm.samples) > 0


@pytest.mark.peer("espeak-ng")
@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")
async def test_espeak_has_the_break_that_ssml_asks_for() -> None:
    async def seconds(text: str) -> float:
        return (await EspeakSynthesizer().synthesize(Speech(text=text, voice=HELLO.voice), rate=8000)).seconds

    assert await seconds("one <break time='3s'/> two") > await seconds("one two") + 2.5


async def test_a_web_service_gets_what_is_to_be_said_and_its_key() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"] == "Bearer key"
        assert json.loads(request.read()) == {
            "text": HELLO.text,
            "voice": "Polly.Brian",
            "language": "en-GB",
            "sex": "male",
            "rate": 8000,
            "ssml": True,
        }
        return httpx.Response(200, content=wav())

    assert (await http(answer).synthesize(HELLO, rate=8000)).seconds == 0.25


@pytest.mark.parametrize(
    ("status", "content", "words"),
    [(503, b"", "answered 503"), (200, b"", "is empty"), (200, b"x" * 100_001, "sent more than 100000")],
)
async def test_a_web_service_that_fails_says_how(status: int, content: bytes, words: str) -> None:
    with pytest.raises(VoiceError, match=f"voice service speech.example: {words}"):
        await http(lambda _: httpx.Response(status, content=content)).synthesize(HELLO, rate=8000)


async def test_a_web_service_needs_a_url() -> None:
    with pytest.raises(ConfigurationError, match=r"voice\.url: must be"):
        http(lambda _: httpx.Response(200), url="speech.example")


def http(answer: object, *, url: str = "https://speech.example/v1") -> HttpSynthesizer:
    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))  # type: ignore[arg-type]
    return HttpSynthesizer(
        client, url, headers={"Authorization": "Bearer key"}, timeout_s=1, max_bytes=100_000, max_seconds=10
    )
