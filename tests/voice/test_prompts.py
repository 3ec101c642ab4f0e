"""`Prompts`: what a widget asks for becomes a prompt, made once."""

import io
import wave
from pathlib import Path

import httpx
import pytest

from bridgetap.errors import ConfigurationError
from bridgetap.settings import VoiceSettings
from bridgetap.voice import Pcm, PromptCache, Prompts, Speech, VoiceError, make_prompts
from bridgetap.voice.audio import Rate
from bridgetap.voice.fetch import Fetcher
from bridgetap.voice.voices import Voice


class Loader:
    def __init__(self) -> None:
        self.loaded: list[tuple[int, int]] = []

    def load_prompt(self, pcm: bytes, *, rate: int) -> int:
        self.loaded.append((len(pcm), rate))
        return len(self.loaded)

    def drop_prompt(self, prompt: int) -> None:
        pass


class Speaker:
    """A provider that notes what it was to say."""

    def __init__(self) -> None:
        self.said: list[Speech] = []

    async def synthesize(self, speech: Speech, *, rate: Rate) -> Pcm:
        self.said.append(speech)
        return Pcm(samples=bytes(320), rate=rate)


class Web:
    """A web server with one file."""

    def __init__(self) -> None:
        self.etag = '"1"'
        self.requests = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        if request.headers.get("If-None-Match") == self.etag:
            return httpx.Response(304)
        return httpx.Response(200, content=wav(), headers={"etag": self.etag})


def wav() -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(1600))
    return out.getvalue()


@pytest.fixture
def loader() -> Loader:
    return Loader()


@pytest.fixture
def speaker() -> Speaker:
    return Speaker()


@pytest.fixture
def web() -> Web:
    return Web()


@pytest.fixture
def prompts(loader: Loader, speaker: Speaker, web: Web) -> Prompts:
    return Prompts(
        PromptCache(loader, max_bytes=1 << 20),
        fetcher=Fetcher(httpx.AsyncClient(transport=httpx.MockTransport(web)), folder=None),
        synthesizer=speaker,
        default_voice=Voice(language="en-US", sex="female"),
        ringback="gb",
        rate=16000,
    )


async def test_the_same_words_in_the_same_voice_are_spoken_once(prompts: Prompts, speaker: Speaker) -> None:
    first = await prompts.say("Hello", voice="man", language="en-GB")
    assert await prompts.say("Hello", voice="man", language="en-GB") is first
    assert await prompts.say("Hello", voice="woman", language="en-GB") is not first
    assert [speech.voice.sex for speech in speaker.said] == ["male", "female"]


@pytest.mark.parametrize("voice", ["--help", "a b", "-w/tmp/x", "../x"])
async def test_what_is_no_voice_name_reaches_no_program(prompts: Prompts, speaker: Speaker, voice: str) -> None:
    await prompts.say("Hello", voice=voice, language=voice)
    assert speaker.said == [Speech(text="Hello", voice=Voice(language="en-US", sex="female"), name="")]


@pytest.mark.parametrize("text", ["", "   ", "<break time='1s'/>", "x" * 16_385])
async def test_nothing_and_too_much_are_not_spoken(prompts: Prompts, text: str) -> None:
    with pytest.raises(VoiceError, match=r"^say: has"):
        await prompts.say(text)


async def test_a_file_is_decoded_again_only_when_it_changed(prompts: Prompts, loader: Loader, web: Web) -> None:
    first = await prompts.play("http://audio.example/x.wav")
    assert await prompts.play("http://audio.example/x.wav") is first
    assert (web.requests, loader.loaded) == (2, [(3200, 16000)])
    web.etag = '"2"'
    assert await prompts.play("http://audio.example/x.wav") is not first


async def test_tones_are_made_once_at_the_configured_rate(prompts: Prompts, loader: Loader) -> None:
    ring = await prompts.ringback()
    assert ring.seconds == 3.0  # British, as configured
    assert await prompts.ringback("GB") is ring
    assert (await prompts.ringback("us")).seconds == 6.0
    assert (await prompts.beep()).seconds == 0.25
    assert {rate for _, rate in loader.loaded} == {16000}


async def test_the_settings_choose_the_parts(loader: Loader, tmp_path: Path) -> None:
    (tmp_path / "hello.wav").write_bytes(wav())
    async with httpx.AsyncClient() as client:
        prompts = make_prompts(VoiceSettings(provider="none", audio_folder=tmp_path), loader, client)
        assert (await prompts.play("hello.wav")).seconds == 0.1
        with pytest.raises(VoiceError, match=r'nobody speaks here: `voice\.provider` is "none"'):
            await prompts.say("Hello")
        made = make_prompts(VoiceSettings(provider="command", command=("cat",)), loader, client)
        with pytest.raises(VoiceError, match="cat: is not audio"):
            await made.say("Hello")
        with pytest.raises(ConfigurationError, match=r"voice\.ringback: must be one of"):
            make_prompts(VoiceSettings(ringback="xx"), loader, client)
