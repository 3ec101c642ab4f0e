"""On the virtual loop waiting is free, in order, and a deadlock is an error."""

import asyncio

import pytest

from bridgetap.engine import virtual_loop
from bridgetap.engine.virtual_loop import START_NS, LoopClock, run_virtual


def test_a_day_passes_at_once_and_timers_keep_their_order() -> None:
    async def main() -> list[str]:
        seen: list[str] = []

        async def after(seconds: float, name: str) -> None:
            await asyncio.sleep(seconds)
            seen.append(f"{name}@{asyncio.get_running_loop().time():.0f}")

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(after(86_400, "day"))
            tasks.create_task(after(60, "minute"))
        assert LoopClock().now_ns() == START_NS + 86_400 * 10**9
        return seen

    assert run_virtual(main()) == ["minute@60", "day@86400"]


def test_waiting_for_what_cannot_come_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual_loop, "STUCK_S", 0.01)

    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="wait for ever"):
        run_virtual(main())


def test_a_thread_can_wake_the_loop() -> None:
    async def main() -> str:
        return await asyncio.to_thread(lambda: "done")

    assert run_virtual(main()) == "done"
