"""The outgoing HTTP client: signed requests, within limits of time, size and redirects.

It fetches documents and posts callbacks alike. Every answer with a status is an answer; `WebhookFailed`
is raised where there is none.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import urlencode, urljoin

import httpx

from bridgetap.errors import BAD_URL, ConfigurationError, InvalidInput
from bridgetap.settings import WebhookUrl
from bridgetap.signing import HEADER

from .causes import cause_of
from .errors import PROTOCOL_VIOLATION, TIMED_OUT, TOO_MANY_REDIRECTS, WebhookFailed

Method: TypeAlias = Literal["GET", "POST"]
Sign: TypeAlias = Callable[[str, Iterable[tuple[str, str]]], str]  # URL and form → X-Twilio-Signature

FORM = "application/x-www-form-urlencoded; charset=UTF-8"
IDEMPOTENCY = "I-Twilio-Idempotency-Token"
MAX_REDIRECTS = 10
READ_PAST_S = 1.0  # what a connection is worth whose answer nobody wants to read
READ_PAST_LEFT_S = 0.05  # of the request's time: to give the answer that came
BECOME_GET = frozenset({301, 302, 303})  # as browsers do (RFC 9110 §15.4); 307 and 308 are asked again as they are
REDIRECTS = BECOME_GET | {307, 308}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRequest:
    """What is asked. With POST the parameters are a form, with GET they join the query."""

    url: WebhookUrl
    method: Method = "POST"
    parameters: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    token: str = ""  # for I-Twilio-Idempotency-Token: the same each time this request is tried
    connect_s: float | None = None  # how long the connection may take; None: as the client says
    wants_body: bool = True  # else its status alone is the answer
    cookies: httpx.Cookies | None = field(default=None, repr=False, compare=False)  # kept here; None: none are


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookAnswer:
    """What was answered. `body` holds one byte more than was allowed where there is more; it is empty where
    nobody wanted it, and of a redirect or an error that is packed."""

    url: WebhookUrl  # after redirects
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


class WebhookClient:
    """Asks. `client` belongs to whoever made it."""

    def __init__(self, client: httpx.AsyncClient, *, sign: Sign, user_agent: str, connect_timeout_s: float = 5) -> None:
        self._client = client
        self._sign = sign
        self._user_agent = user_agent
        self._connect_timeout_s = connect_timeout_s

    async def send(self, request: WebhookRequest, *, timeout_s: float, max_bytes: int) -> WebhookAnswer:
        """One answer, redirects followed. `timeout_s` is for all of it together."""
        shown = request.url.shown
        until = asyncio.get_running_loop().time() + timeout_s
        try:
            async with asyncio.timeout_at(until):
                connect_s = self._connect_timeout_s if request.connect_s is None else request.connect_s
                return await self._follow(request, min(connect_s, timeout_s), max_bytes, until)
        except TimeoutError:
            raise WebhookFailed(shown, f"did not answer within {timeout_s:g} s", code=TIMED_OUT) from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            # ValueError: a host name that IDNA does not know; httpx lets it through.
            reason, code = (f"is no URL: {error}", BAD_URL) if _is_url_fault(error) else cause_of(error)
            raise WebhookFailed(shown, reason, code=code) from error

    async def _follow(self, request: WebhookRequest, connect_s: float, max_bytes: int, until: float) -> WebhookAnswer:
        first = request.url.shown
        for _ in range(MAX_REDIRECTS + 1):
            answer = await self._ask(request, connect_s, max_bytes, until)
            location = answer.headers.get("location", "")
            if answer.status not in REDIRECTS or not location:
                return answer
            request = _redirected(request, answer.status, location)
        raise WebhookFailed(first, f"redirected more than {MAX_REDIRECTS} times", code=TOO_MANY_REDIRECTS)

    async def _ask(self, request: WebhookRequest, connect_s: float, max_bytes: int, until: float) -> WebhookAnswer:
        """One request, one answer. The signature is over this very URL: behind a redirect it is another."""
        is_post = request.method == "POST"
        form = request.parameters if is_post else ()
        url = httpx.URL(request.url.called if is_post else request.url.with_query(request.parameters))
        headers = {
            "User-Agent": self._user_agent,
            "Accept": "*/*",
            "Accept-Encoding": "identity",  # a small body could unfold into a huge one
            HEADER: self._sign(str(url), form),
        }
        if request.token:
            headers[IDEMPOTENCY] = request.token
        if is_post:
            headers["Content-Type"] = FORM
        if request.cookies is not None:
            headers |= _cookie_header(request.cookies, url)
        user = request.url.user
        async with self._client.stream(
            request.method,
            url,
            content=urlencode(form).encode() if is_post else None,
            headers=headers,
            auth=None if user is None else httpx.BasicAuth(user, request.url.password),
            follow_redirects=False,
            timeout=httpx.Timeout(None, connect=connect_s),
        ) as response:
            is_packed = response.headers.get("content-encoding", "identity").lower() not in {"", "identity"}
            if is_packed and request.wants_body and response.is_success:
                rule = "packs its answer, which was not allowed to it"
                raise WebhookFailed(request.url.shown, rule, code=PROTOCOL_VIOLATION)
            if request.cookies is not None:
                request.cookies.extract_cookies(response)
            if request.wants_body and not is_packed:
                body = await _body(response, max_bytes)
            else:
                body = b""
                await _read_past(response, max_bytes, until - READ_PAST_LEFT_S)
            return WebhookAnswer(url=request.url, status=response.status_code, headers=response.headers, body=body)


def make_webhook_client(*, trusted_ca: Path | None = None) -> httpx.AsyncClient:
    """The connections under `WebhookClient`. Unbounded: who asks bounds how much is asked at a time, and
    a shared limit would let one server that never answers shut out the others."""
    context = httpx.create_ssl_context()
    if trusted_ca is not None:
        try:
            context.load_verify_locations(cafile=trusted_ca)
        except (OSError, ssl.SSLError) as error:
            rule = f"{trusted_ca}: cannot be used: {error.strerror or error}"
            raise ConfigurationError("webhooks.trusted_ca", rule) from None
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=30)
    # Calls share it: what a server hands one of them as a cookie must not go out with another's request.
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    return httpx.AsyncClient(verify=context, limits=limits, cookies=no_cookies)


def _cookie_header(cookies: httpx.Cookies, url: httpx.URL) -> dict[str, str]:
    probe = httpx.Request("GET", url)
    cookies.set_cookie_header(probe)
    return {"Cookie": probe.headers["Cookie"]} if "Cookie" in probe.headers else {}


async def _body(response: httpx.Response, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > max_bytes:
            break
    return bytes(body[: max_bytes + 1])


async def _read_past(response: httpx.Response, max_bytes: int, until: float) -> None:
    """A connection is used again only once its answer was read; whatever goes wrong here, it was answered.
    `until`: before all of the request has to be over."""
    seen = 0
    with suppress(TimeoutError, httpx.HTTPError, httpx.StreamError):
        async with asyncio.timeout_at(min(asyncio.get_running_loop().time() + READ_PAST_S, until)):
            async for chunk in response.aiter_raw():
                seen += len(chunk)
                if seen > max_bytes:
                    break


def _redirected(request: WebhookRequest, status: int, location: str) -> WebhookRequest:
    try:
        url = WebhookUrl.parse(urljoin(request.url.called, location), place="Location")
    except (InvalidInput, ValueError):
        rule = "redirected to something that is no http or https URL"
        raise WebhookFailed(request.url.shown, rule, code=BAD_URL) from None
    if url.host == request.url.host and url.user is None:
        # The same server may know its user; another must not learn of it.
        url = replace(url, user=request.url.user, password=request.url.password)
    if status in BECOME_GET:
        return replace(request, url=url, method="GET", parameters=())
    return replace(request, url=url)


def _is_url_fault(error: Exception) -> bool:
    return isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol | ValueError) and not isinstance(
        error, OSError
    )
