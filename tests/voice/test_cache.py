"""The prompt cache: one making for many askers, eviction that never cuts a playing prompt."""

import asyncio
import gc
from collections.abc import Awaitable, Callable

import pytest

from bridgetap.voice import Pcm, PromptCache


class Loader:
    """What the engine keeps."""

    def __init__(self) -> None:
        self.loaded: dict[int, bytes] = {}
        self._next = 0

    def load_prompt(self, pcm: bytes, *, rate: int) -> int:
        self._next += 1
        self.loaded[self._next] = pcm
        return self._next

    def drop_prompt(self, prompt: int) -> None:
        del self.loaded[prompt]


def audio(size: int) -> Callable[[], Awaitable[Pcm]]:
    async def make() -> Pcm:
        return Pcm(samples=bytes(size), rate=8000)

    return make


async def never() -> Pcm:
    raise AssertionError("made twice")


async def test_a_kept_prompt_is_not_made_again() -> None:
    cache = PromptCache(Loader(), max_bytes=1000)
    first = await cache.get("a", audio(400))
    assert await cache.get("a", never) is first
    assert first.seconds == 400 / 2 / 8000


async def test_the_least_recently_used_goes_first() -> None:
    loader = Loader()
    cache = PromptCache(loader, max_bytes=1000)
    await cache.get("a", audio(400))
    await cache.get("b", audio(400))
    await cache.get("a", never)
    await cache.get("c", audio(400))
    gc.collect()
    assert cache.bytes == 800
    assert sorted(loader.loaded) == [1, 3]  # b is gone from the engine too


async def test_a_prompt_in_use_survives_its_eviction() -> None:
    loader = Loader()
    cache = PromptCache(loader, max_bytes=1000)
    playing = await cache.get("a", audio(900))
    await cache.get("b", audio(900))
    assert playing.id in loader.loaded
    number = playing.id
    del playing
    gc.collect()
    assert number not in loader.loaded


async def test_one_larger_than_the_cache_is_played_and_not_kept() -> None:
    loader = Loader()
    cache = PromptCache(loader, max_bytes=1000)
    await cache.get("small", audio(500))
    large = await cache.get("large", audio(5000))
    assert large.id in loader.loaded
    assert cache.bytes == 500


async def test_many_askers_share_one_making() -> None:
    made = 0
    gate = asyncio.Event()

    async def slow() -> Pcm:
        nonlocal made
        made += 1
        await gate.wait()
        return Pcm(samples=bytes(2), rate=8000)

    cache = PromptCache(Loader(), max_bytes=1000)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(cache.get("a", slow)) for _ in range(5)]
        await asyncio.sleep(0)
        gate.set()
    assert made == 1
    assert len({task.result().id for task in tasks}) == 1


async def test_many_askers_share_one_failure_and_it_is_not_kept() -> None:
    gate = asyncio.Event()

    async def fails() -> Pcm:
        await gate.wait()
        raise ValueError("no voice")

    cache = PromptCache(Loader(), max_bytes=1000)
    tasks = [asyncio.ensure_future(cache.get("a", fails)) for _ in range(3)]
    await asyncio.sleep(0)
    gate.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [str(result) for result in results] == ["no voice"] * 3
    assert (await cache.get("a", audio(2))).size == 2


async def test_when_the_maker_hangs_up_the_next_asker_makes_it() -> None:
    started = asyncio.Event()

    async def hangs() -> Pcm:
        started.set()
        await asyncio.Event().wait()
        raise AssertionError

    cache = PromptCache(Loader(), max_bytes=1000)
    maker = asyncio.ensure_future(cache.get("a", hangs))
    await started.wait()
    other = asyncio.ensure_future(cache.get("a", audio(6)))
    await asyncio.sleep(0)
    maker.cancel()
    assert (await other).size == 6
    with pytest.raises(asyncio.CancelledError):
        await maker


async def test_a_waiting_asker_can_hang_up_without_harm() -> None:
    gate = asyncio.Event()

    async def slow() -> Pcm:
        await gate.wait()
        return Pcm(samples=bytes(2), rate=8000)

    cache = PromptCache(Loader(), max_bytes=1000)
    maker = asyncio.ensure_future(cache.get("a", slow))
    await asyncio.sleep(0)
    waiter = asyncio.ensure_future(cache.get("a", slow))
    await asyncio.sleep(0)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    gate.set()
    assert (await maker).size == 2


async def test_renew_asks_with_the_kept_version_and_takes_no_news_for_the_same() -> None:
    asked: list[str] = []
    answers = iter([(Pcm(samples=bytes(4), rate=8000), "v1"), None, (Pcm(samples=bytes(8), rate=8000), "v2")])

    async def make(version: str) -> tuple[Pcm, str] | None:
        asked.append(version)
        return next(answers)

    cache = PromptCache(Loader(), max_bytes=1000)
    first = await cache.renew("a", make)
    assert await cache.renew("a", make) is first
    assert (await cache.renew("a", make)).size == 8
    assert asked == ["", "v1", "v1"]
    assert cache.bytes == 8
