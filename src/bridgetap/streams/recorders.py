"""All that records by SIPREC: the connectors, and the tasks of the recordings that run."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from .connectors import Connectors
from .siprec import RecordingParts


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderParts:
    """What recordings are made with."""

    connectors: Connectors
    recording: RecordingParts
    domain: str  # the host part of addresses that have none


class Recorders:
    """The owner of every recording's task: a recording says goodbye when its call is gone already."""

    def __init__(self, parts: RecorderParts) -> None:
        self.parts = parts
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Until cancelled; what records then is cut off."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            await asyncio.get_running_loop().create_future()

    def start(self, recording: Callable[[], Awaitable[None]]) -> None:
        """Run one recording. It never raises: each is the root of its own faults."""
        if self._tasks is None:
            raise RuntimeError("recordings are made while run() runs")

        async def root() -> None:
            await recording()

        self._tasks.create_task(root())
