"""Records every call that is streamed here as a stereo WAV file: left inbound, right outbound, aligned.

    python examples/record_stereo.py --port 8443 --folder recordings --token "$TOKEN"

Without --certificate and --key it makes up an authority in ./certificates and says so: give that
ca.pem to Bridgetap as streams.trusted_ca. A recording survives a cut connection and a killed
program where the sender resumes (`streams.resume`): start it again and it goes on in the same file.
"""

import argparse
import asyncio
import ssl
from pathlib import Path

from bridgetap.receiver import KeptInFolder, Media, Receiver, Resume, StereoWav, Stream, loopback_tls, server_tls


class Recorder:
    """One file a stream, named after its call."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def listen(self, stream: Stream) -> None:
        start = stream.start
        path = self._folder / f"{start.call_sid}-{start.stream_sid}.wav"
        print(f"{path}: begins, {' and '.join(start.tracks)}", flush=True)
        with StereoWav(path, media_format=start.media_format, resume=True) as wav:
            async for message in stream:
                if isinstance(message, Media):
                    wav.write(message)
        frames = sum(figures.frames for figures in stream.tracks.values())
        how = "complete" if stream.stop else "cut off"
        print(f"{path}: {how}, {frames} frames, {stream.faults.missing} missing", flush=True)


async def main() -> None:
    options = read_options()
    options.folder.mkdir(parents=True, exist_ok=True)
    recorder = Recorder(options.folder)
    async with Receiver.serve(
        recorder.listen,
        host=options.host,
        port=options.port,
        ssl=tls(options),
        auth_token=options.token,
        resume=Resume(kept=KeptInFolder(options.folder / "kept")),
    ) as receiver:
        print(f"listens on port {receiver.port}", flush=True)
        await receiver.wait_closed()


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 for all")
    parser.add_argument("--port", type=int, default=8443)
    parser.add_argument("--folder", type=Path, default=Path("recordings"))
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
