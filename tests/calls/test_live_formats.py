"""Every shape a stream can have, on one live call each: widget, core, TLS and the receiver kit, held to the schema."""

from array import array
from collections import defaultdict
from itertools import product
from math import cos, hypot, pi, sin
from pathlib import Path
from typing import Any

import pytest

from bridgetap.receiver import Dtmf, Faults, Media, MediaFormat, Receiver, Start, Stop, Stream
from bridgetap.receiver.authority import make_authority
from bridgetap.receiver.coding import decoder, split, values

from .live import TOKEN, live, until
from .stage import connect, fork

pytest.importorskip("bridgetap._engine", reason="the compiled core was not built")

FORMATS = {
    "mulaw": ("audio/x-mulaw", 8000),
    "alaw": ("audio/x-alaw", 8000),
    "l16-8000": ("audio/x-l16", 8000),
    "l16-16000": ("audio/x-l16", 16000),
    "l16-24000": ("audio/x-l16", 24000),
}
CHANNELS = ("separate", "stereo", "mixed")
FRAMES_MS = (20, 100, 60, 200, 40)
CALLER, CALLEE = 500, 900  # what each party plays, in Hz


class Heard:
    """What one stream brought."""

    def __init__(self, start: Start) -> None:
        self.start = start
        self.media: list[Media] = []
        self.digits = ""
        self.faults: Faults | None = None
        self.stopped = False

    def samples(self) -> "dict[str, array[int]]":
        """The last tenth of a second or more of each track, or of the sum."""
        decode, found = decoder(self.start.media_format), defaultdict(bytes)
        layout = self.start.custom_parameters["channels"]
        frames = 5 if layout != "separate" else 10
        for media in self.media[-frames:]:
            samples = decode(media.payload)
            if media.track == "stereo":
                left, right = split(samples)
                found["inbound"] += left
                found["outbound"] += right
            else:
                found[media.track] += samples
        tenth = self.start.media_format.sample_rate // 10
        return {track: values(samples)[-tenth:] for track, samples in found.items()}

    def hears_both(self) -> bool:
        """Are both parties' tones where they belong, and only there?"""
        rate = self.start.media_format.sample_rate
        loud = {
            (track, hertz): strength(samples, hertz / rate) > 1500
            for track, samples in self.samples().items()
            for hertz in (CALLER, CALLEE)
        }
        if "mixed" in {track for track, _ in loud}:
            return all(loud.values())
        expected = {("inbound", CALLER), ("outbound", CALLEE)}
        return {which for which, is_loud in loud.items() if is_loud} == expected and len(loud) == 4


def strength(samples: "array[int]", cycles: float) -> float:
    """The amplitude of a tone of so many cycles a sample."""
    phases = [2 * pi * cycles * n for n in range(len(samples))]
    sine = sum(sample * sin(phase) for sample, phase in zip(samples, phases, strict=True))
    cosine = sum(sample * cos(phase) for sample, phase in zip(samples, phases, strict=True))
    return 2 * hypot(sine, cosine) / max(1, len(samples))


def widgets(port: int, uris: list[str], framing: str) -> list[dict[str, Any]]:
    """A fork of both tracks for every format and channel layout, then the call."""
    names = ["one", *(f"fork-{n}" for n in range(1, len(FORMATS) * len(CHANNELS)))]
    states = []
    for n, (form, channels) in enumerate(product(FORMATS, CHANNELS)):
        options = {"format": form, "channels": channels, "framing": framing, "frame_ms": FRAMES_MS[n // 3]}
        options |= {"wall_clock": True, "events": "dtmf hold"}
        then = names[n + 1] if n + 1 < len(names) else "connect"
        state = fork(names[n], then=then, stream_url=f"wss://127.0.0.1:{port}/", stream_name=f"{form} {channels}")
        state["properties"]["stream_options"] = options
        parameters = [{"key": "format", "value": form}, {"key": "channels", "value": channels}]
        state["properties"]["stream_parameters"] = parameters
        states.append(state)
    return [*states, connect("connect", noun="sip", sip_endpoint=uris[0])]


@pytest.mark.parametrize("framing", ["json", "binary"])
async def test_every_format_and_layout_carries_both_parties(tmp_path: Path, framing: str) -> None:
    authority = make_authority(tmp_path)
    streams: list[Heard] = []

    async def listen(stream: Stream) -> None:
        heard = Heard(stream.start)
        streams.append(heard)
        async for message in stream:
            match message:
                case Media():
                    heard.media.append(message)
                case Dtmf():
                    heard.digits += message.digit
                case Stop():
                    heard.stopped = True
        heard.faults = sum((figures.faults for figures in stream.tracks.values()), stream.faults)

    async with (
        Receiver.serve(listen, ssl=authority.server_context(), auth_token=TOKEN, exact=True) as receiver,
        live(tmp_path, lambda uris: widgets(receiver.port, uris, framing), more="max_tracks_per_call = 32") as stage,
    ):
        caller, callee = await stage.talk()
        await until(lambda: len(streams) == 15, "every stream is open")
        caller.play(CALLER)
        callee.play(CALLEE)
        for heard in streams:
            await until(heard.hears_both, f"both parties in {heard.start.custom_parameters}")
        caller.rtp.stop_play()
        caller.press("7")
        await until(lambda: all(heard.digits == "7" for heard in streams), "the key is told")
        caller.hang_up()
        rows = await stage.streams()
        await until(lambda: all(heard.faults is not None for heard in streams), "every stream has ended")
    assert list(receiver.refusals) == []
    assert {row.end_reason for row in rows} == {"call-ended"}
    assert sum(row.frames_sent or 0 for row in rows) == sum(len(heard.media) for heard in streams)
    for heard in streams:
        assert (heard.faults, heard.stopped) == (Faults(), True)
        asked = heard.start.custom_parameters
        encoding, rate = FORMATS[asked["format"]]
        channels = 2 if asked["channels"] == "stereo" else 1
        assert heard.start.media_format == MediaFormat(encoding=encoding, sample_rate=rate, channels=channels)
        assert heard.start.extensions is not None
        assert (heard.start.extensions.channels, heard.start.extensions.framing) == (asked["channels"], framing)
        began = {(media.wall_clock_ms or 0) - media.timestamp_ms for media in heard.media}
        assert len(began) == 1, "the wall clock and the timestamp go hand in hand"
