"""TLS handshakes that come to nothing."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from bridgetap.doctor import Report, examine
from tests.interop.certificates import Authority

from .examining import kinds, order


@asynccontextmanager
async def tls_server(context: ssl.SSLContext) -> AsyncIterator[int]:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def examine_tls(context: ssl.SSLContext, authority: Authority) -> Report:
    async with tls_server(context) as port:
        return await examine(order(port, authority))


def server_context(files: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    return context


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_a_server_of_tls_1_1(localhost: tuple[Path, Path], authority: Authority) -> None:
    context = server_context(localhost)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    assert kinds(await examine_tls(context, authority)) == {"tls.too-old"}


async def test_a_server_without_a_modern_cipher(localhost: tuple[Path, Path], authority: Authority) -> None:
    context = server_context(localhost)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA")
    assert kinds(await examine_tls(context, authority)) == {"tls.ciphers"}


def refuse_one_client_after_another(listener: socket.socket, context: ssl.SSLContext) -> None:
    """A blocking server: asyncio's tells a client without a certificate nothing, OpenSSL itself does."""
    with suppress(OSError):
        while True:
            tcp, _ = listener.accept()
            tcp.settimeout(5)
            with tcp, suppress(OSError), context.wrap_socket(tcp, server_side=True) as tls:
                tls.recv(1000)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_server_that_demands_a_client_certificate(
    localhost: tuple[Path, Path], authority: Authority, version: ssl.TLSVersion
) -> None:
    context = server_context(localhost)
    context.maximum_version = version
    context.load_verify_locations(authority.path)
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(asyncio.to_thread(refuse_one_client_after_another, listener, context))
        report = await examine(order(listener.getsockname()[1], authority))
        listener.shutdown(socket.SHUT_RDWR)
        await serving
    assert kinds(report) == {"tls.client-certificate"}
