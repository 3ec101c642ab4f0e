"""The far end of a stream, as a library: a `wss://` server that takes Media Streams and gives you audio.

    async def listen(stream: Stream) -> None:
        async for audio in stream.audio("inbound"):
            recogniser.feed(audio.samples)

    tls = server_tls("fullchain.pem", "privkey.pem")
    async with Receiver.serve(listen, port=8443, ssl=tls, auth_token=token) as receiver:
        await receiver.wait_closed()

It needs neither the Rust core nor the rest of Bridgetap, and works for Twilio's own streams too.
"""

from .audio import Audio
from .authority import loopback_tls
from .checks import Faults
from .coding import resample_double
from .g711 import decode_alaw, decode_ulaw, encode_ulaw, level_dbfs
from .kept import Kept, KeptInFolder, KeptInMemory
from .messages import (
    CallEvent,
    Connected,
    Dtmf,
    Extensions,
    Gap,
    LostAudio,
    Mark,
    Media,
    MediaFormat,
    Message,
    Start,
    Stop,
    Track,
    parse_message,
)
from .schema import json_schema
from .server import Receiver, Refusal, Resume, server_tls
from .session import Session, TrackFigures
from .stream import Stream
from .wav import StereoWav, TrackWavs

__all__ = [
    "Audio",
    "CallEvent",
    "Connected",
    "Dtmf",
    "Extensions",
    "Faults",
    "Gap",
    "Kept",
    "KeptInFolder",
    "KeptInMemory",
    "LostAudio",
    "Mark",
    "Media",
    "MediaFormat",
    "Message",
    "Receiver",
    "Refusal",
    "Resume",
    "Session",
    "Start",
    "StereoWav",
    "Stop",
    "Stream",
    "Track",
    "TrackFigures",
    "TrackWavs",
    "decode_alaw",
    "decode_ulaw",
    "encode_ulaw",
    "json_schema",
    "level_dbfs",
    "loopback_tls",
    "parse_message",
    "resample_double",
    "server_tls",
]
