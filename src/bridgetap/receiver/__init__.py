"""The far end of a stream, as a library: a `wss://` server that takes Media Streams and gives you audio.

    async def listen(stream: Stream) -> None:
        with StereoWav(Path(f"{stream.start.call_sid}.wav")) as wav:
            async for message in stream:
                if isinstance(message, Media):
                    wav.write(message)

    async with Receiver.serve(listen, port=8443, ssl=context, auth_token=token) as receiver:
        await receiver.wait_closed()

It needs neither the Rust core nor the rest of Bridgetap, and works for Twilio's own streams too.
"""

from .checks import Faults
from .messages import (
    Connected,
    Dtmf,
    Mark,
    Media,
    MediaFormat,
    Message,
    Start,
    Stop,
    Track,
    parse_message,
)
from .server import Receiver, Refusal
from .session import Session, TrackFigures
from .stream import Stream
from .ulaw import decode_ulaw, encode_ulaw, level_dbfs
from .wav import StereoWav, TrackWavs

__all__ = [
    "Connected",
    "Dtmf",
    "Faults",
    "Mark",
    "Media",
    "MediaFormat",
    "Message",
    "Receiver",
    "Refusal",
    "Session",
    "Start",
    "StereoWav",
    "Stop",
    "Stream",
    "Track",
    "TrackFigures",
    "TrackWavs",
    "decode_ulaw",
    "encode_ulaw",
    "level_dbfs",
    "parse_message",
]
