"""An inbox keeps the order, and an owner that does not keep up is told."""

import asyncio

import pytest

from bridgetap.engine import Inbox, InboxOverflow
from bridgetap.engine.virtual_loop import run_virtual


def test_gives_in_order_and_waits_when_empty() -> None:
    async def main() -> None:
        inbox: Inbox[int] = Inbox()
        asyncio.get_running_loop().call_later(5, inbox.put, 3)
        inbox.put(1)
        inbox.put(2)
        assert [await inbox.get() for _ in range(3)] == [1, 2, 3]

    run_virtual(main())


def test_what_was_kept_is_read_before_the_overflow_is_told() -> None:
    async def main() -> None:
        inbox: Inbox[int] = Inbox(capacity=2)
        for item in range(5):
            inbox.put(item)
        assert len(inbox) == 2
        assert [await inbox.get(), await inbox.get()] == [0, 1]
        with pytest.raises(InboxOverflow, match="more than 2"):
            await inbox.get()

    run_virtual(main())
