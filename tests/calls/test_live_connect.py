"""A real call connected to a server that speaks, written with `websockets` alone: the caller hears its own voice,
barges in with a key, and the document goes on when the server leaves."""

import base64
import json
import wave
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from math import cos, hypot, pi, sin
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from bridgetap.calls import CallChange, Voice
from bridgetap.engine import Codec, RecordEnded
from bridgetap.receiver.authority import make_authority
from bridgetap.twiml import DocumentText
from tests.published import parsed

from .app_server import app
from .live import Live, live, tone, until

pytest.importorskip("bridgetap._engine", reason="the compiled core was not built")

Talk = Callable[["FarEnd"], Awaitable[object]]


class FarEnd:
    """One stream, as its server sees it."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.heard: list[dict[str, Any]] = []
        self.sid = ""

    async def next(self) -> dict[str, Any]:
        message = parsed(await self.socket.recv())
        self.heard.append(message)
        self.sid = message.get("streamSid", self.sid)
        return message

    async def until(self, event: str) -> dict[str, Any]:
        while (message := await self.next())["event"] != event:
            pass
        return message

    async def say(self, event: str, **more: Any) -> None:
        await self.socket.send(json.dumps({"event": event, "streamSid": self.sid, **more}))

    async def media(self, payload: str) -> None:
        await self.say("media", media={"payload": payload})

    def of(self, event: str) -> list[dict[str, Any]]:
        return [message for message in self.heard if message["event"] == event]


class Server:
    """Every stream that came, and what went wrong."""

    def __init__(self, talk: Talk) -> None:
        self.ends: list[FarEnd] = []
        self._talk = talk

    async def __call__(self, socket: ServerConnection) -> None:
        end = FarEnd(socket)
        self.ends.append(end)
        with suppress(ConnectionClosed):
            await self._talk(end)


@asynccontextmanager
async def connected(
    folder: Path, talk: Talk, *, after: str = "<Pause length='30'/>"
) -> AsyncIterator[tuple[Live, Server]]:
    """A server whose number connects to `talk`, and then goes on with `after`."""
    authority, server = make_authority(folder), Server(talk)
    async with serve(server, "127.0.0.1", 0, ssl=authority.server_context()) as sockets, app() as web:
        url = f"wss://127.0.0.1:{sockets.sockets[0].getsockname()[1]}/in"
        web.serve("/voice", f"<Connect><Stream url='{url}'/></Connect>{after}")
        async with live(folder, lambda _: [], runs=f'voice_url = "{web.url}/voice"') as stage:
            yield stage, server


def chunks(samples: "array[int]") -> "list[array[int]]":
    """20 ms each."""
    return [samples[at : at + 160] for at in range(0, len(samples) - 159, 160)]


def share(samples: "array[int]", hertz: int) -> float:
    """How much of the energy is that tone, 0 to 1."""
    cosine = sum(sample * cos(2 * pi * hertz * n / 8000) for n, sample in enumerate(samples))
    sine = sum(sample * sin(2 * pi * hertz * n / 8000) for n, sample in enumerate(samples))
    energy = sum(sample * sample for sample in samples) or 1
    return 2 * hypot(cosine, sine) ** 2 / len(samples) / energy


def ulaw(hertz: int, seconds: float) -> str:
    """A tone as base64 of µ-law."""
    return base64.b64encode(bytes(map(encode_ulaw, array("h", tone(hertz, seconds))))).decode()


def encode_ulaw(sample: int) -> int:
    sign, magnitude = (0x80, -sample) if sample < 0 else (0, sample)
    magnitude = min(magnitude, 32635) + 132
    exponent = magnitude.bit_length() - 8
    return ~(sign | exponent << 4 | magnitude >> (exponent + 3) & 15) & 0xFF


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "G722"])
async def test_the_caller_hears_its_own_voice_and_every_mark_comes_back(tmp_path: Path, codec: Codec) -> None:
    names: list[str] = []

    async def echo(end: FarEnd) -> None:
        await end.until("start")
        while True:
            message = await end.next()
            if message["event"] == "media":
                await end.media(message["media"]["payload"])
                names.append(f"chunk {message['media']['chunk']}")
                await end.say("mark", mark={"name": names[-1]})

    async with connected(tmp_path, echo) as (stage, server):
        caller = await stage.call(codecs=(codec,))
        recording = tmp_path / "heard.wav"
        record = caller.rtp.record(str(recording), tracks=["inbound"])
        caller.play(500)
        await caller.hears_a_tone()
        await until(lambda: len(server.ends[0].of("mark")) > 100, "marks come back")
        caller.rtp.stop_record(record)
        assert (await caller.hear(RecordEnded)).error == ""
        caller.hang_up()
        await stage.over()
        end = server.ends[0]
        await until(lambda: bool(end.of("stop")), "stop has come")
        marks = [message["mark"]["name"] for message in end.of("mark")]
        assert marks == names[: len(marks)], "in order, none missing"
        numbers = [int(message["sequenceNumber"]) for message in end.heard if "sequenceNumber" in message]
        assert numbers == list(range(1, len(numbers) + 1)), "counted together"
        assert end.of("start")[0]["start"]["tracks"] == ["inbound"]
        (row,) = await stage.streams()
        assert (row.end_reason, row.code) == ("call-ended", None)
        with wave.open(str(recording)) as file:
            samples = array("h", file.readframes(file.getnframes()))
        loud = [chunk for chunk in chunks(samples) if max(chunk) > 2000]
        assert len(loud) > 40
        assert median(share(chunk, 500) for chunk in loud) > 0.9, "whatever a busy machine put between them"
        await no_warnings(stage)


async def test_barging_in_with_a_key_silences_the_server_at_once(tmp_path: Path) -> None:
    cleared: list[str] = []

    async def monologue(end: FarEnd) -> None:
        await end.until("start")
        await end.media(ulaw(900, 60.0))
        await end.say("mark", mark={"name": "end of the monologue"})
        key = await end.until("dtmf")
        assert key == {
            "event": "dtmf",
            "streamSid": end.sid,
            "sequenceNumber": key["sequenceNumber"],
            "dtmf": {"track": "inbound_track", "digit": "7"},
        }
        await end.say("clear")
        cleared.append((await end.until("mark"))["mark"]["name"])
        await end.until("stop")

    async with connected(tmp_path, monologue) as (stage, server):
        caller = await stage.call()
        await caller.hears_a_tone()
        caller.rtp.send_dtmf("7")
        await until(lambda: cleared == ["end of the monologue"], "the mark is given back")
        await caller.hears_nothing()
        caller.hang_up()
        await stage.over()
        await no_warnings(stage)
        assert server.ends[0].of("dtmf")


async def test_a_key_by_info_is_a_key(tmp_path: Path) -> None:
    async with connected(tmp_path, lambda end: end.until("stop")) as (stage, server):
        caller = await stage.call()
        await until(lambda: bool(server.ends and server.ends[0].of("media")), "the stream runs")
        await caller.press_by_info("5")
        await until(lambda: bool(server.ends[0].of("dtmf")), "the key is told")
        assert server.ends[0].of("dtmf")[0]["dtmf"] == {"track": "inbound_track", "digit": "5"}
        caller.hang_up()
        await stage.over()


async def test_another_document_over_rest_ends_it(tmp_path: Path) -> None:
    async def monologue(end: FarEnd) -> None:
        await end.until("start")
        await end.media(ulaw(900, 60.0))
        await end.until("stop")

    async with connected(tmp_path, monologue) as (stage, server):
        caller = await stage.call()
        await caller.hears_a_tone()
        (row,) = await stage.rows()
        quiet = Voice(source=DocumentText(text="<Response><Pause length='30'/></Response>"))
        stage.server.calls.change(row.sid, CallChange(voice=quiet))
        await caller.hears_nothing()
        await until(lambda: bool(server.ends[0].of("stop")), "stop has come")
        caller.hang_up()
        await stage.over()
        (stream,) = await stage.streams()
        assert (stream.end_reason, stream.code) == ("stopped", None)


async def test_the_server_leaves_and_the_document_goes_on(tmp_path: Path) -> None:
    async def greeting(end: FarEnd) -> None:
        await end.until("start")
        await end.media(ulaw(900, 1.0))
        await end.say("mark", mark={"name": "greeted"})
        await end.until("mark")

    async with connected(tmp_path, greeting, after="<Hangup/>") as (stage, server):
        caller = await stage.call()
        await caller.hears_a_tone()
        await caller.ended()
        await stage.over()
        (row,) = await stage.streams()
        assert (row.end_reason, row.close_code, row.code) == ("remote-closed", 1000, None)
        assert len(server.ends) == 1


async def test_what_is_none_of_the_protocol_is_warned_of_once_and_the_call_goes_on(tmp_path: Path) -> None:
    async def rude(end: FarEnd) -> None:
        await end.until("start")
        for _ in range(3):
            await end.socket.send(b"\x00\xff")
            await end.socket.send("hello")
            await end.say("media", media={"payload": "not base64!"})
        await end.say("media", media={"payload": ulaw(900, 30.0), "track": "outbound"}, sequenceNumber="7")
        await end.until("stop")

    async with connected(tmp_path, rude) as (stage, _):
        caller = await stage.call()
        await caller.hears_a_tone()
        caller.hang_up()
        await stage.over()
        assert await warnings(stage) == [31950, 31951]


async def no_warnings(stage: Live) -> None:
    assert await warnings(stage) == []


async def warnings(stage: Live) -> list[int]:
    await stage.server.store.flush()
    (call,) = await stage.rows()
    return sorted(row.code for row in await stage.server.store.notifications.of_call(call.sid))
