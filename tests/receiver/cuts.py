"""A receiver whose sender is cut off and comes back."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from websockets.asyncio.client import ClientConnection, connect

from bridgetap.receiver import Kept, Media, Message, Receiver, Resume, Stream
from bridgetap.receiver.authority import Authority

from .frames import MZ, media


class Far:
    """Listens, and keeps what every stream brought."""

    def __init__(self) -> None:
        self.streams: list[Stream] = []
        self.chunks: list[int] = []
        self.messages: list[Message] = []
        self.more = asyncio.Condition()

    async def __call__(self, stream: Stream) -> None:
        self.streams.append(stream)
        async for message in stream:
            self.messages.append(message)
            if isinstance(message, Media):
                self.chunks.append(message.chunk)
            async with self.more:
                self.more.notify_all()

    async def has(self, chunk: int) -> None:
        async with asyncio.timeout(10), self.more:
            await self.more.wait_for(lambda: chunk in self.chunks)


@asynccontextmanager
async def serving(far: Far, authority: Authority, kept: Kept, within_s: float = 10.0) -> AsyncIterator[Receiver]:
    resume = Resume(kept=kept, within_s=within_s)
    context = authority.server_context()
    async with Receiver.serve(far, ssl=context, auth_token=None, exact=True, resume=resume) as receiver:
        yield receiver


async def dial(receiver: Receiver, authority: Authority, *, sent: int | None = None) -> ClientConnection:
    headers = {} if sent is None else {"Bridgetap-Resume": f"{MZ}; sent={sent}"}
    url = f"wss://localhost:{receiver.port}/"
    context = authority.client_context()
    return await connect(url, ssl=context, host="127.0.0.1", compression=None, additional_headers=headers)


def answer(socket: ClientConnection) -> str | None:
    assert socket.response is not None
    return socket.response.headers.get("Bridgetap-Resume-From")


async def say(socket: ClientConnection, numbers: Iterator[int] | range, *first: str) -> None:
    for text in first:
        await socket.send(text)
    for number in numbers:
        await socket.send(media(number, "inbound", number - 1))
