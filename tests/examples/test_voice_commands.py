"""The recogniser of the examples where calls and files are not as it would like them."""

import asyncio
import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from websockets.asyncio.client import connect

from bridgetap.receiver import Receiver
from bridgetap.receiver.authority import make_authority
from tests.receiver import frames

EXAMPLE = Path(__file__).parents[2] / "examples" / "voice_commands.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("voice_commands", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Hears:
    """In the recogniser's place: keeps what it is fed."""

    def __init__(self, fed: list[int]) -> None:
        self._fed = fed

    def hear(self, samples: bytes) -> Iterator[str]:
        self._fed.append(len(samples))
        return iter(())

    def finish(self) -> Iterator[str]:
        return iter(())


async def close_code(example: ModuleType, folder: Path, *messages: str) -> int | None:
    """How a stream of these messages is closed."""
    authority = make_authority(folder)
    listener = example.Listener(())
    async with Receiver.serve(listener.listen, ssl=authority.server_context(), auth_token=None) as receiver:
        url, context = f"wss://localhost:{receiver.port}/", authority.client_context()
        async with asyncio.timeout(20), connect(url, ssl=context, host="127.0.0.1", compression=None) as socket:
            for message in messages:
                await socket.send(message)
            await socket.wait_closed()
            return socket.close_code


def shaped(rate: int = 8000, channels: str = "separate") -> str:
    """A start whose stream has options."""
    value = json.loads(frames.start("inbound", "outbound"))
    value["start"]["mediaFormat"] |= {"encoding": "audio/x-l16", "sampleRate": rate}
    extensions = {"channels": channels, "framing": "json", "frameMs": 20, "wallClock": False, "events": []}
    value["start"]["extensions"] = extensions
    return json.dumps(value)


PLAIN = frames.start("inbound", "outbound")


@pytest.mark.parametrize(
    ("start", "messages", "fed"),
    [
        (PLAIN, [frames.media(2, "inbound", 1), frames.media(3, "outbound", 1)], [640, 640]),
        (PLAIN, [frames.media(2, "inbound", 1, size=0), frames.media(3, "inbound", 2)], [640]),
        (shaped(), [frames.media(2, "inbound", 1, size=320)], [640]),
        (shaped(rate=16_000), [frames.media(2, "inbound", 1, size=640)], [640]),
        (shaped(channels="mixed"), [frames.media(2, "mixed", 1, size=320)], [640]),
    ],
    ids=["both tracks", "an empty frame", "samples", "16 kHz", "both parties in one"],
)
async def test_the_recogniser_is_fed_16_khz_whatever_the_stream(
    example: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    start: str,
    messages: list[str],
    fed: list[int],
) -> None:
    heard: list[int] = []
    monkeypatch.setattr(example, "Commands", lambda _: Hears(heard))
    assert await close_code(example, tmp_path, frames.connected(), start, *messages, frames.stop(4)) == 1000
    assert heard == fed


async def test_a_rate_that_it_cannot_bring_to_16_khz_is_refused(example: ModuleType, tmp_path: Path) -> None:
    assert await close_code(example, tmp_path, frames.connected(), shaped(rate=24_000)) == 1003


@pytest.mark.parametrize(
    ("text", "commands"),
    [("Cancel  my order\n\n good bye \n", ["cancel my order", "good bye"]), ("repeat that please", None)],
)
def test_commands_of_one_s_own(example: ModuleType, tmp_path: Path, text: str, commands: list[str] | None) -> None:
    path = tmp_path / "commands.txt"
    path.write_text(text)
    read = example.read_commands(path)
    assert read == (commands or [text])
    example.Commands(read)  # the recogniser takes them


@pytest.mark.parametrize(
    ("text", "words"), [("", "no commands"), ("stop\nxyzzyq <plugh>; now", "<plugh>;, xyzzyq: no English words")]
)
def test_commands_that_nobody_could_ever_hear(example: ModuleType, tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "commands.txt"
    path.write_text(text)
    with pytest.raises(SystemExit, match=words):
        example.read_commands(path)


def test_a_call_that_ends_in_silence_or_in_the_middle_of_a_sentence(example: ModuleType) -> None:
    commands = example.Commands(example.COMMANDS)
    assert (commands.hear(bytes(64_001)), commands.finish()) == ([], [])
