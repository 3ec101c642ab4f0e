"""Where every execution begins. It leaves at once, by the event that started it."""

from dataclasses import dataclass

from bridgetap.flow.events import Event
from bridgetap.flow.properties import Properties
from bridgetap.flow.widget import Done, Transition, Turn, Visit, WidgetType


@dataclass(frozen=True, slots=True)
class Trigger:
    def enter(self, visit: Visit) -> Turn:
        return Done(event=visit.trigger)

    def handle(self, event: Event, visit: Visit) -> Turn | None:
        return None


def parse(properties: Properties, transitions: tuple[Transition, ...]) -> Trigger:
    return Trigger()


TYPE = WidgetType(
    type="trigger",
    events=("incomingMessage", "incomingCall", "incomingConversationMessage", "incomingRequest", "incomingParent"),
    parse=parse,
)
