"""The doctor's own end of TLS, against a server in memory."""

import asyncio
import socket
import ssl
from pathlib import Path

from bridgetap.doctor.wire import Wire
from tests.interop.certificates import Authority

TIMES = 20


class Server:
    """The other end of a socket, moved by hand."""

    def __init__(self, tcp: socket.socket, files: tuple[Path, Path]) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
        self._tcp, self._in, self._out = tcp, ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)

    async def handshake(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                return self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await loop.sock_sendall(self._tcp, self._out.read())
                self._in.write(await loop.sock_recv(self._tcp, 16_384))
            finally:
                await loop.sock_sendall(self._tcp, self._out.read())

    def send(self, data: bytes) -> None:
        self._tls.write(data)
        self._tcp.send(self._out.read())


async def test_a_server_that_sends_without_end_leaves_everybody_else_their_turn(
    localhost: tuple[Path, Path], authority: Authority
) -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    ours, theirs = socket.socketpair()
    for tcp in (ours, theirs):
        tcp.setblocking(False)
    server, wire = Server(theirs, localhost), Wire(ours, ssl.create_default_context(cafile=authority.path), "localhost")
    with theirs:
        await asyncio.gather(server.handshake(), wire.handshake())
        for _ in range(TIMES):
            server.send(b"x" * 100)
        counting = asyncio.create_task(count())
        heard = sum([len(await wire.read()) for _ in range(TIMES)])
        counting.cancel()
        await wire.close()
    assert (heard, turns >= TIMES) == (100 * TIMES, True)
