"""A bot on pipecat's Twilio serializer: it echoes, speaks at length, is interrupted, and hangs up. See README.md.

`CERTIFICATE KEY API_URL TOKEN`: the latter two are where and how the serializer ends the call over REST.
Runs in `.venv-peers`, without Bridgetap.
"""

import asyncio
import json
import math
import ssl
import struct
import sys
import time
from types import SimpleNamespace

from pipecat.frames.frames import EndFrame, InputAudioRawFrame, InterruptionFrame, OutputAudioRawFrame
from pipecat.serializers.twilio import TwilioFrameSerializer
from websockets.asyncio.server import ServerConnection, serve

RATE = 16_000  # of the pipeline; the serializer resamples
ECHO_FRAMES = 150
SPEECH_S = 20
SPEECH_HZ = 1100
PAUSE_S = 1.5  # from the speech to its interruption, and from there to the hang-up


def say(value: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def audio(pcm: bytes) -> OutputAudioRawFrame:
    return OutputAudioRawFrame(audio=pcm, sample_rate=RATE, num_channels=1)


def speech() -> OutputAudioRawFrame:
    step = 2 * math.pi * SPEECH_HZ / RATE
    samples = (round(12000 * math.sin(step * n)) for n in range(RATE * SPEECH_S))
    return audio(b"".join(struct.pack("<h", sample) for sample in samples))


def interruption() -> InterruptionFrame:
    return InterruptionFrame()


def hang_up() -> EndFrame:
    return EndFrame()


async def bot(socket: ServerConnection) -> None:
    assert socket.request is not None
    say({"path": socket.request.path, "headers": {k.lower(): v for k, v in socket.request.headers.raw_items()}})
    connected, start = [json.loads(await socket.recv()) for _ in range(2)]
    say(connected)
    say(start)
    api_url, token = sys.argv[3:5]
    serializer = TwilioFrameSerializer(
        stream_sid=start["start"]["streamSid"],
        call_sid=start["start"]["callSid"],
        account_sid=start["start"]["accountSid"],
        auth_token=token,
        base_url=api_url,
    )
    await serializer.setup(SimpleNamespace(audio_in_sample_rate=RATE))
    steps = [speech, interruption, hang_up]
    heard, due = 0, 0.0
    async for text in socket:
        message = json.loads(text)
        if message["event"] != "media":
            say(message)
            continue
        frame = await serializer.deserialize(text)  # its resampler gives audio for some of them only
        heard += 1
        out = None
        if heard <= ECHO_FRAMES:
            if isinstance(frame, InputAudioRawFrame):
                out = await serializer.serialize(audio(frame.audio))
        elif time.monotonic() >= due and steps:
            step = steps.pop(0)
            out = await serializer.serialize(step())
            say({"did": step.__name__})
            due = time.monotonic() + PAUSE_S
        if out is not None:
            await socket.send(out)
    say({"closed": socket.close_code, "heard": heard})


async def main() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*sys.argv[1:3])
    async with serve(bot, "127.0.0.1", 0, ssl=context, max_size=None) as server:
        say({"port": server.sockets[0].getsockname()[1]})
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
