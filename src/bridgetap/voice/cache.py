"""The prompt cache: each prompt is made once, however many calls ask for it at the same time.

A `Prompt` is held by the cache and by whoever plays it. The engine's copy is dropped when neither
holds it any more, so an eviction never cuts short what a caller is listening to.
"""

import asyncio
import weakref
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, Protocol

from .audio import Pcm


class PromptLoader(Protocol):
    """The part of `_engine.Media` that keeps prompts."""

    def load_prompt(self, pcm: bytes, *, rate: int) -> int: ...

    def drop_prompt(self, prompt: Any) -> None: ...  # the engine has a type of its own for the id


@dataclass(frozen=True, kw_only=True, eq=False)
class Prompt:
    """Audio the engine has loaded; `id` goes to `Leg.play`. Keep the object while it plays."""

    id: int
    seconds: float
    size: int
    version: str = ""


class PromptCache:
    """At most `max_bytes` of prompts kept for later, least recently used first to go.

    One prompt larger than that is made, played and not kept.
    """

    def __init__(self, loader: PromptLoader, *, max_bytes: int) -> None:
        self._loader = loader
        self._max_bytes = max_bytes
        self._kept: OrderedDict[Hashable, Prompt] = OrderedDict()
        self._making: dict[Hashable, asyncio.Future[Prompt]] = {}
        self._bytes = 0

    @property
    def bytes(self) -> int:
        """What is kept now."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._kept)

    async def get(self, key: Hashable, make: Callable[[], Awaitable[Pcm]]) -> Prompt:
        """The prompt under `key`, made by `make` if it is not here. Who asks while it is being
        made waits for the same one, and gets the same error; errors are not kept."""

        async def load() -> Prompt:
            return self._load(await make())

        return self._take(key) or await self._once(key, load)

    async def renew(self, key: Hashable, make: Callable[[str], Awaitable[tuple[Pcm, str] | None]]) -> Prompt:
        """Like `get` for what may change: `make` is asked each time, with the version that is kept
        ("" for none), and answers None when that is still the right one."""

        async def load() -> Prompt:
            kept = self._take(key)
            made = await make(kept.version if kept else "")
            if made is None:
                if kept is None:
                    raise LookupError(key)  # unchanged since nothing: a fault of `make`
                return kept
            return self._load(made[0], made[1])

        return await self._once(key, load)

    def clear(self) -> None:
        """Forget everything kept."""
        self._kept.clear()
        self._bytes = 0

    def _take(self, key: Hashable) -> Prompt | None:
        if (prompt := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
        return prompt

    async def _once(self, key: Hashable, load: Callable[[], Awaitable[Prompt]]) -> Prompt:
        while (making := self._making.get(key)) is not None:
            try:
                return await asyncio.shield(making)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if not making.cancelled() or (task is not None and task.cancelling()):
                    raise  # it is us who were cancelled
                # else the call that was making it ended first: our turn
        return await self._make(key, load)

    async def _make(self, key: Hashable, load: Callable[[], Awaitable[Prompt]]) -> Prompt:
        future: asyncio.Future[Prompt] = asyncio.get_running_loop().create_future()
        self._making[key] = future
        try:
            prompt = await load()
        except asyncio.CancelledError:
            future.cancel()
            raise
        except BaseException as error:
            future.set_exception(error)
            future.exception()  # seen: with nobody else waiting it is not "never retrieved"
            raise
        else:
            future.set_result(prompt)
            self._keep(key, prompt)
            return prompt
        finally:
            del self._making[key]

    def _load(self, pcm: Pcm, version: str = "") -> Prompt:
        number = self._loader.load_prompt(pcm.samples, rate=pcm.rate)
        prompt = Prompt(id=number, seconds=pcm.seconds, size=len(pcm.samples), version=version)
        weakref.finalize(prompt, self._loader.drop_prompt, number).atexit = False
        return prompt

    def _keep(self, key: Hashable, prompt: Prompt) -> None:
        if (old := self._kept.pop(key, None)) is not None:
            self._bytes -= old.size
        if prompt.size > self._max_bytes:
            return
        self._kept[key] = prompt
        self._bytes += prompt.size
        while self._bytes > self._max_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= oldest.size
