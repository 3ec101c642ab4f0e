"""One call's streams on a fake leg, in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

from bridgetap.engine.fake import FakeLeg, fake_core
from bridgetap.engine.virtual_loop import LoopClock, run_virtual
from bridgetap.flow import StreamUrl
from bridgetap.ids import AccountSid, CallSid
from bridgetap.store import StreamRecord
from bridgetap.streams import CallStreams, StreamParts, StreamPolicy, StreamRequest, Streams
from bridgetap.webhooks import Callback, StatusCallback

ACCOUNT, CALL = AccountSid("AC" + "1" * 32), CallSid("CA" + "2" * 32)
URL = StreamUrl.parse("wss://media.example:8443/in")


class _Told:
    """Who tells other servers."""

    def __init__(self, desk: "Desk") -> None:
        self._desk = desk

    def put(self, callback: Callback) -> None:
        self._desk.told.append(callback)
        self._desk.order.append(next(value for name, value in callback.parameters if name.endswith("Event")))

    def gauges(self) -> dict[str, float]:
        return {}


class Desk:
    """One call's streams on a fake leg, with a store and a notification log in memory."""

    def __init__(self, policy: StreamPolicy | None = None) -> None:
        self.core, self.fake = fake_core()
        self.core.start()
        leg = self.core.media.open_leg(address="127.0.0.1")
        assert isinstance(leg, FakeLeg)
        self.leg = leg
        self.versions: list[StreamRecord] = []
        self.notes: list[tuple[str, int]] = []
        self.told: list[Callback] = []
        self.order: list[str] = []  # of what was put
        self.commit: Callable[[], Awaitable[None]] = lambda: asyncio.sleep(0)
        entropy = count(1)
        self.streams = Streams(
            StreamParts(
                core=self.core,
                records=self,
                notifier=self,
                callbacks=_Told(self),
                sealed=self,
                clock=LoopClock(),
                entropy=lambda size: next(entropy).to_bytes(size, "big"),
                sign=lambda url: f"signature of {url}",
                account_sid=ACCOUNT,
                policy=policy or StreamPolicy(),
            )
        )
        self.call: CallStreams = self.streams.of_call(CALL, leg)

    async def commit_now(self, record: StreamRecord) -> None:
        await self.commit()
        self.versions.append(record)

    def put(self, record: StreamRecord) -> None:
        self.versions.append(record)
        self.order.append("row")

    def close(self, to: StatusCallback) -> str:
        return f"sealed {to.url.shown}"

    def notify(self, *, level: str, code: int, **_: Any) -> None:
        self.notes.append((level, code))

    def rows(self) -> dict[str, StreamRecord]:
        """The last version of each row, by name."""
        return {record.name: record for record in self.versions}

    def ends(self) -> list[tuple[str, str | None]]:
        return [(record.name, record.end_reason) for record in self.versions if record.ended_ns is not None]

    async def start(self, name: str = "tap", **changes: Any) -> str:
        values: dict[str, Any] = {"transport": "websocket", "name": name, "url": URL}
        named = await self.call.start(StreamRequest(**(values | changes)))
        return str(named.sid)

    async def settle(self) -> None:
        await asyncio.sleep(0.001)


def virtual(scenario: Callable[[Desk], Awaitable[None]]) -> Callable[[], None]:
    """A test on a fresh desk, in virtual time."""

    def test() -> None:
        async def main() -> None:
            await scenario(Desk())

        run_virtual(main())

    test.__doc__ = scenario.__doc__
    return test
