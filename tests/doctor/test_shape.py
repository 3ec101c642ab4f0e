"""Streams whose options change their audio: sent as a call would, and held to the letter by our receiver."""

import ssl
from pathlib import Path

import pytest

from bridgetap.doctor import Step, Verdict, examine
from bridgetap.doctor.shape import frames
from bridgetap.doctor.voice import chunks
from bridgetap.flow.stream_options import StreamOptions
from bridgetap.receiver import Audio, Extensions, MediaFormat, Receiver, Stream, decode_alaw, decode_ulaw, level_dbfs
from bridgetap.receiver.coding import values
from tests.interop.certificates import Authority

from .examining import TOKEN, diagnose, order
from .ws import Socket

SHAPES: list[tuple[StreamOptions, MediaFormat, dict[str, int]]] = [
    (
        StreamOptions(format="alaw"),
        MediaFormat(encoding="audio/x-alaw", sample_rate=8000, channels=1),
        {"inbound": 100, "outbound": 100},
    ),
    (
        StreamOptions(format="l16-16000", frame_ms=100, wall_clock=True),
        MediaFormat(encoding="audio/x-l16", sample_rate=16_000, channels=1),
        {"inbound": 20, "outbound": 20},
    ),
    (
        StreamOptions(format="l16-24000", channels="stereo", framing="binary", frame_ms=40, events=("hold",)),
        MediaFormat(encoding="audio/x-l16", sample_rate=24_000, channels=2),
        {"stereo": 50},
    ),
    (
        StreamOptions(channels="mixed", framing="binary", wall_clock=True),
        MediaFormat(encoding="audio/x-mulaw", sample_rate=8000, channels=1),
        {"mixed": 100},
    ),
]


@pytest.mark.parametrize(("shape", "media_format", "counts"), SHAPES)
async def test_a_server_is_sent_the_audio_that_it_was_promised(
    localhost: tuple[Path, Path],
    authority: Authority,
    shape: StreamOptions,
    media_format: MediaFormat,
    counts: dict[str, int],
) -> None:
    streams: list[Stream] = []
    heard: list[Audio] = []

    async def listen(stream: Stream) -> None:
        streams.append(stream)
        heard.extend([audio async for audio in stream.audio()])

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*localhost)
    async with Receiver.serve(listen, ssl=context, auth_token=TOKEN, exact=True) as receiver:
        report = await examine(order(receiver.port, authority, shape=shape))
        assert [finding.text for finding in report.findings()] == []
        assert {report.step(step).verdict for step in Step} == {Verdict.OK}
    (stream,) = streams
    assert stream.stop is not None
    assert not stream.faults
    assert stream.start.media_format == media_format
    assert stream.start.extensions == Extensions(
        channels=shape.channels,
        framing=shape.framing,
        frame_ms=shape.frame_ms,
        wall_clock=shape.wall_clock,
        events=shape.events,
    )
    assert {track: figures.frames for track, figures in stream.tracks.items()} == counts
    tracks = {"mixed"} if shape.channels == "mixed" else {"inbound", "outbound"}
    for track in tracks:
        samples = b"".join(audio.samples for audio in heard if audio.track == track)
        assert len(samples) == 2 * 2 * media_format.sample_rate  # real time and the burst, of a second each
        assert level_dbfs(samples) > -40


def test_every_shape_is_the_same_voice() -> None:
    voice = chunks(seconds=1, pitch_hz=118)
    plain = values(decode_ulaw(b"".join(voice)))

    def shaped(shape: StreamOptions, *tracks: list[bytes]) -> bytes:
        return b"".join(payload for frame in frames(tracks, shape) for payload in frame)

    assert values(shaped(StreamOptions(format="l16-8000"), voice)) == plain
    for times, rate in ((2, "l16-16000"), (3, "l16-24000")):
        assert values(shaped(StreamOptions(format=rate), voice))[times - 1 :: times] == plain  # type: ignore[arg-type]
    nearest = values(decode_alaw(shaped(StreamOptions(format="alaw"), voice)))
    assert max(abs(one - other) / max(abs(other), 256) for one, other in zip(nearest, plain, strict=True)) < 0.04
    stereo = values(shaped(StreamOptions(format="l16-8000", channels="stereo", frame_ms=200), voice, voice))
    assert (stereo[0::2], stereo[1::2]) == (plain, plain)
    mixed = values(shaped(StreamOptions(format="l16-8000", channels="mixed"), voice, voice))
    assert list(mixed) == [max(-32768, min(32767, 2 * value)) for value in plain]


async def test_more_audio_than_may_wait_here_is_not_sent_at_once(
    localhost: tuple[Path, Path], authority: Authority
) -> None:
    """A minute of two tracks in 16 bits at 24 kHz is 8 MB; a burst is cut to what the doctor's own buffer holds."""
    server = Socket(answers_pings=False)
    report = await diagnose(server, localhost, authority, shape=StreamOptions(format="l16-24000"))
    assert report.step(Step.PACE).verdict is Verdict.OK
    assert 10 < float(str(report.step(Step.PACE).figures["burst_s"])) < 60
    assert server.heard[0][-1].startswith(b'{"event":"stop"')  # nothing was lost before it
