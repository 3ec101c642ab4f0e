"""What runs on a call, a Studio flow or TwiML documents: one face for both."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from bridgetap.ids import ExecutionSid
from bridgetap.twiml import TwimlEffect, TwimlEvent


class Run(Protocol):
    """One execution, and what is written down of it. `begin` once, `handle` until it has ended, `close`
    whatever ended it."""

    @property
    def execution_sid(self) -> ExecutionSid | None:
        """Of a flow; documents have none."""
        ...

    @property
    def facts(self) -> Mapping[str, object]:
        """What a line in the log says of it."""
        ...

    @property
    def ended(self) -> bool: ...

    @property
    def end_reason(self) -> str:
        """ "" while it runs, and where it simply ran out."""
        ...

    @property
    def current(self) -> str | None:
        """The widget or verb that waits."""
        ...

    def begin(self) -> Sequence[TwimlEffect]:
        """Start it; what is to be done first."""
        ...

    def handle(self, event: TwimlEvent) -> Sequence[TwimlEffect]:
        """Tell what happened; what is to be done next."""
        ...

    def close(self) -> None:
        """Nothing more comes."""
        ...
