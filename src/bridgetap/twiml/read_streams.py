"""Reads Start, Stop and Connect with Stream and Siprec."""

from bridgetap.flow.stream_options import TWIML_NAMES, from_attributes

from .element import Element
from .markup import Node
from .problems import Findings
from .read_parameters import parameters
from .verbs import Connect, Siprec, Start, Stop, Stream, StreamNoun

NOUNS_NOT_DONE = ("Transcription", "Recording")
_CONNECT_NOT_DONE = (
    "Room",
    "Autopilot",
    "VirtualAgent",
    "Conversation",
    "ConversationRelay",
    "AiSession",
    "ConversationRelaySession",
)


def start(node: Node, findings: Findings) -> Start:
    element = Element(node, findings)
    verb = Start(nouns=_nouns(element), place=node.place)
    element.not_done("action", "method")
    element.done()
    return verb


def stop(node: Node, findings: Findings) -> Stop:
    element = Element(node, findings)
    verb = Stop(nouns=_nouns(element), place=node.place)
    element.done()
    return verb


def connect(node: Node, findings: Findings) -> Connect:
    element = Element(node, findings)
    streams = [stream(child, findings) for child in element.children("Stream", not_done=_CONNECT_NOT_DONE)]
    for extra in streams[1:]:
        findings.warn(extra.place, extra.url, "a call is connected to one stream at a time: the first counts")
    if not streams:
        findings.warn(node.place, "", "there is no <Stream> to connect to")
    verb = Connect(
        stream=streams[0] if streams else None,
        action=element.optional("action"),
        method=element.method(),
        place=node.place,
    )
    element.done()
    return verb


def stream(node: Node, findings: Findings) -> Stream:
    element = Element(node, findings)
    noun = Stream(
        url=element.word("url"),
        name=element.text("name"),
        track=element.word("track"),
        status_callback=element.word("statusCallback"),
        status_callback_method=element.method("statusCallbackMethod"),
        parameters=parameters(node, findings),
        options=from_attributes(element.written(*TWIML_NAMES), node.place),
        place=node.place,
    )
    element.not_done("connectorName", "audioFormat", "sampleRate")
    _only_parameters(element)
    return noun


def siprec(node: Node, findings: Findings) -> Siprec:
    element = Element(node, findings)
    noun = Siprec(
        name=element.text("name"),
        connector_name=element.word("connectorName"),
        track=element.word("track"),
        status_callback=element.word("statusCallback"),
        status_callback_method=element.method("statusCallbackMethod"),
        parameters=parameters(node, findings),
        place=node.place,
    )
    _only_parameters(element)
    return noun


def _nouns(element: Element) -> tuple[StreamNoun, ...]:
    nouns: list[StreamNoun] = [
        stream(child, element.findings) if child.name == "Stream" else siprec(child, element.findings)
        for child in element.children("Stream", "Siprec", not_done=NOUNS_NOT_DONE)
    ]
    if not nouns:
        element.findings.warn(element.place, "", "there is no <Stream> or <Siprec> in it")
    return tuple(nouns)


def _only_parameters(element: Element) -> None:
    for _ in element.children("Parameter"):
        pass
    element.done()
