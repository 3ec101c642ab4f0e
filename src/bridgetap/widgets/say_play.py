"""Say/Play: speaks a text, plays an audio file, or sends digits to the caller."""

import re
from dataclasses import dataclass
from typing import Literal

from bridgetap.flow.effects import Play, PlayDigits, Say
from bridgetap.flow.events import Event, PlayEnded
from bridgetap.flow.properties import Properties
from bridgetap.flow.template import Template
from bridgetap.flow.widget import Ask, Done, Transition, Turn, Visit, WidgetType

AUDIO_COMPLETE = "audioComplete"
KINDS: tuple[Literal["say", "play", "digits"], ...] = ("say", "play", "digits")
DIGITS = re.compile(r"[0-9A-Da-d#*wW]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class SayPlay:
    kind: Literal["say", "play", "digits"]
    content: Template
    voice: Template
    language: Template
    loop: int

    def enter(self, visit: Visit) -> Turn:
        content = visit.render(self.content)
        if not content.strip():
            visit.log("warning", 0, f"{visit.place}.properties.{self.kind}: nothing to {_VERBS[self.kind]}")
            return self._done(visit)
        match self.kind:
            case "say":
                voice, language = visit.render(self.voice), visit.render(self.language)
                return Ask(effects=(Say(text=content, voice=voice or "default", language=language, loop=self.loop),))
            case "play":
                return Ask(effects=(Play(url=content.strip(), loop=self.loop),))
            case "digits":
                if not DIGITS.fullmatch(content.strip()):
                    visit.log("error", 0, f"{visit.place}.properties.digits: {DIGIT_RULE}")
                    return self._done(visit)
                return Ask(effects=(PlayDigits(digits=content.strip(), loop=self.loop),))

    def handle(self, event: Event, visit: Visit) -> Turn | None:
        if not isinstance(event, PlayEnded):
            return None
        if event.error:
            visit.log("error", event.code, event.error)  # the caller heard nothing; the flow goes on
        return self._done(visit)

    def _done(self, visit: Visit) -> Done:
        variables = {"language": visit.render(self.language), "voice": visit.render(self.voice)}
        return Done(event=AUDIO_COMPLETE, variables=variables)


def parse(properties: Properties, transitions: tuple[Transition, ...]) -> SayPlay:
    present = [kind for kind in KINDS if properties.has(kind)]
    if len(present) != 1:
        found = present or [kind for kind in KINDS if kind in properties.raw]
        properties.report.refuse(properties.place, found, "must have exactly one of say, play and digits")
    kind = present[0] if present else "say"
    properties.accept(*KINDS)
    content = properties.text(kind)
    if kind == "digits" and content.literal and not DIGITS.fullmatch(content.source.strip()):
        properties.report.refuse(properties.at(kind), content.source, DIGIT_RULE)
    return SayPlay(
        kind=kind,
        content=content,
        voice=properties.text("voice"),
        language=properties.text("language"),
        loop=properties.integer("loop", default=1, low=1, high=99),
    )


TYPE = WidgetType(type="say-play", events=(AUDIO_COMPLETE,), parse=parse, needs_call=True)

DIGIT_RULE = "digits are 0-9, A-D, #, *, w (0.5 s) and W (1 s)"
_VERBS = {"say": "say", "play": "play", "digits": "send"}
