"""How these tests ask the doctor, and what they read of its report."""

import asyncio
from pathlib import Path
from typing import Any

from bridgetap.doctor import Order, Place, Report, Severity, examine
from bridgetap.flow.stream_url import StreamUrl
from bridgetap.signing import HEADER, sign_stream
from tests.interop import bad_servers
from tests.interop.certificates import Authority

from .ws import Handler

TOKEN = "12345"
Tls = tuple[Path, Path] | None


def order(port: int, authority: Authority, **changes: Any) -> Order:
    """Short times, so that a hanging server costs no minute."""
    usual: dict[str, Any] = {
        "url": StreamUrl(host="localhost", port=port, path="/in"),
        "token": TOKEN,
        "seconds": 1.0,
        "ca_file": authority.path,
        "system_roots": False,
        "connect_to": Place(host="127.0.0.1", port=port),
        "connect_timeout_s": 3.0,
    }
    return Order(**{**usual, **changes})


async def diagnose(handler: Handler, tls: Tls, authority: Authority, **changes: Any) -> Report:
    async with bad_servers.listening(handler, tls) as port, asyncio.timeout(60):
        return await examine(order(port, authority, **changes))


def kinds(report: Report, *, severity: Severity | None = None) -> set[str]:
    return {one.kind for one in report.findings() if severity in {None, one.severity}}


def signed_only(asked: dict[str, str]) -> bool:
    """As the documentation of signatures wants it."""
    url = f"wss://{asked['host']}/in"
    return asked.get(HEADER.lower()) == sign_stream(TOKEN, url)
