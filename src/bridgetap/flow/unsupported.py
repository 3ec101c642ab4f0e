"""What stands in for a real widget type that Bridgetap does not have yet."""

from dataclasses import dataclass

from .events import Event
from .widget import Fail, Turn, Visit


@dataclass(frozen=True, slots=True)
class Unsupported:
    """Ends the execution, naming the type."""

    type: str

    def enter(self, visit: Visit) -> Turn:
        return Fail(code=0, message=f"widget type {self.type!r} is not supported yet ({visit.place})")

    def handle(self, event: Event, visit: Visit) -> Turn | None:
        return None
