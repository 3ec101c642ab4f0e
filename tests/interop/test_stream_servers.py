"""What the configuration owes each of several stream servers: tokens, certificates, pins; the next when one is away."""

import asyncio
import base64
import hashlib
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from .certificates import Authority
from .parties import parties, talk
from .programs import free_port


@dataclass
class Heard:
    port: int
    headers: dict[str, str] = field(default_factory=dict)
    client: str = ""  # the common name of the certificate it showed
    events: list[str] = field(default_factory=list)


@asynccontextmanager
async def receiver(certificate: tuple[Path, Path], *, clients: Path | None = None) -> AsyncIterator[Heard]:
    """A wss server; with `clients` it wants a certificate that those signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients)
    heard = Heard(port=0)

    async def listen(connection: ServerConnection) -> None:
        assert connection.request is not None
        heard.headers = {name.lower(): value for name, value in connection.request.headers.raw_items()}
        shown: dict[str, Any] | None = connection.transport.get_extra_info("peercert")
        if shown:
            heard.client = dict(pair[0] for pair in shown["subject"])["commonName"]
        try:
            async for text in connection:
                heard.events.append(json.loads(text)["event"])
        except ConnectionClosed:
            pass

    async with serve(listen, "127.0.0.1", 0, ssl=context, compression=None) as server:
        heard.port = server.sockets[0].getsockname()[1]
        yield heard


def pin(certificate: Path) -> str:
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return "sha256/" + base64.b64encode(hashlib.sha256(der).digest()).decode()


async def test_the_second_server_is_used_and_gets_what_it_is_owed(
    tmp_path: Path, authority: Authority, localhost: tuple[Path, Path]
) -> None:
    us = authority.issue(tmp_path, "us")
    async with receiver(localhost, clients=authority.path) as far_end:
        away = free_port()
        settings = f"""
[[stream_options]]
url = "wss://localhost:{away}/*"
bearer_token = "for-the-first-alone"
fallback_urls = ["wss://localhost:{far_end.port}/in"]

[[stream_options]]
url = "wss://localhost:{far_end.port}/*"
bearer_token = "t0ken"
headers = {{ X-Tenant = "42" }}
trusted_ca = "{authority.path}"
client_certificate = "{us[0]}"
client_key = "{us[1]}"
certificate_pins = ["{pin(localhost[0])}"]
"""
        url = f"wss://localhost:{away}/in"
        async with parties(tmp_path, stream_url=url, settings=settings) as (server, caller, callee):
            await talk(caller, callee, seconds=2)
            row = await asyncio.to_thread(server.ended_stream)
        assert far_end.headers["authorization"] == "Bearer t0ken"
        assert far_end.headers["x-tenant"] == "42"
        assert far_end.client
        assert far_end.events[:3] == ["connected", "start", "media"]
        assert row["end_reason"] in ("stopped", "call-ended")
        log = (tmp_path / "server" / "server.log").read_text()
        assert "stream.reconnecting" in log
        assert not any(secret in log for secret in ("t0ken", "for-the-first-alone"))


async def test_a_key_that_is_not_the_pinned_one_ends_the_stream_and_says_so(
    tmp_path: Path, authority: Authority, localhost: tuple[Path, Path]
) -> None:
    other = authority.issue(tmp_path, "other")
    async with receiver(localhost) as far_end:
        settings = f"""
[[stream_options]]
url = "wss://localhost:{far_end.port}/*"
trusted_ca = "{authority.path}"
certificate_pins = ["{pin(other[0])}"]
"""
        url = f"wss://localhost:{far_end.port}/in"
        async with parties(tmp_path, stream_url=url, settings=settings) as (server, caller, callee):
            await talk(caller, callee, seconds=1)
            row = await asyncio.to_thread(server.ended_stream)
        assert (row["end_reason"], row["code"]) == ("failed", 31910)
        assert "none of certificate_pins" in row["detail"]
        assert far_end.events == []
