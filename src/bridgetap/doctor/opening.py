"""Opening a stream's WebSocket: TLS, the request, the answer."""

import asyncio
import ssl
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bridgetap.signing import sign_stream

from . import upgrade
from .certificates import TLS_FAILED
from .order import Order
from .reach import TIMEOUT, Address
from .report import Finding, fault, plain
from .tls import client_certificate, open_wire
from .wire import Gone, Wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """How to get to the server: everything that the first steps found."""

    order: Order
    address: Address
    context: ssl.SSLContext
    random: Callable[[int], bytes]

    def right_signature(self) -> str:
        """By the token that was given, or by one that the server cannot know."""
        token = self.order.token if self.order.token is not None else self.random(16).hex()
        return sign_stream(token, str(self.order.url), sign_empty_path=self.order.sign_empty_path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An open stream; `early` came with the 101."""

    wire: Wire
    early: bytes
    ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NotOpened:
    """Why there is none; `status` is that of the HTTP answer, if there was one. `refused`: it hung up instead."""

    findings: Sequence[Finding] = field(default=())
    status: int | None = None
    refused: bool = False


async def open_stream(door: Door, signature: str | None, *, stranger: bool = False) -> Opened | NotOpened:
    """One handshake, within the time that a stream has for it; a `stranger` has no headers of ours."""
    order = door.order
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        wire = await open_wire(order, door.address, door.context)
    except (ssl.SSLError, Gone, OSError, TimeoutError) as error:
        text = f"this connection failed, though others before it did not ({plain(str(error)) or type(error).__name__})"
        change = "does the server limit connections, or balance to a machine that is not well?"
        return NotOpened(findings=[fault("upgrade.unsteady", text, change, TLS_FAILED)])
    key = b64encode(door.random(16)).decode()
    headers = () if stranger else order.headers
    wire.send(upgrade.request(order.url, key=key, user_agent=order.user_agent, signature=signature, headers=headers))
    data = b""
    try:
        async with asyncio.timeout(order.connect_timeout_s):
            while upgrade.head_end(data) is None and upgrade.can_be_http(data) and len(data) <= upgrade.MAX_HEAD_BYTES:
                data += await wire.read()
    except TimeoutError:
        result = NotOpened(findings=[_silent(order, data)])
    except Gone as gone:
        result = NotOpened(findings=[_gone(order, str(gone), data)], refused=not data)
    else:
        end = upgrade.head_end(data)
        answer = upgrade.Answer.parse(data[:end]) if end is not None and end <= upgrade.MAX_HEAD_BYTES else None
        if end is None and upgrade.can_be_http(data):
            result = NotOpened(findings=[_endless()])
        elif answer is None:
            result = NotOpened(findings=[upgrade.not_http(data)])
        elif findings := upgrade.judge(answer, key=key):
            result = NotOpened(findings=findings, status=answer.status)
        else:
            return Opened(wire=wire, early=data[end:], ms=(loop.time() - began) * 1000)
    await wire.close()
    return result


def _silent(order: Order, data: bytes) -> Finding:
    if data:
        return _endless()
    text = f"the server does not answer the upgrade within {order.connect_timeout_s:g} s"
    change = "accept the WebSocket first and do slow work (database, model, upstream) after it; is a worker free?"
    return fault("upgrade.silent", text, change, TIMEOUT)


def _endless() -> Finding:
    text = f"the head of the answer does not end within {upgrade.MAX_HEAD_BYTES} bytes and the time for it"
    return fault(
        "upgrade.endless", text, "answer 101 with the few headers of RFC 6455 §4.2.2, then an empty line", 31920
    )


def _gone(order: Order, how: str, data: bytes) -> Finding:
    if "CERTIFICATE_REQUIRED" in how:
        return client_certificate(order)
    if data and not upgrade.can_be_http(data):
        return upgrade.not_http(data)
    text = f"the server {how} instead of answering 101"
    return fault("upgrade.closed", text, _LOG, 31920)


_LOG = "see the server's log for this time: did its handler raise? Does it demand a client certificate?"
