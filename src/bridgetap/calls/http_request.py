"""A flow's question to a web server: an answer within its time and size, or why there is none."""

import asyncio
from typing import Protocol

import httpx

from bridgetap.flow.effects import HttpRequest
from bridgetap.flow.events import HttpEnded


class HttpClient(Protocol):
    """Who asks; never raises."""

    async def ask(self, request: HttpRequest) -> HttpEnded: ...


class WebClient:
    """The real one."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def ask(self, request: HttpRequest) -> HttpEnded:
        headers = {"Content-Type": request.content_type} if request.content_type else {}
        content = request.body.encode() if request.method == "POST" else None
        try:
            async with (
                asyncio.timeout(request.timeout_s),
                self._client.stream(
                    request.method, request.url, content=content, headers=headers, follow_redirects=True
                ) as response,
            ):
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > request.max_bytes:
                        return HttpEnded(effect=request.id, status=0, error=f"more than {request.max_bytes} bytes")
                return HttpEnded(
                    effect=request.id,
                    status=response.status_code,
                    content_type=response.headers.get("Content-Type", ""),
                    body=body.decode(response.charset_encoding or "utf-8", "replace"),
                    headers=dict(response.headers),
                )
        except TimeoutError:
            return HttpEnded(effect=request.id, status=0, error=f"no answer within {request.timeout_s:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, LookupError, UnicodeError) as error:
            return HttpEnded(effect=request.id, status=0, error=str(error) or type(error).__name__)
