"""Streams that were cut go on as one: over another socket, and in another program."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect

from bridgetap.ids import StreamSid
from bridgetap.receiver import (
    Gap,
    KeptInFolder,
    KeptInMemory,
    Receiver,
    Resume,
    Stream,
    decode_ulaw,
)
from bridgetap.receiver.authority import Authority, make_authority

from .cuts import Far, answer, dial, say, serving
from .frames import MZ, connected, media, start, stop

SID = StreamSid(MZ)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("tls"))


async def test_a_cut_stream_goes_on_in_the_same_loop(authority: Authority) -> None:
    far, kept = Far(), KeptInMemory()
    async with serving(far, authority, kept) as receiver:
        socket = await dial(receiver, authority)
        assert answer(socket) is None
        await say(socket, range(2, 52), connected(), start("inbound"))
        await far.has(50)
        socket.transport.abort()
        again = await dial(receiver, authority, sent=60)
        last = int(answer(again) or 0)
        assert 50 <= last <= 51  # the last message may still be in the loop's hand
        await say(again, range(last + 1, 91), connected(), start("inbound"))
        await again.send(stop(91))
        await again.wait_closed()
    assert far.chunks == list(range(1, 90))
    (stream,) = far.streams
    assert (stream.reconnects, bool(stream.faults), stream.stop is not None) == (1, False, True)
    assert kept.last(SID) is None  # it has ended


@pytest.mark.parametrize("introduces_itself", [True, False])
async def test_what_comes_again_is_passed_over(authority: Authority, introduces_itself: bool) -> None:
    far = Far()
    async with serving(far, authority, KeptInMemory()) as receiver:
        socket = await dial(receiver, authority)
        await say(socket, range(2, 52), connected(), start("inbound"))
        await far.has(50)
        socket.transport.abort()
        again = await dial(receiver, authority, sent=51)
        first = (connected(), start("inbound")) if introduces_itself else ()
        await say(again, range(20, 71), *first)
        await again.send(stop(71))
        await again.wait_closed()
    assert far.chunks == list(range(1, 70))
    assert far.streams[0].replayed == 32
    assert not far.streams[0].faults


async def test_a_socket_that_still_hangs_gives_way_to_the_new_one(authority: Authority) -> None:
    far = Far()
    async with serving(far, authority, KeptInMemory()) as receiver:
        hanging = await dial(receiver, authority)
        await say(hanging, range(2, 12), connected(), start("inbound"))
        await far.has(10)
        again = await dial(receiver, authority, sent=11)
        await say(again, range(12, 22))
        await far.has(20)
        await again.send(stop(22))
        await again.wait_closed()
        await hanging.wait_closed()
    assert far.chunks == list(range(1, 21))


async def test_another_program_goes_on_after_what_was_kept(authority: Authority, tmp_path: Path) -> None:
    before, after = Far(), Far()
    kept = KeptInFolder(tmp_path)
    async with serving(before, authority, kept, within_s=0) as receiver:
        socket = await dial(receiver, authority)
        await say(socket, range(2, 52), connected(), start("inbound"))
        await before.has(50)
        socket.transport.abort()
    kept.close()
    async with serving(after, authority, KeptInFolder(tmp_path)) as receiver:
        again = await dial(receiver, authority, sent=60)
        last = int(answer(again) or 0)
        assert last >= 50
        await say(again, range(last - 5, 71), connected(), start("inbound"))  # it may send more than was asked for
        await again.send(stop(71))
        await again.wait_closed()
    assert sorted({*before.chunks, *after.chunks}) == list(range(1, 70))
    assert after.chunks[0] == last
    (stream,) = after.streams
    assert stream.continues_after == last
    assert not stream.faults
    assert stream.tracks["inbound"].faults.missing == 0
    assert KeptInFolder(tmp_path).last(SID) is None  # forgotten with its stop


async def test_a_program_that_knows_nothing_takes_what_is_replayed(authority: Authority) -> None:
    far = Far()
    async with serving(far, authority, KeptInMemory()) as receiver:
        socket = await dial(receiver, authority, sent=5000)
        assert answer(socket) is None
        await say(socket, range(4900, 5100), connected(), start("inbound"))
        await socket.send(stop(5100))
        await socket.wait_closed()
    assert far.chunks == list(range(4899, 5099))
    assert not far.streams[0].faults
    assert far.streams[0].continues_after is None


async def test_what_a_gap_took_is_counted(authority: Authority) -> None:
    far = Far()
    async with serving(far, authority, KeptInMemory()) as receiver:
        socket = await dial(receiver, authority)
        await say(socket, range(2, 12), connected(), start("inbound"))
        await far.has(10)
        socket.transport.abort()
        again = await dial(receiver, authority, sent=400)
        await say(again, range(101, 111), connected(), start("inbound"))
        await again.send(stop(111))
        await again.wait_closed()
    assert far.streams[0].faults.missing == 89


async def test_a_gap_is_told_and_the_audio_behind_it_goes_on(authority: Authority) -> None:
    far = Far()
    async with serving(far, authority, KeptInMemory()) as receiver:
        socket = await dial(receiver, authority)
        await say(socket, range(2, 12), connected(), start("inbound"))
        await far.has(10)
        socket.transport.abort()
        again = await dial(receiver, authority, sent=400)
        lost = {"track": "inbound", "timestamp": "220", "duration": "1780"}
        gap = {"firstSequence": "12", "lastSequence": "100", "tracks": [lost]}
        text = json.dumps({"event": "gap", "sequenceNumber": "100", "streamSid": MZ, "gap": gap})
        await say(again, range(101, 111), connected(), start("inbound"), text)
        await again.send(stop(111))
        await again.wait_closed()
    (told,) = [message for message in far.messages if isinstance(message, Gap)]
    assert told.tracks[0].duration_ms == 1780
    assert far.chunks == [*range(1, 11), *range(100, 110)]
    assert far.streams[0].faults.missing == 88  # the gap has the number of the last one lost


async def test_a_sender_that_says_good_bye_is_not_waited_for(authority: Authority) -> None:
    far = Far()
    async with asyncio.timeout(5), serving(far, authority, KeptInMemory(), within_s=60) as receiver:
        socket = await dial(receiver, authority)
        await say(socket, range(2, 4), connected(), start("inbound"))
        await socket.close(1000)
    assert far.streams[0].stop is None


async def test_a_loop_that_was_left_holds_nothing_back(authority: Authority) -> None:
    kept = KeptInMemory()
    last: list[int | None] = []

    async def listen(stream: Stream) -> None:
        async for _ in stream:
            break
        async for _ in stream:
            pass
        last.append(kept.last(SID))

    resume = Resume(kept=kept)
    async with Receiver.serve(listen, ssl=authority.server_context(), auth_token=None, resume=resume) as receiver:
        socket = await dial(receiver, authority)
        await say(socket, range(2, 40), connected(), start("inbound"))
        await socket.send(stop(40))
        await socket.wait_closed()
    assert last == [40]


PROGRAM = """
import asyncio, ssl, sys
from pathlib import Path
from bridgetap.receiver import KeptInFolder, Media, Receiver, Resume, StereoWav
async def listen(stream):
    with StereoWav(Path("out.wav"), resume=True) as wav:
        async for message in stream:
            if isinstance(message, Media):
                wav.write(message)
async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("server.pem", "server.key")
    resume = Resume(kept=KeptInFolder(Path("kept")))
    async with Receiver.serve(listen, port=int(sys.argv[1]), ssl=context, auth_token=None, resume=resume) as receiver:
        print(receiver.port, flush=True)
        await receiver.wait_closed()
asyncio.run(main())
"""


@contextlib.contextmanager
def program(folder: Path, port: int) -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [sys.executable, "-c", PROGRAM, str(port)]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, int(process.stdout.readline())
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)


def word(chunk: int) -> int:
    """The byte that all of a chunk is made of: neighbours differ."""
    return 0x80 + chunk % 50


async def until_kept(folder: Path, number: int) -> None:
    kept = KeptInFolder(folder / "kept")
    async with asyncio.timeout(20):
        while (kept.last(SID) or 0) < number:  # noqa: ASYNC110 -- it is another process that keeps it
            await asyncio.sleep(0.01)


async def test_a_receiver_killed_with_kill_9_has_identical_samples_in_the_end(tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    url, context = "wss://localhost:{}/", authority.client_context()

    async def send(socket: ClientConnection, chunks: range) -> None:
        for chunk in chunks:
            await socket.send(media(2 * chunk, "inbound", chunk, byte=word(chunk)))
            await socket.send(media(2 * chunk + 1, "outbound", chunk, byte=word(chunk + 7)))

    with program(tmp_path, 0) as (process, port):
        async with connect(url.format(port), ssl=context, host="127.0.0.1", compression=None) as socket:
            await socket.send(connected())
            await socket.send(start("inbound", "outbound"))
            await send(socket, range(1, 301))
            await until_kept(tmp_path, 400)
            process.kill()  # in the middle of what it was sent
            process.wait()
    with program(tmp_path, port):
        headers = {"Bridgetap-Resume": f"{MZ}; sent=601"}
        async with connect(
            url.format(port), ssl=context, host="127.0.0.1", compression=None, additional_headers=headers
        ) as socket:
            last = int(answer(socket) or 0)
            assert last >= 400
            await socket.send(connected())
            await socket.send(start("inbound", "outbound"))
            await send(socket, range(last // 2 - 10, 501))
            await socket.send(stop(1002))
            await socket.wait_closed()
    with wave.open(str(tmp_path / "out.wav"), "rb") as file:
        heard = file.readframes(file.getnframes())
    sent = bytearray(4 * 160 * 500)
    for channel, shift in ((0, 0), (1, 7)):
        samples = decode_ulaw(b"".join(bytes([word(chunk + shift)]) * 160 for chunk in range(1, 501)))
        sent[2 * channel :: 4], sent[2 * channel + 1 :: 4] = samples[0::2], samples[1::2]
    assert heard == bytes(sent)
