"""A web application for TwiML on loopback: it answers what a test says, byte for byte, and checks every signature."""

import asyncio
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from twilio.request_validator import RequestValidator

from .live import TOKEN, until

XML = "text/xml"


@dataclass(frozen=True)
class Asked:
    """One request: `path` holds the query too."""

    method: str
    path: str
    headers: dict[str, str]
    form: dict[str, str]
    is_signed: bool  # as Twilio's own library judges it


@dataclass(frozen=True)
class Raw:
    """An answer to the byte; b"" is none, and the connection stays open."""

    wire: bytes


def page(body: str | bytes, *, status: int = 200, kind: str = XML, headers: str = "") -> Raw:
    """An answer as most servers give it."""
    content = body.encode() if isinstance(body, str) else body
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n{headers}\r\n"
    return Raw(head.encode() + content)


@dataclass
class App:
    """Answers with the pages of a path, one after the other, the last again and again; 404 for other paths."""

    scheme: str = "http"
    port: int = 0
    pages: dict[str, list[Raw]] = field(default_factory=lambda: defaultdict(list))
    asked: list[Asked] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def serve(self, path: str, *answers: object) -> None:
        """Pages as they are; anything else is a document, or what stands in its `<Response>`."""
        for answer in answers:
            text = str(answer)
            document = text if text.startswith("<?xml") or "<Response" in text else f"<Response>{text}</Response>"
            self.pages[path].append(answer if isinstance(answer, Raw) else page(document))

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    async def hear(self, path: str, *, times: int = 1) -> Asked:
        """The last request for a path, once there were so many."""
        await until(lambda: self.paths().count(path) >= times, f"{path} is asked for; it was {self.paths()}")
        return next(asked for asked in reversed(self.asked) if asked.path == path)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := (await reader.readline()).decode().strip():
                method, path, _ = line.split(" ")
                headers: dict[str, str] = {}
                while header := (await reader.readline()).decode().strip():
                    name, _, value = header.partition(":")
                    headers[name.lower()] = value.strip()
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                form = dict(parse_qsl(body.decode(), keep_blank_values=True))
                url = f"{self.scheme}://{headers['host']}{path}"
                is_signed = RequestValidator(TOKEN).validate(url, form, headers.get("x-twilio-signature", ""))
                self.asked.append(
                    Asked(method=method, path=path, headers=headers, form=form, is_signed=bool(is_signed))
                )
                left = self.pages.get(path.partition("?")[0]) or [page("no", status=404)]
                wire = (left.pop(0) if len(left) > 1 else left[0]).wire
                if not wire:
                    await asyncio.sleep(3600)
                writer.write(wire)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, ValueError):
            pass  # they left
        finally:
            writer.transport.abort()
            with suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()  # else its socket outlives the test


@asynccontextmanager
async def app(context: ssl.SSLContext | None = None) -> AsyncIterator[App]:
    application = App(scheme="http" if context is None else "https")
    talks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(application._talk(reader, writer))
        talks.add(task)
        task.add_done_callback(talks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    application.port = server.sockets[0].getsockname()[1]
    try:
        yield application
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
