"""What a widget is: parsed once from its properties, then asked at each visit what to do.

A widget holds no state: what a visit needs lies in the `Visit`, what it leaves behind in the `Turn`
it answers with. It reads no clock and does nothing itself; it asks for effects.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Literal, Protocol, TypeAlias
from zoneinfo import ZoneInfo

from .context import Context
from .effects import Effect, Log
from .events import Event
from .liquid_date import RenderClock
from .properties import Properties
from .template import TEMPLATE_FAILED, Template


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One comparison of a `match` transition."""

    operator: str
    value: Template
    argument: Template | None  # None: the widget's own input
    friendly_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """Where an event leads; `next` None ends the path."""

    event: str
    next: str | None = None
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Carry these out and tell me what came of them."""

    effects: tuple[Effect, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """This visit is over: leave by `event`. `variables` become `widgets.NAME`, None leaves it alone."""

    event: str
    effects: tuple[Effect, ...] = ()
    variables: Mapping[str, object] | None = None
    transition: Transition | None = None  # for `match`, of which there may be several


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail:
    """The execution cannot go on here."""

    code: int
    message: str


Turn: TypeAlias = Ask | Done | Fail


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What an operator may set about flows."""

    zone: tzinfo = field(default_factory=lambda: ZoneInfo("America/Los_Angeles"))  # Studio's own (spec/studio §5)
    case_sensitive: bool = False  # of split-based-on
    allow_query: bool = False  # of stream URLs


class Visit:
    """One widget's turn: what it may read, and where it leaves variables and log lines."""

    def __init__(
        self,
        *,
        name: str,
        place: str,
        context: Context,
        clock: RenderClock,
        options: Options,
        trigger: str,
        call_live: bool,
    ) -> None:
        self.name, self.place, self.context = name, place, context
        self.options, self.trigger, self.call_live = options, trigger, call_live
        self.clock = clock
        self.logs: list[Log] = []

    def render(self, template: Template, *, secret: bool = False) -> str:
        """The text; "" and an 81018 warning when the template fails. A secret one is not quoted."""
        rendered = template.render(self.context, self.clock)
        if rendered.error:
            quoted = "a secret" if secret else repr(template.source[:80])
            reason = "the template failed" if secret else rendered.error
            self.log("warning", TEMPLATE_FAILED, f"{quoted} renders empty: {reason}")
        return rendered.text

    def set_variable(self, key: str, value: object) -> None:
        """`flow.variables.KEY`, seen by what renders next."""
        self.context = self.context.with_variable(key, value)

    def log(self, level: Literal["warning", "error"], code: int, message: str) -> None:
        self.logs.append(Log(level=level, code=code, widget=self.name, message=message))


class Widget(Protocol):
    """One state's behaviour."""

    def enter(self, visit: Visit) -> Turn:
        """The flow arrived here."""
        ...

    def handle(self, event: Event, visit: Visit) -> Turn | None:
        """Something happened while the flow waits here; None: that is not for this widget."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WidgetType:
    """A line of the registry: how a type is called, which events leave it, how it is parsed."""

    type: str
    events: tuple[str, ...]
    parse: Callable[[Properties, tuple[Transition, ...]], Widget]
    needs_call: bool = False  # reached without a live call, the path ends with 81020


Registry: TypeAlias = Mapping[str, WidgetType]
