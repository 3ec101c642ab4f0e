"""The opening handshake (RFC 6455 §4), as a stream's: the request, and what is wrong with an answer. Pure."""

import hashlib
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from bridgetap.flow.stream_url import StreamUrl
from bridgetap.signing import HEADER

from .report import Finding, fault, plain

MAX_HEAD_BYTES = 16 * 1024
MAX_HEADERS = 100
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_NOT_101 = 31920
_STATUS_LINE = re.compile(rb"HTTP/(1\.[01]) ([1-9][0-9]{2})(?: ([^\r\n]*))?\Z")


def request(
    url: StreamUrl, *, key: str, user_agent: str, signature: str | None, headers: Sequence[tuple[str, str]] = ()
) -> bytes:
    """The bytes that the core would send too: no Origin, no extensions, no subprotocol."""
    lines = [
        f"GET {url.request_path} HTTP/1.1",
        f"Host: {url.authority}",
        f"User-Agent: {user_agent}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
    ]
    if signature is not None:
        lines.append(f"{HEADER}: {signature}")
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def head_end(data: bytes) -> int | None:
    """Where the head of an answer ends; None while it is not whole."""
    ends = [at + len(mark) for mark in (b"\r\n\r\n", b"\n\n") if (at := data.find(mark)) >= 0]
    return min(ends, default=None)


def can_be_http(data: bytes) -> bool:
    """Whether what came so far may still become an HTTP/1 answer."""
    start = b"HTTP/1."
    return data[: len(start)] == start[: len(data)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The head of an HTTP answer; header names in lower case, each with all its values."""

    version: str
    status: int
    reason: str
    headers: Mapping[str, tuple[str, ...]]

    @classmethod
    def parse(cls, head: bytes) -> "Answer | None":
        """None: this is no HTTP/1 answer."""
        first, *rest = head.replace(b"\r\n", b"\n").rstrip(b"\n").split(b"\n")
        match = _STATUS_LINE.match(first)
        if match is None or len(rest) > MAX_HEADERS:
            return None
        headers: dict[str, tuple[str, ...]] = {}
        for line in rest:
            name, colon, value = line.partition(b":")
            if not colon:
                return None
            key = name.decode("latin-1").strip().lower()
            headers[key] = (*headers.get(key, ()), value.decode("latin-1").strip())
        return cls(
            version=match[1].decode(),
            status=int(match[2]),
            reason=(match[3] or b"").decode("latin-1"),
            headers=headers,
        )

    def tokens(self, name: str) -> set[str]:
        """A header's values, split at commas, in lower case."""
        return {part.strip().lower() for value in self.headers.get(name, ()) for part in value.split(",")} - {""}

    def first(self, name: str) -> str:
        return next(iter(self.headers.get(name, ())), "")


def judge(answer: Answer, *, key: str) -> list[Finding]:
    """What keeps this answer from being the beginning of a stream."""
    if answer.status != 101:
        return [_not_101(answer)]
    findings = []
    if "websocket" not in answer.tokens("upgrade") or "upgrade" not in answer.tokens("connection"):
        findings.append(
            fault(
                "upgrade.headers",
                "the 101 lacks `Upgrade: websocket` or `Connection: Upgrade`",
                "send both (RFC 6455 §4.2.2); a proxy in between may have removed them",
                _NOT_101,
            )
        )
    if answer.headers.get("sec-websocket-accept", ()) != (accept(key),):
        findings.append(
            fault(
                "upgrade.accept",
                "Sec-WebSocket-Accept does not answer our Sec-WebSocket-Key",
                "compute base64(SHA-1(key + the GUID of RFC 6455 §1.3)) from this request's key, not from a stored "
                "one; best let a WebSocket library answer",
                _NOT_101,
            )
        )
    if protocols := answer.tokens("sec-websocket-protocol"):
        findings.append(
            fault(
                "upgrade.subprotocol",
                f"it picks the subprotocol {plain(', '.join(sorted(protocols)), most=60)}, and none was offered",
                "do not configure a subprotocol for this path: streams offer none, and a client must refuse (§4.1)",
                _NOT_101,
            )
        )
    if extensions := answer.tokens("sec-websocket-extensions"):
        findings.append(
            fault(
                "upgrade.extension",
                f"it turns on {plain(', '.join(sorted(extensions)), most=60)}, and no extension was offered",
                "turn compression (permessage-deflate) off for this path, or let the library negotiate it",
                _NOT_101,
            )
        )
    return findings


def not_http(data: bytes) -> Finding:
    """The answer is something else."""
    if _is_http2(data):
        return fault(
            "upgrade.http2",
            "the server speaks HTTP/2 only, and a stream opens with HTTP/1.1",
            "allow HTTP/1.1 on this port (proxies: take http/1.1 beside h2 in ALPN, and use it when none is asked for)",
            _NOT_101,
        )
    return fault(
        "upgrade.not-http",
        f"the answer is not HTTP: {plain(data[:24].decode('latin-1'))!r}",
        "is this the port of the WebSocket server, and not of another service behind TLS?",
        _NOT_101,
    )


def accept(key: str) -> str:
    """What a server must answer to that key."""
    return b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()).decode()


def _is_http2(data: bytes) -> bool:
    """A SETTINGS (4) or GOAWAY (7) frame on stream 0 (RFC 9113 §4.1)."""
    return len(data) >= 9 and data[3] in {4, 7} and data[5:9] == bytes(4)


def _not_101(answer: Answer) -> Finding:
    status = answer.status
    reason = plain(answer.reason, most=60)
    text = f"the server answers {status} {reason}".rstrip() + " instead of 101"
    if 300 <= status < 400:
        where = _without_query(answer.first("location"))
        text += f" and sends us to {where}" if where else ""
        return fault("upgrade.redirect", text, _CHANGES["redirect"], _NOT_101)
    return fault(f"upgrade.{status}", text, _CHANGES.get(str(status), _CHANGES[_family(status)]), _NOT_101)


def _family(status: int) -> str:
    return {2: "2xx", 4: "4xx", 5: "5xx"}.get(status // 100, "1xx")


def _without_query(location: str) -> str:
    """Where a redirect points; a query may hold somebody's secret."""
    try:
        return plain(urlsplit(location)._replace(query="", fragment="").geturl())
    except ValueError:
        return ""


_PROXY = "nginx: proxy_http_version 1.1, proxy_set_header Upgrade $http_upgrade, proxy_set_header Connection upgrade"
_CHANGES = {
    "redirect": "redirects are not followed: put the final wss:// URL into the stream, or serve this path without one",
    "200": f"this path serves a page, or a proxy drops the Upgrade header ({_PROXY}); is the path right?",
    "400": "the server does not like the upgrade: does it demand an Origin, a subprotocol, a cookie or a header that "
    f"streams do not send? A proxy may have dropped the Upgrade header ({_PROXY})",
    "401": "streams send no Authorization: verify X-Twilio-Signature instead, or a secret in start.customParameters",
    "403": "the server refuses the handshake: it verifies signatures with another token or URL (see the signature "
    "step), demands an Origin, or an address list keeps us out",
    "404": "no such path: compare the stream's URL with the route of your server, its trailing slash included",
    "405": "this path takes no GET: the WebSocket route is another one",
    "426": f"the server does not see an upgrade: a proxy in front drops it ({_PROXY}), or it wants another version "
    "of WebSocket than 13",
    "429": "it limits how often one address may connect: raise the limit, calls come in bursts",
    "502": "the proxy cannot reach your WebSocket server: is it running, is the upstream address right?",
    "503": "the server is overloaded or has no healthy backend",
    "504": "the proxy waits in vain for your WebSocket server: is the upstream address right?",
    "1xx": "answer the upgrade with 101 directly",
    "2xx": "this path does not speak WebSocket: is it the right one?",
    "4xx": "the server refuses the request: see its log for this time",
    "5xx": "the server failed while answering: see its log for this time",
}
