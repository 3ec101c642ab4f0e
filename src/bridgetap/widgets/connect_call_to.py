"""Connect Call To: dials a second party and bridges the caller with it.

`callCompleted` covers every end that leaves the caller on the line, no answer and busy included:
flows branch on `widgets.NAME.DialCallStatus`. `hangup` is the caller leaving.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from bridgetap.flow.effects import ClientTarget, Dial, DialTarget, NumberTarget, SipTarget
from bridgetap.flow.events import CallerHungUp, DialEnded, DialResult, Event
from bridgetap.flow.properties import Properties
from bridgetap.flow.template import Template
from bridgetap.flow.widget import Ask, Done, Transition, Turn, Visit, WidgetType

CALL_COMPLETED, HANGUP = "callCompleted", "hangup"
CALL_FAILED = 81008
MOST_NUMBERS = 10
DEFAULT_TIMEOUT_S = 30
DEFAULT_TIME_LIMIT_S = 14_400  # 4 h

Noun: TypeAlias = Literal["number", "number-multi", "client", "conference", "sim", "sip"]
NOUNS: tuple[Noun, ...] = ("number", "number-multi", "client", "conference", "sim", "sip")
UNSUPPORTED: tuple[Noun, ...] = ("conference", "sim")
RECORD_WORDS = {"record-from-answer": True, "record-from-ringing": True, "do-not-record": False}  # TwiML's words


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectCallTo:
    noun: Noun
    to: Template
    caller_id: Template
    timeout_s: int
    time_limit: Template
    record: bool
    sip_endpoint: Template
    sip_username: Template
    sip_password: Template

    def enter(self, visit: Visit) -> Turn:
        try:
            targets = self._targets(visit)
        except _CannotDial as problem:
            visit.log("error", CALL_FAILED, f"{visit.place}.properties.{problem.key}: {problem.rule}")
            return _left(CALL_COMPLETED, DialResult(status="failed"), visit)
        dial = Dial(
            targets=targets,
            caller_id=visit.render(self.caller_id).strip(),
            timeout_s=self.timeout_s,
            time_limit_s=_time_limit(visit.render(self.time_limit).strip(), visit),
            record=self.record,
        )
        return Ask(effects=(dial,))

    def handle(self, event: Event, visit: Visit) -> Turn | None:
        match event:
            case DialEnded():
                if event.result.status == "failed":
                    visit.log("error", event.result.error_code or CALL_FAILED, "the call could not be connected")
                return _left(CALL_COMPLETED, event.result, visit)
            case CallerHungUp():
                return _left(HANGUP, event.dial or DialResult(status="canceled"), visit)
            case _:
                return None

    def _targets(self, visit: Visit) -> tuple[DialTarget, ...]:
        if self.noun in UNSUPPORTED:
            raise _CannotDial("noun", f"noun {self.noun!r} is not supported yet")
        if self.noun == "sip":
            username, password = visit.render(self.sip_username), visit.render(self.sip_password, secret=True)
            return (_sip(visit.render(self.sip_endpoint), username, password),)
        to = visit.render(self.to).strip()
        if not to:
            raise _CannotDial("to", "renders empty: there is nobody to call")
        if self.noun == "client":
            return (ClientTarget(identity=to.removeprefix("client:")),)
        if self.noun == "number":
            return (_target(to),)
        numbers = [number for part in to.split(",") if (number := part.strip())]
        if len(numbers) > MOST_NUMBERS:
            visit.log("warning", 0, f"{visit.place}.properties.to: only the first {MOST_NUMBERS} numbers are called")
        if not numbers:
            raise _CannotDial("to", "holds no number")
        return tuple(_target(number) for number in numbers[:MOST_NUMBERS])


def parse(properties: Properties, transitions: tuple[Transition, ...]) -> ConnectCallTo:
    if not properties.has("noun"):
        properties.report.refuse(properties.at("noun"), properties.raw.get("noun"), "is required")
    noun = properties.choice("noun", NOUNS, default="number")
    if noun in UNSUPPORTED:
        properties.report.warn(properties.at("noun"), noun, "not supported yet; DialCallStatus will be failed")
    time_limit = properties.text("time_limit")
    if time_limit.literal and time_limit.source and not _seconds(time_limit.source):
        properties.report.refuse(properties.at("time_limit"), time_limit.source, TIME_LIMIT_RULE)
    return ConnectCallTo(
        noun=noun,
        to=properties.text("to", required=noun not in ("sip", "conference", "sim")),
        caller_id=properties.text("caller_id", default="{{contact.channel.address}}"),
        timeout_s=properties.integer("timeout", default=DEFAULT_TIMEOUT_S, low=1, high=600),
        time_limit=time_limit,
        record=properties.boolean("record", meanings=RECORD_WORDS),
        sip_endpoint=properties.text("sip_endpoint", required=noun == "sip"),
        sip_username=properties.text("sip_username"),
        sip_password=properties.text("sip_password", secret=True),
    )


TYPE = WidgetType(type="connect-call-to", events=(CALL_COMPLETED, HANGUP), parse=parse, needs_call=True)

TIME_LIMIT_RULE = f"must be seconds, 1 to {DEFAULT_TIME_LIMIT_S}"


class _CannotDial(Exception):
    """What was asked for names nobody to call."""

    def __init__(self, key: str, rule: str) -> None:
        super().__init__(f"{key}: {rule}")
        self.key, self.rule = key, rule


def _target(text: str) -> DialTarget:
    """A number, or what is plainly something else."""
    if text.lower().startswith(("sip:", "sips:")):
        return SipTarget(uri=text)
    if text.startswith("client:"):
        return ClientTarget(identity=text.removeprefix("client:"))
    return NumberTarget(number=text)


def _sip(endpoint: str, username: str, password: str) -> SipTarget:
    uri = endpoint.strip()
    if not uri:
        raise _CannotDial("sip_endpoint", "renders empty: there is nobody to call")
    if not uri.lower().startswith(("sip:", "sips:")):
        uri = f"sip:{uri}"
    if any(character.isspace() for character in uri):
        raise _CannotDial("sip_endpoint", "must be a SIP URI without spaces")
    return SipTarget(uri=uri, username=username, password=password)


def _time_limit(text: str, visit: Visit) -> int:
    if not text:
        return DEFAULT_TIME_LIMIT_S
    seconds = _seconds(text)
    if not seconds:
        visit.log("warning", 0, f"{visit.place}.properties.time_limit: {text!r}: {TIME_LIMIT_RULE}")
    return seconds or DEFAULT_TIME_LIMIT_S


def _seconds(text: str) -> int:
    """The number of seconds, 0 when it is none that can be used."""
    text = text.strip()
    seconds = int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0
    return seconds if seconds <= DEFAULT_TIME_LIMIT_S else 0


def _left(event: str, result: DialResult, visit: Visit) -> Done:
    """Leave with the call's own fields and what became of the dial (spec/studio §4)."""
    call = visit.context.trigger.get("call")
    variables: dict[str, object] = dict(call) if isinstance(call, Mapping) else {}
    variables["DialCallStatus"] = result.status
    variables["DialCallDuration"] = str(result.duration_s)
    if result.call_sid is not None:
        variables["DialCallSid"] = result.call_sid
    if result.recording_url:
        variables["RecordingUrl"] = result.recording_url
    return Done(event=event, variables=variables)
