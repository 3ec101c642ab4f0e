"""A flow's HTTP request: its answer, or why there is none; never an exception."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from bridgetap.calls import WebClient
from bridgetap.engine.virtual_loop import run_virtual
from bridgetap.flow.effects import EffectId, HttpRequest
from bridgetap.flow.events import HttpEnded

Answer = Callable[[httpx.Request], Any]


def ask(answer: Answer, **changes: Any) -> HttpEnded:
    async def handle(request: httpx.Request) -> httpx.Response:
        response = answer(request)
        if asyncio.iscoroutine(response):
            response = await response
        assert isinstance(response, httpx.Response)
        return response

    async def main() -> HttpEnded:
        async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as client:
            values = {"id": EffectId(3), "method": "GET", "url": "https://a.example/x"} | changes
            return await WebClient(client).ask(HttpRequest(**values))

    return run_virtual(main())


def test_an_answer_with_its_status_type_and_body() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert (request.method, request.headers["content-type"], request.content) == ("POST", "text/plain", b"hi")
        return httpx.Response(404, text="grüß", headers={"X-Y": "z"})

    ended = ask(answer, method="POST", body="hi", content_type="text/plain")
    assert (ended.effect, ended.status, ended.body, ended.error) == (3, 404, "grüß", "")
    assert ended.content_type.startswith("text/plain")
    assert ended.headers["x-y"] == "z"


def test_redirects_are_followed() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/x":
            return httpx.Response(302, headers={"Location": "/y"})
        return httpx.Response(200, text="there")

    assert ask(answer).body == "there"


class Endless(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000


async def never(_: httpx.Request) -> httpx.Response:
    await asyncio.sleep(3600)
    return httpx.Response(200)


def refuse(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


@pytest.mark.parametrize(
    ("answer", "changes", "error"),
    [
        (lambda _: httpx.Response(200, stream=Endless()), {"max_bytes": 65_536}, "more than 65536 bytes"),
        (never, {"timeout_s": 10.0}, "no answer within 10 s"),
        (refuse, {}, "refused"),
        (lambda _: httpx.Response(302, headers={"Location": "/x"}), {}, "redirects"),
        (lambda _: httpx.Response(200), {"url": "https://[::1/"}, "nvalid"),
    ],
)
def test_why_there_is_none(answer: Answer, changes: dict[str, Any], error: str) -> None:
    ended = ask(answer, **changes)
    assert ended.status == 0
    assert error in ended.error
