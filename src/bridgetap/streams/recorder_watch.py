"""Whether a recorder still records: one that was restarted has forgotten us, and says so only when it is asked."""

import asyncio

from bridgetap.engine import Core, DialogId, Response

GONE = 481  # it knows of no such dialog (RFC 3261 §12.2.1.2)
SILENT = 408


async def until_lost(core: Core, dialog: DialogId, *, every_s: float) -> str:
    """Ask by OPTIONS inside the dialog every so many seconds; returns why, once the recorder is lost.

    A recorder that never answered one may be one that answers none: its silence says nothing."""
    answers = False
    while True:
        await asyncio.sleep(every_s)
        response = await core.request(method="OPTIONS", dialog=dialog)
        why = _lost(response, answers=answers)
        if why:
            return why
        answers = answers or bool(response.source)


def _lost(response: Response, *, answers: bool) -> str:
    if response.status == GONE:
        return "it has forgotten the recording (481)"
    if response.source:
        return ""
    if response.status != SILENT:
        return f"it cannot be reached ({response.status})"
    return "it answers no more" if answers else ""
