"""The outgoing client: signed as receivers check it, bounded, and each failure with Twilio's code."""

import asyncio
import gzip
import socket
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from functools import partial
from urllib.parse import parse_qsl

import httpx
import pytest
from twilio.request_validator import RequestValidator

from bridgetap.errors import ConfigurationError
from bridgetap.signing import sign_form
from bridgetap.webhooks import (
    Method,
    WebhookAnswer,
    WebhookClient,
    WebhookFailed,
    WebhookRequest,
    WebhookUrl,
    make_webhook_client,
)

TOKEN = "12345678"
FORM = (("CallSid", "CA1"), ("From", "+1 555"), ("Empty", ""))
GZIP = gzip.compress(b"fine")
Answer = Callable[[httpx.Request], httpx.Response]


async def ask(
    answer: Answer,
    url: str = "https://a.example/x",
    method: Method = "POST",
    *,
    token: str = "",
    max_bytes: int = 100,
    wants_body: bool = True,
) -> WebhookAnswer:
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as web:
        client = WebhookClient(web, sign=partial(sign_form, TOKEN), user_agent="TwilioProxy/1.1")
        request = WebhookRequest(
            url=WebhookUrl.parse(url), method=method, parameters=FORM, token=token, wants_body=wants_body
        )
        return await client.send(request, timeout_s=0.1, max_bytes=max_bytes)


def is_signed(request: httpx.Request) -> bool:
    """As Twilio's own library judges it, from what a server sees."""
    form = dict(parse_qsl(request.content.decode(), keep_blank_values=True))
    url = f"{request.url.scheme}://{request.headers['host']}{request.url.raw_path.decode()}"
    return bool(RequestValidator(TOKEN).validate(url, form, request.headers["X-Twilio-Signature"]))


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/x",
        "https://a.example",
        "https://a.example:443/x?b=2&a=1",
        "http://a.example:8080/ä?k='[x]'",
        "https://user:secret@a.example/x",
        "http://[::1]:81/x",
    ],
)
async def test_twilios_library_accepts_the_signature(url: str, method: Method) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert is_signed(request)
        return httpx.Response(200)

    assert (await ask(answer, url, method)).is_success


async def test_the_headers_and_the_form() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["User-Agent"] == "TwilioProxy/1.1"
        assert request.headers["Content-Type"] == "application/x-www-form-urlencoded; charset=UTF-8"
        assert request.headers["Accept"] == "*/*"
        assert request.headers["I-Twilio-Idempotency-Token"] == "once"
        assert request.headers["Authorization"] == "Basic " + b64encode(b"me:s:cret").decode()
        assert request.content == b"CallSid=CA1&From=%2B1+555&Empty="
        return httpx.Response(202, text="fine", headers={"content-type": "text/xml"})

    got = await ask(answer, "https://me:s%3Acret@a.example/x", token="once")
    assert (got.status, got.content_type, got.body, got.url.shown) == (202, "text/xml", b"fine", "https://a.example/x")


async def test_a_body_is_read_as_far_as_allowed_and_one_byte_more() -> None:
    assert (await ask(lambda _: httpx.Response(200, content=bytes(5000)))).body == bytes(101)
    assert (await ask(lambda _: httpx.Response(200, content=bytes(100)))).body == bytes(100)


@pytest.mark.parametrize(("status", "method"), [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")])
async def test_a_redirect_is_followed_and_signed_anew(status: int, method: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert is_signed(request)
        if request.url.path == "/x":
            return httpx.Response(status, headers={"location": "/y?z=1"})
        assert request.method == method
        assert (request.content == b"") == (method == "GET")
        return httpx.Response(200)

    assert (await ask(answer)).url.shown == "https://a.example/y"


@pytest.mark.parametrize(("location", "told"), [("https://a.example/y", True), ("https://b.example/y", False)])
async def test_another_server_does_not_learn_the_password(location: str, *, told: bool) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/x":
            return httpx.Response(302, headers={"location": location})
        assert ("authorization" in request.headers) is told
        return httpx.Response(200)

    assert (await ask(answer, "https://me:secret@a.example/x")).is_success


async def test_an_answer_that_came_in_time_is_one_however_slowly_its_body_comes() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(60)
        yield b"y"

    assert (await ask(lambda _: httpx.Response(200, content=body()), wants_body=False)).is_success


def packed(request: httpx.Request) -> httpx.Response:
    if request.url.path == "/x":
        return httpx.Response(302, content=GZIP, headers={"content-encoding": "gzip", "location": "/y"})
    return httpx.Response(503 if request.url.path == "/y" else 200, content=GZIP, headers={"content-encoding": "gzip"})


@pytest.mark.parametrize(("path", "status"), [("x", 503), ("z", 200)])
async def test_an_answer_whose_body_nobody_wants_may_be_packed(path: str, status: int) -> None:
    answer = await ask(packed, f"https://a.example/{path}", wants_body=False)
    assert (answer.status, answer.body) == (status, b"")


async def test_a_packed_redirect_or_error_is_an_answer_and_a_packed_document_is_none() -> None:
    assert (await ask(packed)).status == 503
    with pytest.raises(WebhookFailed, match="packs its answer"):
        await ask(packed, "https://a.example/z")


async def served(answer: bytes, *, wants_body: bool) -> WebhookAnswer:
    """What is made of a server that sends just this and closes."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, make_webhook_client() as web:
        client = WebhookClient(web, sign=partial(sign_form, TOKEN), user_agent="x")
        url = WebhookUrl.parse(f"http://127.0.0.1:{port}/")
        request = WebhookRequest(url=url, method="GET", wants_body=wants_body)
        return await client.send(request, timeout_s=5, max_bytes=100)


async def test_a_status_is_an_answer_whatever_comes_of_a_body_nobody_wants() -> None:
    cut_short = b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nfine"
    assert (await served(cut_short, wants_body=False)).status == 200
    with pytest.raises(WebhookFailed) as caught:
        await served(cut_short, wants_body=True)
    assert caught.value.code == 11206


@pytest.mark.parametrize(("answer", "code"), [(b"", 11205), (b"SIP/2.0 200 OK\r\n\r\n", 11206)])
async def test_a_server_that_closes_says_nothing_and_one_that_speaks_something_else_does(
    answer: bytes, code: int
) -> None:
    with pytest.raises(WebhookFailed) as caught:
        await served(answer, wants_body=False)
    assert caught.value.code == code


def refused(cause: Exception) -> Answer:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no", request=request) from cause

    return answer


def raised(error: type[httpx.RequestError]) -> Answer:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error("no", request=request)

    return answer


def certificate(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "unable to get local issuer certificate"
    return error


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (raised(httpx.ConnectTimeout), 11201, "took no connection"),
        (refused(ConnectionRefusedError()), 11202, "refused the connection"),
        (raised(httpx.ReadTimeout), 11203, "did not answer in time"),
        (refused(OSError()), 11205, "cannot be reached"),
        (raised(httpx.ReadError), 11205, "cannot be reached"),
        (raised(httpx.RemoteProtocolError), 11206, "does not speak HTTP"),
        (lambda _: httpx.Response(200, content=b"", headers={"content-encoding": "gzip"}), 11206, "packs its answer"),
        (refused(socket.gaierror(-2, "Name or service not known")), 11210, "cannot be resolved"),
        (lambda r: httpx.Response(302, headers={"location": str(r.url)}), 11215, "redirected more than"),
        (lambda _: httpx.Response(302, headers={"location": "ftp://a/"}), 11100, "no http or https URL"),
        (lambda _: httpx.Response(302, headers={"location": "http://[bad"}), 11100, "no http or https URL"),
        (refused(ssl.SSLError(1, "wrong version number")), 11220, "TLS failed"),
        (refused(certificate(62)), 11235, "another host name"),
        (refused(certificate(10)), 11236, "expired"),
        (refused(certificate(20)), 11237, "unable to get local issuer"),
    ],
)
async def test_each_failure_has_its_code_and_no_secret_in_its_text(answer: Answer, code: int, words: str) -> None:
    with pytest.raises(WebhookFailed, match=words) as caught:
        await ask(answer, "https://user:secret@a.example/x?token=secret")
    assert caught.value.code == code
    assert "secret" not in str(caught.value)


async def test_a_server_that_never_answers_is_left_in_time() -> None:
    class Never(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await asyncio.Event().wait()
            raise AssertionError

    async with httpx.AsyncClient(transport=Never()) as web:
        client = WebhookClient(web, sign=partial(sign_form, TOKEN), user_agent="x")
        with pytest.raises(WebhookFailed) as caught:
            await client.send(WebhookRequest(url=WebhookUrl.parse("http://a/")), timeout_s=0.01, max_bytes=1)
    assert caught.value.code == 11203


async def test_an_authority_that_is_none_is_a_wrong_setting(tmp_path: object) -> None:
    with pytest.raises(ConfigurationError, match=r"webhooks\.trusted_ca"):
        make_webhook_client(trusted_ca=__import__("pathlib").Path(str(tmp_path)) / "absent.pem")


async def test_cookies_stay_with_who_asks() -> None:
    """One client serves every call: a call's session is its own."""
    seen: list[str | None] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        seen.append(next((line.lower() for line in head if line.lower().startswith("cookie:")), None))
        writer.write(b"HTTP/1.1 200 OK\r\nSet-Cookie: session=1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, make_webhook_client() as web:
        client = WebhookClient(web, sign=partial(sign_form, TOKEN), user_agent="x")
        one, other = httpx.Cookies(), httpx.Cookies()
        for cookies in (one, one, other, None):
            request = WebhookRequest(url=WebhookUrl.parse(f"http://127.0.0.1:{port}/"), method="GET", cookies=cookies)
            await client.send(request, timeout_s=5, max_bytes=100)
    assert seen == [None, "cookie: session=1", None, None]
