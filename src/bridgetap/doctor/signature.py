"""Whom the server lets in: who signed rightly, who did not, and what it signs itself when it refuses all."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from enum import Enum, auto
from urllib.parse import urlsplit, urlunsplit

from bridgetap.signing import sign_form

from .frames import Close, FrameReader
from .opening import Door, NotOpened, Opened, open_stream
from .order import Order
from .report import Finding, Step, StepResult, fault, warning
from .wire import Gone

NOT_101 = 31920
SHUTS_WITHIN_S = 0.5
_REFUSALS = {401, 403}
_NO = {*range(400, 500)} - {408, 429}  # those two say that we came at a bad time


class Took(Enum):
    """What a server did with a handshake."""

    ADMITTED = auto()  # open, and left open
    REFUSED = auto()  # it said no, or shut the door before it was spoken to
    UNCLEAR = auto()  # something else was wrong


async def examine(door: Door, first: Opened | NotOpened, *, turned_away: bool = False) -> StepResult:
    """`first` is what became of the handshake with the right signature (or, without a token, a made-up one);
    `turned_away`: it was opened, and closed as soon as the stream had begun."""
    refusal = None
    if isinstance(first, NotOpened):
        if first.status not in _REFUSALS:
            return StepResult(step=Step.SIGNATURE, skipped=True, detail="no handshake came so far")
        refusal = f"answers {first.status}"
    elif turned_away and await _took(door, door.right_signature()) is Took.REFUSED:  # so it was not for what we said
        refusal = "opens and closes at once"
    if refusal is None:
        return await _who_else(door)
    if door.order.token is None:
        text = f"it {refusal}, as a server that verifies signatures does, and no token was given to sign with"
        change = "give the account's auth token with --token, or --config of the server that will call"
        return StepResult(step=Step.SIGNATURE, findings=[fault("signature.needs-token", text, change, NOT_101)])
    return StepResult(step=Step.SIGNATURE, findings=[await _what_it_wants(door, door.order.token, refusal)])


async def _who_else(door: Door) -> StepResult:
    """Whether anybody is let in who should not be."""
    unsigned = await _took(door, None, stranger=True)
    other = sign_form(door.random(16).hex(), str(door.order.url))
    if door.order.token is None and not door.order.headers:
        wrong = Took.ADMITTED  # it took a signature that it cannot have verified
    else:
        wrong = await _took(door, other, stranger=True)
    figures = {
        "right": door.order.token is not None or None,
        "wrong": _WHETHER[wrong],
        "missing": _WHETHER[unsigned],
    }
    if wrong is unsigned is Took.REFUSED:
        detail = "takes the right signature, refuses a wrong one and none"
        if door.order.headers:
            detail = "takes us, refuses whoever has neither our signature nor our headers"
        return StepResult(step=Step.SIGNATURE, detail=detail, figures=figures)
    return StepResult(step=Step.SIGNATURE, findings=[_open(wrong, unsigned)], figures=figures)


def _open(wrong: Took, unsigned: Took) -> Finding:
    change = "verify X-Twilio-Signature in the handshake: base64(HMAC-SHA1(auth token, wss:// URL)); "
    if wrong is Took.ADMITTED:
        both = "a wrong signature and none at all" if unsigned is Took.ADMITTED else "a wrong signature"
        return warning("signature.open", f"open to anybody: it takes {both}", change + "bridgetap.receiver does")
    if unsigned is Took.ADMITTED:
        text = "open to anybody who leaves the signature out"
        text += ": it refuses a wrong one only" if wrong is Took.REFUSED else ""
        return warning("signature.optional", text, change + "refuse a handshake without the header too")
    text = "whether it refuses others could not be seen: their handshakes failed otherwise than by a refusal"
    return warning("signature.unclear", text, "does it limit connections? Refuse with 403, and ask again")


async def _what_it_wants(door: Door, token: str, refusal: str) -> Finding:
    """Try the mistakes that people make in building the URL."""
    for url, mistake in _mistakes(door.order):
        if await _took(door, sign_form(token, url)) is Took.ADMITTED:
            text = f"it refuses the right signature ({refusal}) and takes one over {_shown(url)}"
            change = f"{mistake}; the signed URL is {door.order.url.without_query()} as the caller knows it"
            return fault("signature.wrong-url", text, change, NOT_101)
    if await _took(door, None) is Took.ADMITTED:
        text = f"it {refusal} to a signed handshake and takes an unsigned one"
        change = "the X-Twilio-Signature header itself is what it stumbles over: see its log"
        return fault("signature.refuses-header", text, change, NOT_101)
    text = f"it refuses the right signature ({refusal})"
    change = (
        "does it have this auth token (the primary one)? Else it refuses for another reason: Origin, cookie, address. "
        "bridgetap.signing.sign_stream(token, url) gives what it should compare with"
    )
    return fault("signature.refused", text, change, NOT_101)


def _mistakes(order: Order) -> Iterator[tuple[str, str]]:
    """URLs that a server may believe it was called with, and why it does."""
    url = str(order.url)
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
        *((urlunsplit((scheme, parts.netloc, path, parts.query, "")), why) for scheme, why in schemes),
        (urlunsplit(("wss", host, path, parts.query, "")), "it leaves the port out; keep it where it is not 443"),
        (
            urlunsplit(("wss", parts.netloc, path.rstrip("/"), parts.query, "")),
            "it drops the trailing slash; sign the path as asked",
        ),
        (
            urlunsplit(("wss", parts.netloc, path.rstrip("/") + "/", parts.query, "")),
            "it adds a trailing slash; sign the path as asked",
        ),
        (urlunsplit(("wss", parts.netloc, path, "", "")), "it leaves the query out; it belongs to the signed URL"),
        (urlunsplit(("wss", parts.netloc, "", "", "")), "it signs the host alone; the path belongs to it"),
    ):
        if changed not in seen:
            seen.add(changed)
            yield changed, why


async def _took(door: Door, signature: str | None, *, stranger: bool = False) -> Took:
    opened = await open_stream(door, signature, stranger=stranger)
    if isinstance(opened, NotOpened):
        refused = opened.refused or (opened.status is not None and opened.status in _NO)
        return Took.REFUSED if refused else Took.UNCLEAR
    try:
        return Took.REFUSED if await _shuts(opened) else Took.ADMITTED
    finally:
        await opened.wire.close()


async def _shuts(opened: Opened) -> bool:
    """Some servers look at the signature only behind their 101, and then close."""
    reader, data = FrameReader(), opened.early
    with suppress(TimeoutError):
        async with asyncio.timeout(SHUTS_WITHIN_S):
            while not any(isinstance(heard, Close) for heard in reader.feed(data)):
                try:
                    data = await opened.wire.read()
                except Gone:
                    break
            return True
    return False


def _shown(url: str) -> str:
    """A query may hold a secret."""
    return url.partition("?")[0]


_WHETHER = {Took.ADMITTED: True, Took.REFUSED: False, Took.UNCLEAR: None}
