"""A bad network for streams: a TCP proxy that delays, cuts and throttles, the same way every time.

It stands between the server and the far end and knows nothing of TLS. (Not every kernel has netem.)
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

CHUNK = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """`delay_s` each way; `bytes_s` toward the far end, None for as fast as it goes; cut with a reset after
    `cut_after` bytes toward the far end."""

    delay_s: float = 0.0
    bytes_s: float | None = None
    cut_after: int | None = None


@asynccontextmanager
async def network(to_port: int, faults: Network) -> AsyncIterator[int]:
    """The port to connect to instead of `to_port`."""
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(OSError, asyncio.CancelledError):
            back_reader, back_writer = await asyncio.open_connection("127.0.0.1", to_port)
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(_carry(reader, back_writer, faults))
                    both.create_task(_carry(back_reader, writer, Network(delay_s=faults.delay_s)))
            except* (_Cut, OSError):
                _reset(writer)
            finally:
                back_writer.transport.abort()
                writer.transport.abort()

    # A small window, so that a slow network is felt by the sender and not hidden in the kernel.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    listener.bind(("127.0.0.1", 0))
    server = await asyncio.start_server(accept, sock=listener, limit=CHUNK)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # aborted transports close in the next round


class _Cut(Exception):
    """As many bytes as were let through have passed."""


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, faults: Network) -> None:
    """What comes in goes out `delay_s` later, in order, at the pace allowed."""
    loop = asyncio.get_running_loop()
    # What is under way: enough for the delay, little where the way is narrow.
    queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(64 if faults.bytes_s is None else 2)

    async def take_in() -> None:
        while data := await reader.read(CHUNK):
            await queue.put((loop.time() + faults.delay_s, data))
        await queue.put((loop.time() + faults.delay_s, b""))

    async def give_out() -> None:
        passed = 0
        while True:
            due, data = await queue.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            if not data:
                writer.write_eof()
                return
            if faults.bytes_s is not None:
                await asyncio.sleep(len(data) / faults.bytes_s)
            writer.write(data)
            await writer.drain()
            passed += len(data)
            if faults.cut_after is not None and passed >= faults.cut_after:
                raise _Cut

    async with asyncio.TaskGroup() as both:
        both.create_task(take_in())
        both.create_task(give_out())


def _reset(writer: asyncio.StreamWriter) -> None:
    raw: socket.socket = writer.get_extra_info("socket")
    with suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
