"""Fork Stream: starts or stops a copy of the call's audio, to a wss server or a recorder.

`next` fires as soon as the stream is created or stopped, and also when that failed: the widget has no
failure event (spec/twilio §1.1), so a failure is a line in the log.
"""

from dataclasses import dataclass

from bridgetap.flow.events import Event, StreamCreated, StreamRefused, StreamStopped
from bridgetap.flow.option_properties import OptionTemplate, option_templates
from bridgetap.flow.properties import Pair, Properties
from bridgetap.flow.stream_rules import WARNED_OF, Parameter, Places, StreamFields, judge
from bridgetap.flow.template import Template
from bridgetap.flow.widget import Ask, Done, Transition, Turn, Visit, WidgetType

NEXT = "next"
NO_CALL = 81020
DEFINITION_INVALID = 81022


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkStream:
    action: Template
    name: Template
    transport: Template
    url: Template
    connector: Template
    track: Template
    parameters: tuple[Pair, ...]
    options: tuple[OptionTemplate, ...]
    places: Places

    def enter(self, visit: Visit) -> Turn:
        if not visit.call_live:
            visit.log("warning", NO_CALL, "fork-stream needs a live call")
            return _next()
        verdict = judge(self._render(visit), self.places, allow_query=visit.options.allow_query)
        for warning in verdict.warnings:
            visit.log("warning", warning.code or 0, str(warning))
        for problem in verdict.problems:
            visit.log("error", problem.code or DEFINITION_INVALID, str(problem))
        return Ask(effects=(verdict.asked,)) if verdict.asked else _next()

    def handle(self, event: Event, visit: Visit) -> Turn | None:
        match event:
            case StreamCreated() | StreamStopped():
                return _next()
            case StreamRefused():
                visit.log("warning" if event.code in WARNED_OF else "error", event.code, event.message)
                return _next()
            case _:
                return None

    def _render(self, visit: Visit) -> StreamFields:
        return StreamFields(
            action=visit.render(self.action).strip(),
            name=visit.render(self.name),
            transport=visit.render(self.transport).strip(),
            url=visit.render(self.url, secret=_may_hold_secrets(self.url.source)).strip(),
            connector=visit.render(self.connector).strip(),
            track=visit.render(self.track).strip(),
            parameters=[
                Parameter(key=pair.key, value=visit.render(pair.value, secret=True), place=pair.place)
                for pair in self.parameters
            ],
            options=[option.option(visit.render(option.value, secret=option.secret)) for option in self.options],
        )

    def known(self) -> StreamFields:
        """What can be judged before any call: the fields without Liquid."""
        return StreamFields(
            action=_literal(self.action),
            name=_literal(self.name),
            transport=_literal(self.transport),
            url=_literal(self.url),
            connector=_literal(self.connector),
            track=_literal(self.track),
            parameters=[
                Parameter(key=pair.key, value=_literal(pair.value), place=pair.place) for pair in self.parameters
            ],
            options=[option.option(_literal(option.value)) for option in self.options],
        )


def parse(properties: Properties, transitions: tuple[Transition, ...]) -> ForkStream:
    connector = "stream_connector"
    if not properties.has(connector) and properties.has("stream_connector_name"):
        connector = "stream_connector_name"  # some catalogues name it so (spec/studio §4)
    properties.accept("stream_connector", "stream_connector_name")
    widget = ForkStream(
        action=properties.text("stream_action", required=True),
        name=properties.text("stream_name"),
        transport=properties.text("stream_transport_type"),
        url=properties.text("stream_url", secret=_may_hold_secrets(str(properties.raw.get("stream_url")))),
        connector=properties.text(connector),
        track=properties.text("stream_track"),
        parameters=properties.pairs("stream_parameters", secret=True),
        options=option_templates(properties),
        places=Places(connector=connector).under(properties.place),
    )
    if properties.has("stream_action"):
        # Judged again at each visit: a definition can be valid and lead nowhere, and still be kept.
        verdict = judge(widget.known(), widget.places)
        for problem in verdict.problems:
            properties.report.refuse(problem.place, problem.value, _with_code(problem.rule, problem.code))
        for warning in verdict.warnings:
            properties.report.warn(warning.place, warning.value, warning.rule)
    return widget


TYPE = WidgetType(type="fork-stream", events=(NEXT,), parse=parse)


def _next() -> Done:
    return Done(event=NEXT, variables={})


def _literal(template: Template) -> str | None:
    return template.source.strip() if template.literal else None


def _may_hold_secrets(url: str) -> bool:
    """Whether it has a query, a fragment or somebody who logs in."""
    return not set("?#@").isdisjoint(url)


def _with_code(rule: str, code: int | None) -> str:
    return f"{rule} ({code})" if code else rule
