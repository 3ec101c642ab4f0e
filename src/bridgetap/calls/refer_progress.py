"""Tells the party that sent a REFER how it goes: NOTIFY with a fragment of SIP (RFC 3515 §2.4)."""

import asyncio
from contextlib import suppress

from .leg import Leg

ANSWER_S = 2.0  # nobody waits longer for the answer to a NOTIFY
ACTIVE = "active;expires=60"
TERMINATED = "terminated;reason=noresource"
PHRASES = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    404: "Not Found",
    408: "Request Timeout",
    480: "Temporarily Unavailable",
    486: "Busy Here",
    487: "Request Terminated",
    503: "Service Unavailable",
    603: "Decline",
}


class ReferProgress:
    """One NOTIFY at a time, so that they arrive in order; what is overtaken by newer news is not told."""

    def __init__(self, leg: Leg, *, wanted: bool) -> None:
        self._leg = leg
        self._wanted = wanted
        self._news = asyncio.Event()
        self._status = 100  # RFC 3515 §2.4.4: the first one comes at once
        self._news.set()

    def say(self, status: int) -> None:
        """The newest status of the call to the target. A final one is the last word."""
        if self._status < 200 and status != self._status:
            self._status = status
            self._news.set()

    async def run(self) -> None:
        """Until the last word is out, or nobody is there to hear it."""
        status = 100
        while self._wanted and status < 200:
            await self._news.wait()
            self._news.clear()
            status = self._status
            if not self._leg.is_up:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(ANSWER_S):
                    await self._leg.notify(
                        state=ACTIVE if status < 200 else TERMINATED,
                        fragment=f"SIP/2.0 {status} {PHRASES.get(status, '')}\r\n",
                    )
