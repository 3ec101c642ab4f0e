"""The examination: one step after the other, as far as the server lets it come."""

import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from secrets import token_bytes

from . import reach, session, signature, tls
from .judge import judge
from .opening import Door, NotOpened, open_stream
from .order import Order
from .report import Report, Step, StepResult, fault, warning

Told = Callable[[StepResult], None]


async def examine(
    order: Order,
    *,
    context: ssl.SSLContext | None = None,
    told: Told = lambda _: None,
    random: Callable[[int], bytes] = token_bytes,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Report:
    """Look at everything; `told` hears of every step as it is done. What a server does never raises."""
    steps: list[StepResult] = []

    def note(result: StepResult) -> None:
        steps.append(result)
        told(result)

    await _examine(order, context or tls.make_context(order), note, random, now)
    return Report(url=str(order.url.without_query()), steps=steps)


async def _examine(
    order: Order,
    context: ssl.SSLContext,
    note: Told,
    random: Callable[[int], bytes],
    now: Callable[[], datetime],
) -> None:
    note(_url(order))
    if not order.allow_query:
        order = replace(order, url=order.url.without_query())
    resolved, addresses = await reach.resolve(order)
    note(resolved)
    if not addresses:
        return
    reached, address = await reach.reach(order, addresses)
    note(reached)
    if address is None:
        return
    secured = await tls.examine(order, address, context, now=now)
    note(secured)
    if any(finding.code for finding in secured.findings):
        return
    door = Door(order=order, address=address, context=context, random=random)
    opened = await open_stream(door, door.right_signature())
    if isinstance(opened, NotOpened):
        note(StepResult(step=Step.UPGRADE, findings=opened.findings))
        note(await signature.examine(door, opened))
        return
    note(
        StepResult(
            step=Step.UPGRADE,
            detail=f"101 in {opened.ms:.0f} ms, with TCP and TLS",
            figures={"ms": round(opened.ms, 1)},
        )
    )
    seen = await session.run(order, opened, random=random)
    note(await signature.examine(door, opened, turned_away=_turned_away(seen)))
    for result in judge(seen, order):
        note(result)


def _turned_away(seen: session.Seen) -> bool:
    """Whether it closed as soon as the stream had begun."""
    ended = seen.ended
    if ended is None or ended.phase not in {session.Phase.START, session.Phase.REAL_TIME}:
        return False
    return ended.after_s < signature.SHUTS_WITHIN_S


def _url(order: Order) -> StepResult:
    findings = []
    if order.url.query is not None and not order.allow_query:
        text = "the URL has a query, which a stream's URL may not have: it is dropped"
        change = "send values as stream parameters; they come in start.customParameters"
        findings.append(warning("url.query", text, change, 31920))
    return StepResult(step=Step.URL, detail=str(order.url.without_query()), findings=findings)


def refused_url(text: str, rule: str, code: int | None) -> Report:
    """The report on a URL that is none of a stream's: nothing more can be looked at."""
    scheme = text.partition("://")[0].lower()
    change = "write wss://host/path"
    if scheme in {"ws", "http", "https"}:
        change = f"write wss:// instead of {scheme}://, and serve TLS: streams carry people's voices"
    step = StepResult(step=Step.URL, findings=[fault("url.malformed", rule, change, code)])
    return Report(url="", steps=[step])
