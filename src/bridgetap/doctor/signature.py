"""Whom the server lets in: who signed rightly, who did not, and what it signs itself when it refuses all."""

import asyncio
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

from bridgetap.signing import sign_form

from .opening import Door, NotOpened, Opened, open_stream
from .order import Order
from .report import Finding, Step, StepResult, fault, warning

NOT_101 = 31920
_REFUSALS = {401, 403}


async def examine(door: Door, first: Opened | NotOpened) -> StepResult:
    """`first` is what became of the handshake with the right signature (or, without a token, a made-up one)."""
    if isinstance(first, Opened):
        return await _who_else(door)
    if first.status not in _REFUSALS:
        return StepResult(step=Step.SIGNATURE, skipped=True, detail="no handshake came so far")
    if door.order.token is None:
        text = (
            f"it answers {first.status}, as a server that verifies signatures does, and no token was given to sign with"
        )
        change = "give the account's auth token with --token, or --config of the server that will call"
        return StepResult(step=Step.SIGNATURE, findings=[fault("signature.needs-token", text, change, NOT_101)])
    return StepResult(step=Step.SIGNATURE, findings=[await _what_it_wants(door, door.order.token, first.status)])


async def _who_else(door: Door) -> StepResult:
    """Whether anybody is let in who should not be."""
    unsigned = await _admits(door, None, stranger=True)
    other = sign_form(door.random(16).hex(), str(door.order.url))
    if door.order.token is None and not door.order.headers:
        wrong = True  # it took a signature that it cannot have verified
    else:
        wrong = await _admits(door, other, stranger=True)
    figures = {"right": door.order.token is not None or None, "wrong": wrong, "missing": unsigned}
    if not wrong and not unsigned:
        detail = "takes the right signature, refuses a wrong one and none"
        if door.order.headers:
            detail = "takes us, refuses whoever has neither our signature nor our headers"
        return StepResult(step=Step.SIGNATURE, detail=detail, figures=figures)
    findings = []
    change = "verify X-Twilio-Signature in the handshake: base64(HMAC-SHA1(auth token, wss:// URL)); "
    if wrong:
        both = "a wrong signature and none at all" if unsigned else "a wrong signature"
        text = f"open to anybody: it takes {both}"
        findings.append(warning("signature.open", text, change + "bridgetap.receiver does"))
    else:
        text = "open to anybody who leaves the signature out: it refuses a wrong one only"
        findings.append(warning("signature.optional", text, change + "refuse a handshake without the header too"))
    return StepResult(step=Step.SIGNATURE, findings=findings, figures=figures)


async def _what_it_wants(door: Door, token: str, status: int | None) -> Finding:
    """Try the mistakes that people make in building the URL."""
    for url, mistake in _mistakes(door.order):
        if await _admits(door, sign_form(token, url)):
            text = f"it refuses the right signature ({status}) and takes one over {_shown(url)}"
            change = f"{mistake}; the signed URL is {_shown(str(door.order.url))} as the caller knows it"
            return fault("signature.wrong-url", text, change, NOT_101)
    if await _admits(door, None):
        text = f"it answers {status} to a signed handshake and takes an unsigned one"
        change = "the X-Twilio-Signature header itself is what it stumbles over: see its log"
        return fault("signature.refuses-header", text, change, NOT_101)
    text = f"it refuses the right signature ({status})"
    change = (
        "does it have this auth token (the primary one)? Else it refuses for another reason: Origin, cookie, address. "
        "bridgetap.signing.sign_stream(token, url) gives what it should compare with"
    )
    return fault("signature.refused", text, change, NOT_101)


def _mistakes(order: Order) -> Iterator[tuple[str, str]]:
    """URLs that a server may believe it was called with, and why it does."""
    url = str(order.url.without_query())
    parts = urlsplit(url)
    path = parts.path or "/"
    host = f"[{order.url.host}]" if ":" in order.url.host else order.url.host
    seen = {url}
    schemes = (
        ("https", "its framework calls the URL https://; replace the scheme by wss://"),
        ("http", "it sits behind a proxy and believes http://; the scheme that was called is wss://"),
        ("ws", "it sits behind a proxy and believes ws://; the scheme that was called is wss://"),
    )
    for changed, why in (
        *((urlunsplit((scheme, parts.netloc, path, "", "")), why) for scheme, why in schemes),
        (urlunsplit(("wss", host, path, "", "")), "it leaves the port out; keep it where it is not 443"),
        (
            urlunsplit(("wss", parts.netloc, path.rstrip("/"), "", "")),
            "it drops the trailing slash; sign the path as asked",
        ),
        (
            urlunsplit(("wss", parts.netloc, path.rstrip("/") + "/", "", "")),
            "it adds a trailing slash; sign the path as asked",
        ),
        (urlunsplit(("wss", parts.netloc, "", "", "")), "it signs the host alone; the path belongs to it"),
    ):
        if changed not in seen:
            seen.add(changed)
            yield changed, why


async def _admits(door: Door, signature: str | None, *, stranger: bool = False) -> bool:
    opened = await open_stream(door, signature, stranger=stranger)
    if isinstance(opened, NotOpened):
        return False
    await opened.wire.close()
    await asyncio.sleep(0)
    return True


def _shown(url: str) -> str:
    return url.partition("?")[0]
