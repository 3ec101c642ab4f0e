"""TLS over a socket of our own: what is unsent is known to the byte, and the peer's chain can be seen."""

import asyncio
import fcntl
import socket
import ssl
import struct
import termios
from contextlib import suppress

_CHUNK = 16 * 1024
MAX_UNSENT = 4 << 20


class Gone(Exception):
    """The server ended the connection; the text says how."""


class Unshown(Gone):
    """The server refuses us behind its own certificate: it wants one of ours. TLS 1.2 has no other word for that
    than for suites that do not match, which it would have said before."""


class Wire:
    """An open TLS connection. One reader, any number of writers; `close` may be called twice."""

    def __init__(self, tcp: socket.socket, context: ssl.SSLContext, host: str) -> None:
        self._tcp = tcp
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=host)
        self._unsent = bytearray()
        self._news = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self.broken: str | None = None  # why nothing can be sent any more

    async def handshake(self) -> None:
        """Raises `ssl.SSLError` (what we refuse or were told), `Gone`, of that `Unshown`, and `OSError`."""
        loop = asyncio.get_running_loop()
        while True:
            await _others_turn()
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as error:
                with suppress(OSError):
                    await loop.sock_sendall(self._tcp, self._out.read())  # the alert, for the server's log
                if "ALERT_HANDSHAKE_FAILURE" in (error.reason or "") and self.chain():
                    raise Unshown("demands a client certificate") from None
                raise
            else:
                await loop.sock_sendall(self._tcp, self._out.read())
                return
            await loop.sock_sendall(self._tcp, self._out.read())
            data = await loop.sock_recv(self._tcp, _CHUNK)
            if not data:
                raise Gone("closes the connection")
            self._in.write(data)

    @property
    def version(self) -> str:
        return self._tls.version() or ""

    @property
    def cipher(self) -> str:
        cipher = self._tls.cipher()
        return cipher[0] if cipher else ""

    def chain(self) -> list[bytes]:
        """What the server sent, leaf first, DER, verified or not."""
        public = getattr(self._tls, "get_unverified_chain", None)  # Python 3.13
        if public is not None:
            return list(public())
        inner = getattr(self._tls, "_sslobj", None)
        found = inner.get_unverified_chain() if inner is not None else None
        return [ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in found or ()]

    def send(self, data: bytes) -> None:
        """Encrypt and hand over; never waits. Beyond 4 MiB unsent, or on a broken connection, nothing is taken."""
        if self.broken is not None or len(self._unsent) > MAX_UNSENT:
            return
        try:
            self._tls.write(data)
        except ssl.SSLError as error:
            self.broken = f"TLS: {error.reason or error}"
            return
        self._flush()

    def unsent(self) -> int:
        """Bytes that the far machine has not acknowledged."""
        try:
            (kernel,) = struct.unpack("i", fcntl.ioctl(self._tcp, termios.TIOCOUTQ, bytes(4)))
        except OSError:
            kernel = 0
        return len(self._unsent) + int(kernel)

    async def read(self) -> bytes:
        """Some plain bytes. Raises `Gone`."""
        loop = asyncio.get_running_loop()
        while True:
            await _others_turn()
            try:
                data = self._tls.read(_CHUNK)
            except ssl.SSLWantReadError:
                data = None
            except ssl.SSLZeroReturnError:
                raise Gone("ends TLS without a close frame") from None
            except ssl.SSLEOFError:
                raise Gone("closes the connection without ending TLS") from None
            except ssl.SSLError as error:
                raise Gone(f"breaks TLS ({error.reason or error})") from None
            self._flush()
            if data:
                return data
            if data is not None:
                raise Gone("closes the connection without a close frame")
            try:
                received = await loop.sock_recv(self._tcp, _CHUNK)
            except OSError as error:
                raise Gone(f"breaks the connection ({error.strerror or error})") from None
            if received:
                self._in.write(received)
            else:
                self._in.write_eof()

    async def close(self) -> None:
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
            self._pump = None
        self._tcp.close()

    def _flush(self) -> None:
        if self._out.pending:
            self._unsent += self._out.read()
            self._news.set()
            if self._pump is None:
                self._pump = asyncio.get_running_loop().create_task(self._send_all())

    async def _send_all(self) -> None:
        """Owned by `close`."""
        loop = asyncio.get_running_loop()
        while True:
            await self._news.wait()
            self._news.clear()
            while self._unsent:
                part = bytes(self._unsent[:_CHUNK])
                try:
                    await loop.sock_sendall(self._tcp, part)
                except OSError as error:
                    self.broken = error.strerror or str(error)
                    self._unsent.clear()
                    return
                del self._unsent[: len(part)]


async def _others_turn() -> None:
    """Where a server sends without end there is always something to read: nothing else here would ever wait."""
    await asyncio.sleep(0)
