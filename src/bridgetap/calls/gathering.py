"""Gather: the keys of a caller, while prompts are heard and for a while after them."""

import asyncio
from collections.abc import Awaitable, Callable

from bridgetap.twiml.effects import Gather, Prompt
from bridgetap.twiml.events import GatherEnded

from .keypad import Keypad
from .player import Player

Warn = Callable[[int, str], None]  # a code and what is to be told

NO_RECOGNISER = "speech is not recognised here: only keys are heard"


class Gathering:
    """One `Gather`. Cancelled, its prompts stop."""

    def __init__(self, gather: Gather, *, keypad: Keypad, player: Player, warn: Warn) -> None:
        self._gather = gather
        self._keypad = keypad
        self._player = player
        self._warn = warn
        self._digits = ""

    async def run(self) -> GatherEnded:
        if "speech" in self._gather.input:
            self._warn(0, NO_RECOGNISER)
        if "dtmf" not in self._gather.input:
            await self._say()
            await asyncio.sleep(self._gather.timeout_s)
            return GatherEnded(effect=self._gather.id)
        key = await self._first_key()
        while key:
            if key in self._gather.finish_on_key:
                if self._digits:
                    return self._ended(finished_on=key)
            else:
                self._digits += key
                if len(self._digits) == self._gather.num_digits:
                    break
            key = await self._within_time(self._keypad.next())
        return self._ended()

    async def _first_key(self) -> str:
        """It stops the prompts; one typed ahead, before they begin."""
        if not self._keypad.is_empty:
            return await self._keypad.next()
        async with asyncio.TaskGroup() as tasks:
            pressed = tasks.create_task(self._keypad.next())
            prompts = tasks.create_task(self._say())
            await asyncio.wait({pressed, prompts}, return_when=asyncio.FIRST_COMPLETED)
            if not pressed.done():
                return await self._within_time(pressed)
            prompts.cancel()
            return pressed.result()

    async def _within_time(self, key: Awaitable[str]) -> str:
        """The next key, or "" where none came in time."""
        try:
            async with asyncio.timeout(self._gather.timeout_s):
                return await key
        except TimeoutError:
            return ""

    async def _say(self) -> None:
        for prompt in self._gather.prompts:
            await self._hear(prompt)

    async def _hear(self, prompt: Prompt) -> None:
        ended = await self._player.perform(prompt)
        if ended.error:
            self._warn(ended.code, ended.error)

    def _ended(self, *, finished_on: str = "") -> GatherEnded:
        return GatherEnded(effect=self._gather.id, digits=self._digits, finished_on_key=finished_on)
