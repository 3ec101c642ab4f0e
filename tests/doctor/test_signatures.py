"""Whom a server lets in, and what it wants to have signed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bridgetap.doctor import Step, examine
from bridgetap.flow.stream_url import StreamUrl
from bridgetap.signing import HEADER, sign_form
from tests.interop import bad_servers
from tests.interop.certificates import Authority

from .examining import TOKEN, diagnose, kinds, order, signed_only
from .ws import Socket


def signs(url: Callable[[dict[str, str]], str], token: str = TOKEN) -> Callable[[dict[str, str]], bool]:
    return lambda asked: asked.get(HEADER.lower()) == sign_form(token, url(asked))


def wants(text: str) -> Callable[[dict[str, str]], bool]:
    return signs(lambda asked: text.format(host=asked["host"], bare=asked["host"].partition(":")[0]))


@pytest.mark.parametrize(
    ("accepts", "kind", "words"),
    [
        (wants("https://{host}/in"), "signature.wrong-url", "replace the scheme"),
        (wants("http://{host}/in"), "signature.wrong-url", "behind a proxy"),
        (wants("wss://{bare}/in"), "signature.wrong-url", "leaves the port out"),
        (wants("wss://{host}/in/"), "signature.wrong-url", "adds a trailing slash"),
        (wants("wss://{host}"), "signature.wrong-url", "the host alone"),
        (signs(lambda asked: f"wss://{asked['host']}/in", "another token"), "signature.refused", "auth token"),
        (lambda asked: HEADER.lower() not in asked, "signature.refuses-header", "header itself"),
    ],
)
async def test_a_server_that_refuses_the_right_signature(
    localhost: tuple[Path, Path],
    authority: Authority,
    accepts: Callable[[dict[str, str]], bool],
    kind: str,
    words: str,
) -> None:
    report = await diagnose(Socket(accepts=accepts), localhost, authority)
    assert kinds(report) == {"upgrade.403", kind}
    assert words in report.step(Step.SIGNATURE).findings[0].change


async def test_a_server_that_verifies_and_no_token_to_sign_with(
    localhost: tuple[Path, Path], authority: Authority
) -> None:
    report = await diagnose(Socket(accepts=signed_only), localhost, authority, token=None)
    assert kinds(report) == {"upgrade.403", "signature.needs-token"}


async def test_a_server_open_to_whoever_leaves_the_signature_out(
    localhost: tuple[Path, Path], authority: Authority
) -> None:
    server = Socket(accepts=lambda asked: HEADER.lower() not in asked or signed_only(asked))
    assert kinds(await diagnose(server, localhost, authority)) == {"signature.optional"}


def unsigned(asked: dict[str, str]) -> bool:
    return not signed_only(asked)


@pytest.mark.parametrize(
    ("server", "kind", "wrong"),
    [
        (Socket(closes=unsigned), None, False),
        (Socket(accepts=signed_only, refusal=b""), None, False),
        (Socket(accepts=signed_only, refusal=b"HTTP/1.1 404 Not Found\r\n\r\n"), None, False),
        (Socket(accepts=signed_only, refusal=b"HTTP/1.1 503 Busy\r\n\r\n"), "signature.unclear", None),
        (Socket(accepts=signed_only, refusal=b"HTTP/1.1 429 Too Many\r\n\r\n"), "signature.unclear", None),
    ],
    ids=["101, then 1008", "hangs up", "404", "503", "429"],
)
async def test_a_refusal_is_told_from_a_bad_day(
    localhost: tuple[Path, Path], authority: Authority, server: Socket, kind: str | None, wrong: bool | None
) -> None:
    report = await diagnose(server, localhost, authority)
    assert kinds(report) == ({kind} if kind else set())
    assert report.step(Step.SIGNATURE).figures == {"right": True, "wrong": wrong, "missing": wrong}


@pytest.mark.parametrize(
    ("accepts", "token", "kind"),
    [
        (wants("https://{host}/in"), TOKEN, "signature.wrong-url"),
        (lambda _: False, TOKEN, "signature.refused"),
        (lambda _: False, None, "signature.needs-token"),
    ],
)
async def test_a_server_that_opens_before_it_refuses_the_right_signature(
    localhost: tuple[Path, Path],
    authority: Authority,
    accepts: Callable[[dict[str, str]], bool],
    token: str | None,
    kind: str,
) -> None:
    report = await diagnose(Socket(closes=lambda asked: not accepts(asked)), localhost, authority, token=token)
    assert kinds(report) == {"stays.closes", kind}


async def test_what_is_asked_for_and_signed_has_no_query_as_a_stream_has_none(
    localhost: tuple[Path, Path], authority: Authority
) -> None:
    async with bad_servers.listening(server := Socket(accepts=signed_only), localhost) as port:
        url = StreamUrl(host="localhost", port=port, path="/in", query="k=hunter2")
        report = await examine(order(port, authority, url=url))
    assert kinds(report) == {"url.query"}
    assert "hunter2" not in "".join(server.requests)
