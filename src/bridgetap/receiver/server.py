"""The `wss://` server: verifies who calls, reads `connected` and `start`, then hands over the stream."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from time import monotonic
from typing import TypeAlias

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from bridgetap.errors import InvalidInput
from bridgetap.ids import StreamSid
from bridgetap.signing import HEADER, validate

from .kept import ANSWER, ASK, Asked, Kept
from .messages import Start
from .session import Session
from .stream import Stream

MAX_FRAME_BYTES = 65_536
START_WITHIN_S = 10.0  # a socket that says nothing is not kept open
PEER_CLOSES_WITHIN_S = 2.0  # after `stop` it is the sender who closes
PROTOCOL_ERROR, POLICY = 1002, 1008
_REFUSALS_KEPT = 100

Listener: TypeAlias = Callable[[Stream], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A handshake or a stream we did not take, and why."""

    remote: str
    reason: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """Streams may go on after a cut connection. `kept` remembers how far each was handled; a stream
    whose socket broke waits `within_s` for its sender before its loop ends."""

    kept: Kept
    within_s: float = 40.0


class Receiver:
    """A running server. Make one with `Receiver.serve`."""

    def __init__(
        self,
        listener: Listener,
        *,
        auth_token: str | None,
        url: str | None,
        exact: bool,
        resume: Resume | None,
        now: Callable[[], float],
    ) -> None:
        self._listener = listener
        self._resume = resume
        self._live: dict[StreamSid, Stream] = {}
        self._auth_token = auth_token
        self._url = url
        self._exact = exact
        self._now = now
        self._server: Server | None = None
        self._leaving = False
        self.refusals: deque[Refusal] = deque(maxlen=_REFUSALS_KEPT)
        self.handshakes = 0

    @classmethod
    @asynccontextmanager
    async def serve(
        cls,
        listener: Listener,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl: SSLContext | None,
        auth_token: str | None,
        url: str | None = None,
        exact: bool = False,
        resume: Resume | None = None,
        now: Callable[[], float] = monotonic,
    ) -> "AsyncIterator[Receiver]":
        """Listen until the block is left.

        `listener` runs once a stream. `ssl` None: something in front of us speaks TLS. `auth_token`
        is the account's: a handshake it did not sign is refused with 403; None takes everybody.
        `url` is what the streams are told to call (`wss://media.example.com/in`); by default it is
        made from the Host header. `exact`: hold the sender to the protocol to the letter. `resume`:
        let streams go on over a new socket, in this program or the next.
        """
        receiver = cls(listener, auth_token=auth_token, url=url, exact=exact, resume=resume, now=now)
        async with serve(
            receiver._take,
            host,
            port,
            ssl=ssl,
            process_request=receiver._admit,
            process_response=receiver._answer,
            compression=None,
            server_header=None,
            max_size=MAX_FRAME_BYTES,
        ) as server:
            receiver._server = server
            try:
                yield receiver
            finally:
                receiver._leave()

    @property
    def port(self) -> int:
        """Where we listen: the real one when 0 was asked for."""
        if self._server is None:
            return 0
        return int(next(iter(self._server.sockets)).getsockname()[1])

    async def wait_closed(self) -> None:
        """Return when the server has been closed."""
        if self._server is not None:
            await self._server.wait_closed()

    def _leave(self) -> None:
        """No sender that was cut off is waited for any more."""
        self._leaving = True
        for stream in self._live.values():
            stream.wait_no_more()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """The handshake: None goes on to 101."""
        self.handshakes += 1
        if self._auth_token is None:
            return None
        signature = request.headers.get(HEADER)
        if signature is None:
            return self._refuse(connection, request, f"the handshake has no {HEADER}")
        url = self._url or f"wss://{request.headers.get('Host', '')}{request.path}"
        if not validate(self._auth_token, signature, url):
            return self._refuse(connection, request, f"{HEADER} does not fit {url} and the auth token")
        return None

    def _answer(self, _: ServerConnection, request: Request, response: Response) -> None:
        """Tell a sender that comes back where to go on."""
        asked = self._asked(request)
        if asked is not None and self._resume is not None and response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            last = self._resume.kept.last(asked.stream_sid)
            if last is not None:
                response.headers[ANSWER] = str(last)

    def _asked(self, request: Request | None) -> Asked | None:
        if self._resume is None or request is None:
            return None
        return Asked.parse(", ".join(request.headers.get_all(ASK)))

    def _refuse(self, connection: ServerConnection, request: Request, reason: str) -> Response:
        self._note(connection, reason, request.headers)
        return connection.respond(HTTPStatus.FORBIDDEN, reason + "\n")

    def _note(self, connection: ServerConnection, reason: str, headers: Headers | None = None) -> None:
        remote = "{}:{}".format(*connection.remote_address[:2])
        self.refusals.append(Refusal(remote=remote, reason=reason, headers=tuple((headers or Headers()).raw_items())))

    async def _take(self, connection: ServerConnection) -> None:
        asked = self._asked(connection.request)
        live = None if asked is None else self._live.get(asked.stream_sid)
        if live is not None and live.over:
            await connection.close(reason="the stream is over")
            return
        if live is not None and live.takes_another:
            await live.go_on_with(connection)
            return
        kept = None if asked is None or self._resume is None else self._resume.kept.last(asked.stream_sid)
        session = Session(exact=self._exact, continues=asked is not None, kept=kept)
        try:
            start = await self._read_start(connection, session)
            if start is not None:
                await self._listen(self._stream(start, session, connection, kept), connection)
        except InvalidInput as error:
            self._note(connection, str(error))
            await connection.close(PROTOCOL_ERROR, _close_reason(str(error)))

    def _stream(self, start: Start, session: Session, connection: ServerConnection, kept: int | None) -> Stream:
        if self._resume is None:
            return Stream(start, session, connection, self._now)
        return Stream(
            start,
            session,
            connection,
            self._now,
            kept=self._resume.kept,
            resume_within_s=self._resume.within_s,
            continues_after=kept,
        )

    async def _listen(self, stream: Stream, connection: ServerConnection) -> None:
        sid = stream.start.stream_sid
        self._live[sid] = stream
        if self._leaving:
            stream.wait_no_more()
        broken = ""
        try:
            await self._listener(stream)
        except* InvalidInput as errors:  # loops in a task group give a group
            broken = _first(errors)
        finally:
            if self._live.get(sid) is stream:
                del self._live[sid]
        if broken:
            self._note(connection, broken)
            await stream.close(PROTOCOL_ERROR, _close_reason(broken))
            return
        if stream.over and self._resume is not None:
            self._resume.kept.forget(sid)
        if stream.stop is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(PEER_CLOSES_WITHIN_S):
                    await stream.wait_closed()
        await stream.close()

    async def _read_start(self, connection: ServerConnection, session: Session) -> Start | None:
        try:
            async with asyncio.timeout(START_WITHIN_S):
                while True:
                    message = session.receive(await connection.recv(), self._now())
                    if isinstance(message, Start):
                        return message
        except TimeoutError:
            self._note(connection, "said nothing")
            await connection.close(POLICY, "no start")
        except ConnectionClosed:
            self._note(connection, "closed before it started")
        return None


def server_tls(certificate: str | Path, key: str | Path) -> SSLContext:
    """What `ssl` takes: PEM files with the full chain, leaf first, and its key."""
    context = SSLContext(PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def _first(error: BaseException) -> str:
    """What the first of them says."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)


def _close_reason(text: str) -> str:
    """At most 123 bytes (RFC 6455 §5.5.1)."""
    return text.encode()[:120].decode(errors="ignore")
