"""What the fake core writes down, and what it reports: shared by its SIP and media halves."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command: its name and arguments. `of` is the dialog, leg or request it was for."""

    name: str
    of: int | None
    args: dict[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.args[key]


class FakeEvents:
    """The queue up."""

    def __init__(self) -> None:
        self.waiting: list[Event] = []
        self.age_ms = 0
        self._news: Callable[[], None] | None = None

    def push(self, *events: Event) -> None:
        self.waiting.extend(events)
        if self._news is not None:
            asyncio.get_running_loop().call_soon(self._news)

    def take(self, limit: int = 512) -> list[Event]:
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return taken

    def oldest_ms(self) -> int:
        return self.age_ms

    def watch(self, news: Callable[[], None]) -> None:
        self._news = news

    def unwatch(self) -> None:
        self._news = None


class Journal:
    """Every command in the order it came, and the way for events to go up."""

    def __init__(self) -> None:
        self.log: list[Command] = []
        self.events = FakeEvents()

    def push(self, *events: Event) -> None:
        """These happened; the loop's next turn hands them out."""
        self.events.push(*events)

    def note(self, name: str, of: int | None = None, **args: Any) -> None:
        self.log.append(Command(name=name, of=of, args=args))

    def names(self) -> list[str]:
        """The commands' names, in order."""
        return [command.name for command in self.log]

    def sent(self, name: str) -> list[Command]:
        """Every command of that name."""
        return [command for command in self.log if command.name == name]
