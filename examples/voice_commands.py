"""Recognises spoken commands on live calls, and prints each as a line of JSON.

    pip install pocketsphinx==5.1.1
    python examples/voice_commands.py --port 8443 --token "$TOKEN"

The commands below (or those of --commands, one a line) are all that it can hear: whatever is said, it
gives the one that is most alike, or none. That is good for commands and hopeless for free dictation,
which needs a real recogniser (Whisper, Vosk, a cloud service): feed it `audio.samples` in the same place.

pocketsphinx wants 16 kHz and a telephone gives 8, so every track is brought to twice its rate.
"""

import argparse
import asyncio
import json
import ssl
import tempfile
from collections.abc import AsyncIterable, Sequence
from pathlib import Path

from pocketsphinx import Decoder, Endpointer

from bridgetap.receiver import Audio, Receiver, Stream, Track, loopback_tls, resample_double, server_tls

COMMANDS = (
    "transfer me to sales",
    "transfer me to support",
    "talk to the operator",
    "change the delivery address",
    "cancel my order",
    "repeat that please",
    "good bye",
)
RATE = 16_000


class Commands:
    """Listens to one track. Decoding is work: call it in a thread."""

    def __init__(self, commands: Sequence[str]) -> None:
        self._commands = frozenset(commands)
        with tempfile.NamedTemporaryFile("w", suffix=".gram") as file:
            file.write(f"#JSGF V1.0;\ngrammar commands;\npublic <command> = {' | '.join(commands)};\n")
            file.flush()
            self._decoder = Decoder(jsgf=file.name, samprate=RATE, loglevel="FATAL")
        self._endpointer = Endpointer(sample_rate=RATE, window=0.5)
        self._waiting = b""

    def hear(self, samples: bytes) -> list[str]:
        """s16le at 16 kHz; the commands that end in it."""
        self._waiting += samples
        size = self._endpointer.frame_bytes
        found = []
        while len(self._waiting) >= size:
            frame, self._waiting = self._waiting[:size], self._waiting[size:]
            before = self._endpointer.in_speech
            speech = self._endpointer.process(frame)
            if speech is not None:
                if not before:
                    self._decoder.start_utt()
                self._decoder.process_raw(speech)
                if not self._endpointer.in_speech:
                    found += self._end()
        return found

    def finish(self) -> list[str]:
        """The call is over, perhaps in the middle of a sentence."""
        if not self._endpointer.in_speech:
            return []
        if (speech := self._endpointer.end_stream(self._waiting)) is not None:
            self._decoder.process_raw(speech)
        return self._end()

    def _end(self) -> list[str]:
        self._decoder.end_utt()
        said = self._decoder.hyp()
        # Half a command is what it gives for a noise or a cough.
        return [said.hypstr] if said is not None and said.hypstr in self._commands else []


class Listener:
    """Every track of every stream, each with a decoder of its own."""

    def __init__(self, commands: Sequence[str]) -> None:
        self._commands = commands

    async def listen(self, stream: Stream) -> None:
        start = stream.start
        if start.media_format.sample_rate not in {RATE, RATE // 2}:
            await stream.close(1003, f"{start.media_format.sample_rate} Hz: only 8000 and 16000 are understood")
            return
        mixed = start.extensions is not None and start.extensions.channels == "mixed"
        names: Sequence[Track] = ("mixed",) if mixed else start.tracks
        tracks = {track: stream.audio(track) for track in names}
        async with asyncio.TaskGroup() as tasks:
            for track, frames in tracks.items():
                tasks.create_task(self._track(stream, track, frames))

    async def _track(self, stream: Stream, track: Track, frames: AsyncIterable[Audio]) -> None:
        commands = await asyncio.to_thread(Commands, self._commands)
        at_s, last = 0.0, 0
        async for audio in frames:
            samples = audio.samples
            if audio.rate == RATE // 2:
                samples, last = resample_double(samples, last), audio.values[-1]
            at_s = audio.at_s
            for said in await asyncio.to_thread(commands.hear, samples):
                self._tell(stream, track, at_s, said)
        for said in await asyncio.to_thread(commands.finish):
            self._tell(stream, track, at_s, said)

    def _tell(self, stream: Stream, track: Track, at_s: float, said: str) -> None:
        line = {"call": stream.start.call_sid, "track": track, "at_s": round(at_s, 2), "said": said}
        print(json.dumps(line), flush=True)


async def main() -> None:
    options = read_options()
    listener = Listener(read_commands(options.commands) if options.commands else COMMANDS)
    async with Receiver.serve(
        listener.listen, host=options.host, port=options.port, ssl=tls(options), auth_token=options.token
    ) as receiver:
        print(f"listens on port {receiver.port}", flush=True)
        await receiver.wait_closed()


def read_commands(path: Path) -> list[str]:
    """The lines of a file, or an end of the program that says which word nobody could ever hear."""
    commands = [" ".join(line.lower().split()) for line in path.read_text().splitlines() if line.strip()]
    dictionary = Decoder(lm=None, loglevel="FATAL")
    strange = {word for command in commands for word in command.split() if dictionary.lookup_word(word) is None}
    if strange:
        raise SystemExit(f"{path}: {', '.join(sorted(strange))}: no English words")
    if not commands:
        raise SystemExit(f"{path}: no commands")
    return commands


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 for all")
    parser.add_argument("--port", type=int, default=8443)
    parser.add_argument("--commands", type=Path, help="a file with commands of your own, US English, one a line")
    parser.add_argument("--token", help="the account's auth token: others are refused; without it everybody is let in")
    parser.add_argument("--certificate", type=Path, help="PEM file: the full chain, leaf first")
    parser.add_argument("--key", type=Path, help="PEM file: the certificate's key")
    return parser.parse_args()


def tls(options: argparse.Namespace) -> ssl.SSLContext:
    if options.certificate:
        return server_tls(options.certificate, options.key)
    print("a made-up certificate for localhost, good for two days: trust certificates/ca.pem", flush=True)
    return loopback_tls(Path("certificates"))


if __name__ == "__main__":
    asyncio.run(main())
