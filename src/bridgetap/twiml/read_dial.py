"""Reads Dial with Number, Sip and Client."""

from collections.abc import Sequence

from .effects import CallEvent
from .element import Element
from .markup import Node
from .problems import Findings
from .read_parameters import parameters
from .verbs import Client, Dial, Number, PartyOptions, Sip, Target

MOST_TARGETS = 10
MAX_TIMEOUT_S = 600
MAX_TIME_LIMIT_S = 86_400
EVENTS: tuple[CallEvent, ...] = ("initiated", "ringing", "answered", "completed")

_NOUNS = ("Number", "Sip", "Client")
NOUNS_NOT_DONE = ("Conference", "Queue", "Sim", "Application", "WhatsApp")
_RECORD = {
    "do-not-record": False,
    "false": False,
    "true": True,
    "record-from-answer": True,
    "record-from-ringing": True,
    "record-from-answer-dual": True,
    "record-from-ringing-dual": True,
}
_MACHINE = (
    "machineDetection",
    "machineDetectionTimeout",
    "machineDetectionSpeechThreshold",
    "machineDetectionSpeechEndThreshold",
    "machineDetectionSilenceTimeout",
    "amdStatusCallback",
    "amdStatusCallbackMethod",
)


def dial(node: Node, findings: Findings) -> Dial:
    element = Element(node, findings)
    verb = Dial(
        targets=_targets(element),
        action=element.optional("action"),
        method=element.method(),
        timeout_s=element.integer("timeout", default=30, low=1, high=MAX_TIMEOUT_S),
        time_limit_s=element.integer("timeLimit", default=14_400, low=1, high=MAX_TIME_LIMIT_S),
        caller_id=element.word("callerId"),
        record=_record(element),
        hangup_on_star=element.boolean("hangupOnStar"),
        answer_on_bridge=element.boolean("answerOnBridge"),
        sequential=element.boolean("sequential"),
        ring_tone=element.word("ringTone"),
        place=node.place,
    )
    element.not_done(
        "trim",
        "recordingStatusCallback",
        "recordingStatusCallbackMethod",
        "recordingStatusCallbackEvent",
        "recordingConfigurationId",
        "recordingTrack",
        "referUrl",
        "referMethod",
        "events",
        "passports",
    )
    element.done(text=True)
    if not verb.targets:
        findings.warn(node.place, "", "names nobody to call")
    return verb


def _targets(element: Element) -> tuple[Target, ...]:
    targets: list[Target] = []
    if element.node.text:
        targets.append(_plain(element.node.text))
    for child in element.children(*_NOUNS, not_done=NOUNS_NOT_DONE):
        target = _READERS[child.name](child, element.findings)
        if target is not None:
            targets.append(target)
    if len(targets) > MOST_TARGETS:
        element.findings.warn(element.place, len(targets), f"only the first {MOST_TARGETS} are called")
    return tuple(targets[:MOST_TARGETS])


def _plain(text: str) -> Target:
    """A number, or what is plainly something else."""
    if text.lower().startswith(("sip:", "sips:")):
        return Sip(uri=text)
    if text.startswith("client:"):
        return Client(identity=text.removeprefix("client:"))
    return Number(number=text)


def _number(node: Node, findings: Findings) -> Number | None:
    element = Element(node, findings)
    target = Number(number=node.text, send_digits=element.word("sendDigits"), options=_options(element))
    element.not_done("byoc", *_MACHINE)
    _only(element)
    return target if _named(target.number, node, findings, "a telephone number") else None


def _sip(node: Node, findings: Findings) -> Sip | None:
    element = Element(node, findings)
    uri = node.text
    if uri and not uri.lower().startswith(("sip:", "sips:")):
        uri = f"sip:{uri}"
    target = Sip(
        uri=uri, username=element.text("username"), password=element.text("password"), options=_options(element)
    )
    element.not_done(*_MACHINE)
    _only(element, not_done=("Uri", "Headers"))
    if any(character.isspace() for character in uri):
        findings.warn(node.place, uri, "must be a SIP URI without spaces")
        return None
    return target if _named(uri, node, findings, "a SIP URI") else None


def _client(node: Node, findings: Findings) -> Client | None:
    element = Element(node, findings)
    identity = node.text
    for child in element.children("Identity", "Parameter"):
        if child.name == "Identity":
            identity = identity or child.text
            inner = Element(child, findings)
            _only(inner)
    target = Client(
        identity=identity.removeprefix("client:"), parameters=parameters(node, findings), options=_options(element)
    )
    element.done(text=True)
    return target if _named(target.identity, node, findings, "the name of a client") else None


_READERS = {"Number": _number, "Sip": _sip, "Client": _client}


def _options(element: Element) -> PartyOptions:
    return PartyOptions(
        url=element.word("url"),
        method=element.method(),
        status_callback=element.word("statusCallback"),
        status_callback_method=element.method("statusCallbackMethod"),
        status_callback_events=element.words("statusCallbackEvent", EVENTS, ("completed",)),
        place=element.place,
    )


def _record(element: Element) -> bool:
    text = element.word("record").lower()
    if text and text not in _RECORD:
        element.warn("record", f"must be one of {', '.join(_RECORD)}; the call is not recorded")
    return _RECORD.get(text, False)


def _only(element: Element, not_done: Sequence[str] = ()) -> None:
    for _ in element.children(not_done=not_done):
        pass
    element.done(text=True)


def _named(text: str, node: Node, findings: Findings, what: str) -> bool:
    if not text:
        findings.warn(node.place, "", f"must hold {what}")
    return bool(text)
