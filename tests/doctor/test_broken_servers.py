"""Servers that are broken in one way each: the doctor names that way, says what to change, and comes to its end."""

import asyncio
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from bridgetap.doctor import Place, Severity, Step, Verdict, examine
from bridgetap.signing import HEADER
from tests.interop import bad_servers
from tests.interop.certificates import Authority

from . import ws
from .examining import diagnose, kinds, order, signed_only
from .ws import Connection, Handler, Socket

# --- a good one ----------------------------------------------------------------------------


async def test_a_good_server_is_well(localhost: tuple[Path, Path], authority: Authority) -> None:
    server = Socket(accepts=signed_only)
    report = await diagnose(server, localhost, authority, parameters={"tenant": "42"})
    assert kinds(report) == set()
    assert {report.step(step).verdict for step in Step} == {Verdict.OK}
    (heard,) = server.heard
    assert [heard[0][:20], heard[1][:16], heard[-1][:15]] == [
        b'{"event":"connected"',
        b'{"event":"start"',
        b'{"event":"stop"',
    ]
    assert b'"customParameters":{"tenant":"42"}' in heard[1]
    assert len(heard) == 2 + 2 * 50 * 2 + 1  # real time and the burst, both tracks
    assert [HEADER.lower() in one for one in server.handshakes] == [True, False, True]
    assert not {"origin", "sec-websocket-extensions", "sec-websocket-protocol"} & set(server.handshakes[0])


async def test_without_a_token_a_server_that_takes_a_made_up_signature_is_open(
    localhost: tuple[Path, Path], authority: Authority
) -> None:
    report = await diagnose(Socket(), localhost, authority, token=None)
    assert kinds(report) == {"signature.open"}
    assert report.faults == 0


# --- what a server says to the handshake ---------------------------------------------------


def upgrade_head(*lines: str, key: bool = True) -> Callable[[dict[str, str]], bytes]:
    def head(asked: dict[str, str]) -> bytes:
        answer = [f"Sec-WebSocket-Accept: {ws.accept(asked['sec-websocket-key'])}"] if key else []
        return "\r\n".join(["HTTP/1.1 101 Switching Protocols", *lines, *answer, "", ""]).encode()

    return head


UPGRADE = ("Upgrade: websocket", "Connection: upgrade")


async def silent_after_request(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(3600)


async def hang_up_after_request(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")


async def speak_ssh(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.2p1\r\n")
    await writer.drain()
    await asyncio.sleep(0.5)


HTTP2 = bytes([0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100])

HANDSHAKES: list[tuple[str, Handler, bool, str, int | None]] = [
    ("accepts and never speaks TLS", bad_servers.hold, False, "tls.silent", 31901),
    ("resets at once", bad_servers.reset, False, "tls.handshake", 31910),
    ("speaks plain HTTP", bad_servers.plain_http, False, "tls.plain-http", 31910),
    ("speaks something else", speak_ssh, False, "tls.not-tls", 31910),
    ("never answers the upgrade", silent_after_request, True, "upgrade.silent", 31901),
    ("hangs up instead of answering", hang_up_after_request, True, "upgrade.closed", 31920),
    ("404", bad_servers.not_found, True, "upgrade.404", 31920),
    ("400", ws.status("400 Bad Request"), True, "upgrade.400", 31920),
    ("401", ws.status("401 Unauthorized", "WWW-Authenticate: Basic"), True, "upgrade.401", 31920),
    ("403", ws.status("403 Forbidden"), True, "upgrade.403", 31920),
    ("426", ws.status("426 Upgrade Required"), True, "upgrade.426", 31920),
    ("200", ws.status("200 OK"), True, "upgrade.200", 31920),
    ("502", ws.status("502 Bad Gateway"), True, "upgrade.502", 31920),
    ("a redirect", ws.status("301 Moved", "Location: wss://b.test/in?k=hunter2"), True, "upgrade.redirect", 31920),
    ("endless headers", bad_servers.endless_headers, True, "upgrade.endless", 31920),
    ("no Sec-WebSocket-Accept", ws.answering(upgrade_head(*UPGRADE, key=False)), True, "upgrade.accept", 31920),
    (
        "somebody else's Sec-WebSocket-Accept",
        ws.answering(upgrade_head(*UPGRADE, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", key=False)),
        True,
        "upgrade.accept",
        31920,
    ),
    ("101 without Upgrade", ws.answering(upgrade_head("Connection: close")), True, "upgrade.headers", 31920),
    (
        "forces a subprotocol",
        ws.answering(upgrade_head(*UPGRADE, "Sec-WebSocket-Protocol: audio.v1")),
        True,
        "upgrade.subprotocol",
        31920,
    ),
    (
        "forces compression",
        ws.answering(upgrade_head(*UPGRADE, "Sec-WebSocket-Extensions: permessage-deflate")),
        True,
        "upgrade.extension",
        31920,
    ),
    ("HTTP/2 only", ws.answering(HTTP2), True, "upgrade.http2", 31920),
    ("something else inside TLS", ws.answering(b"220 mail.example.com ESMTP\r\n"), True, "upgrade.not-http", 31920),
]


@pytest.mark.parametrize(
    ("handler", "tls", "kind", "code"), [c[1:] for c in HANDSHAKES], ids=[c[0] for c in HANDSHAKES]
)
async def test_a_handshake_that_fails_is_named(
    localhost: tuple[Path, Path], authority: Authority, handler: Handler, tls: bool, kind: str, code: int | None
) -> None:
    report = await diagnose(handler, localhost if tls else None, authority)
    (finding, *others) = report.findings()
    assert (finding.kind, finding.code) == (kind, code)
    assert finding.severity is Severity.FAULT
    assert {one.step for one in others} <= {Step.SIGNATURE}  # 401 and 403 are looked into
    assert len(finding.change) > 20
    assert "hunter2" not in str(report.to_json())
    assert report.step(Step.STOP).verdict is Verdict.SKIPPED


async def test_nothing_listens(authority: Authority) -> None:
    async with bad_servers.nobody() as port:
        report = await examine(order(port, authority))
    assert kinds(report) == {"tcp.refused"}
    assert {one.code for one in report.findings()} == {31902}


async def test_no_such_host(authority: Authority) -> None:
    report = await examine(order(443, authority, connect_to=Place(host="no-such-host.invalid", port=443)))
    assert kinds(report) == {"dns.unknown-host"}
    assert {one.code for one in report.findings()} == {31904}


async def test_a_denied_network_is_told_before_anything_is_sent(authority: Authority) -> None:
    report = await examine(order(443, authority, deny_networks=[ip_network("127.0.0.0/8")]))
    assert kinds(report) == {"dns.denied"}
    assert report.step(Step.TCP).verdict is Verdict.SKIPPED


# --- what it does with a stream ------------------------------------------------------------


def on(number: int, data: bytes) -> Callable[[Connection, int, bytes], Any]:
    """Send these bytes at the message with that number."""

    async def act(connection: Connection, at: int, _: bytes) -> None:
        if at == number:
            connection.writer.write(data)

    return act


def hang_up(number: int, last: bytes = b"", *, reset: bool = False) -> Callable[[Connection, int, bytes], Any]:
    async def act(connection: Connection, at: int, _: bytes) -> None:
        if at == number:
            connection.writer.write(last)
            if reset:
                heard = asyncio.StreamReader()
                heard.feed_eof()
                await bad_servers.reset(heard, connection.writer)
            raise ConnectionError

    return act


async def slowly(_connection: Connection, _number: int, _payload: bytes) -> None:
    await asyncio.sleep(0.03)  # two tracks have 10 ms a frame


async def stall(_connection: Connection, number: int, _payload: bytes) -> None:
    if number == 20:
        await asyncio.sleep(3600)


async def leave_tcp_open(connection: Connection, _: int, payload: bytes) -> None:
    if payload.startswith(b'{"event":"stop"'):
        connection.writer.write(ws.close(1000))
        await asyncio.sleep(3600)


HELLO = ws.frame(ws.TEXT, b'{"status":"listening"}')
MARK = ws.frame(ws.TEXT, b'{"event":"mark","streamSid":"MZ1","mark":{"name":"a"}}')
MASKED = bytes([0x81, 0x82, 1, 2, 3, 4, 0, 0])

STREAMS: list[tuple[str, Socket, set[str], int | None]] = [
    ("never answers a ping", Socket(answers_pings=False), {"pings.unanswered"}, None),
    (
        "answers pings with another payload",
        Socket(pong=lambda _: b"hello"),
        {"pings.unanswered", "pings.payload"},
        None,
    ),
    ("floods us with pings", Socket(on_text=on(3, ws.frame(ws.PING, b"x") * 500)), {"pings.flood"}, None),
    ("reads slower than real time", Socket(on_text=slowly), {"pace.slow"}, 31930),
    ("greets on a one-way stream", Socket(greeting=HELLO), {"silence.text"}, 31951),
    ("talks back as on a two-way stream", Socket(on_text=on(9, MARK)), {"silence.text"}, 31951),
    ("sends binary audio", Socket(on_text=on(9, ws.frame(ws.BINARY, bytes(160)))), {"silence.binary"}, 31950),
    ("closes early with 1000", Socket(on_text=hang_up(50, ws.close(1000))), {"stays.closes"}, None),
    ("closes early with 1011", Socket(on_text=hang_up(50, ws.close(1011, "boom"))), {"stays.closes"}, 31921),
    ("refuses text", Socket(on_text=hang_up(1, ws.close(1003))), {"stays.closes"}, 31921),
    ("hangs up without a close frame", Socket(on_text=hang_up(50)), {"stays.drops"}, 31903),
    ("resets", Socket(on_text=hang_up(50, reset=True)), {"stays.drops"}, 31903),
    ("sends garbage", Socket(on_text=on(50, b"\xff" * 400)), {"stays.breaks-protocol"}, 31924),
    ("masks its frames", Socket(on_text=on(50, MASKED)), {"stays.breaks-protocol"}, 31924),
    (
        "compresses unasked",
        Socket(on_text=on(50, ws.frame(ws.TEXT, b"x", first=0xC0))),
        {"stays.breaks-protocol"},
        31924,
    ),
    (
        "sends a close code that may not be sent",
        Socket(on_text=on(50, ws.close(1006))),
        {"stays.breaks-protocol"},
        31924,
    ),
    (
        "gives up when a burst comes",
        Socket(on_text=hang_up(150, ws.close(1008, "too fast"))),
        {"pace.no-burst", "stays.closes"},
        31921,
    ),
    ("ignores stop and close", Socket(closes_on_stop=False, answers_close=False), {"stop.ignored"}, None),
    (
        "hangs up after stop without a close frame",
        Socket(closes_on_stop=False, on_text=hang_up(203)),
        {"stop.no-close-frame"},
        None,
    ),
    ("fails on stop", Socket(closes_on_stop=False, on_text=hang_up(203, ws.close(1011))), {"stop.close-code"}, None),
    ("keeps its socket", Socket(on_text=leave_tcp_open), {"stop.keeps-socket"}, None),
]


@pytest.mark.parametrize(("server", "expected", "code"), [c[1:] for c in STREAMS], ids=[c[0] for c in STREAMS])
async def test_what_a_server_does_with_a_stream_is_named(
    localhost: tuple[Path, Path], authority: Authority, server: Socket, expected: set[str], code: int | None
) -> None:
    server.accepts = signed_only
    report = await diagnose(server, localhost, authority)
    assert kinds(report) == expected
    assert code in {one.code for one in report.findings()}
    assert report.step(Step.UPGRADE).verdict is Verdict.OK


async def test_a_server_that_stops_reading(localhost: tuple[Path, Path], authority: Authority) -> None:
    server = Socket(accepts=signed_only, on_text=stall)
    report = await diagnose(server, localhost, authority)
    assert kinds(report) == {"pace.stalls", "pings.unanswered", "stop.ignored"}
    assert {one.code for one in report.step(Step.PACE).findings} == {31930}


async def test_a_server_that_leaves_closing_to_us_is_well(localhost: tuple[Path, Path], authority: Authority) -> None:
    report = await diagnose(Socket(accepts=signed_only, closes_on_stop=False), localhost, authority)
    assert kinds(report) == set()
    assert "leaves closing to us" in report.step(Step.STOP).detail


async def test_a_close_says_its_reason_and_the_traceback_is_named(
    localhost: tuple[Path, Path], authority: Authority
) -> None:
    server = Socket(accepts=signed_only, on_text=hang_up(50, ws.close(1011, "KeyError\x1b[2J")))
    report = await diagnose(server, localhost, authority)
    (finding,) = report.step(Step.STAYS).findings
    assert "1011: 'KeyError?[2J'" in finding.text
    assert "traceback" in finding.change
