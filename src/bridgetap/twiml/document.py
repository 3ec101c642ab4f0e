"""A document, from bytes to verbs: the edge behind which a verb that exists is a good one.

    document = Document.parse(body, content_type="text/xml; charset=utf-8")
    document.verbs, document.warnings

What Twilio cannot run either raises `InvalidTwiml` with its code; anything else is a warning with
its place, and the rest of the document is run (spec/twilio §3.6).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bridgetap.errors import InvalidTwiml

from .content_type import ContentType
from .effects import MAX_DOCUMENT, RejectReason
from .element import Element
from .markup import Node, parse_markup
from .problems import MOST_SHOWN, OURS, Findings, TwimlProblem, nearest
from .read_dial import dial
from .read_prompts import gather, pause, play, say
from .read_streams import connect, start, stop
from .verbs import Hangup, Play, Redirect, Reject, Say, Verb

TOO_LARGE = 11750
EMPTY = 11770
NO_RESPONSE = 12102

REASONS: Mapping[str, RejectReason] = {"rejected": "rejected", "busy": "busy"}
VERBS_NOT_DONE = ("Record", "Enqueue", "Leave", "Queue", "Sms", "Message", "Pay", "Prompt", "Refer", "Echo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What is to be done, in order."""

    verbs: tuple[Verb, ...]
    warnings: tuple[TwimlProblem, ...] = ()

    @classmethod
    def parse(cls, body: bytes, *, content_type: str = "text/xml", url: str = "") -> "Document":
        """An answer to a voice request. `url` is where it came from: of audio, what is played.
        Raises `InvalidTwiml`."""
        if not content_type.lower().lstrip().startswith("audio/"):
            _within_limits(body)  # what is empty needs no type to be told so
        kind = ContentType.parse(content_type)
        if kind.kind == "audio":
            return cls(verbs=(Play(url=url, place="Response/Play"),))
        if kind.kind == "text":
            return cls(verbs=(Say(text=_decoded(body, kind.charset), place="Response/Say"),))
        return _read(parse_markup(body, charset=kind.charset))

    @classmethod
    def parse_text(cls, text: str) -> "Document":
        """A document that came as a text (`Twiml` of the REST API): no encoding that it declares
        counts. Raises `InvalidTwiml`."""
        body = text.encode(errors="replace")
        _within_limits(body)
        return _read(parse_markup(body, charset="utf-8"))


def _within_limits(body: bytes) -> None:
    if len(body) > MAX_DOCUMENT:
        raise InvalidTwiml("document", f"{len(body)} bytes", f"must be at most {MAX_DOCUMENT} bytes", code=TOO_LARGE)
    if not body.strip():
        raise InvalidTwiml("document", "", "is empty; <Response/> is the least", code=EMPTY)


def _decoded(body: bytes, charset: str) -> str:
    try:
        return body.decode(charset or "utf-8", errors="replace").strip()
    except (LookupError, ValueError):  # a charset that nobody knows, or that is none for texts
        return body.decode(errors="replace").strip()


def _read(root: Node) -> Document:
    if root.name != "Response":
        name, hint = root.name[:MOST_SHOWN], nearest(root.name, ("Response",))
        raise InvalidTwiml(name, f"<{name}>", f"the root must be <Response>{hint}", code=NO_RESPONSE)
    findings = Findings()
    element = Element(root, findings)
    element.done()
    verbs = tuple(_VERBS[child.name](child, findings) for child in _verbs(root, findings))
    return Document(verbs=verbs, warnings=tuple(findings.all()))


def _verbs(root: Node, findings: Findings) -> list[Node]:
    found = []
    for child in root.children:
        if child.name in _VERBS:
            found.append(child)
        elif child.name in VERBS_NOT_DONE:
            findings.warn(
                child.place, f"<{child.name}>", "Bridgetap does not have this verb yet; it is left out", code=OURS
            )
        else:
            rule, known = "unknown verb; it is left out", (*_VERBS, *VERBS_NOT_DONE)
            findings.unknown(child.place, f"<{child.name}>", rule, name=child.name, known=known)
    return found


def _redirect(node: Node, findings: Findings) -> Redirect:
    element = Element(node, findings)
    verb = Redirect(url=node.text, method=element.method(), place=node.place)
    _nothing_else(element, text=True)
    return verb


def _hangup(node: Node, findings: Findings) -> Hangup:
    _nothing_else(Element(node, findings), not_done="Parameter")
    return Hangup(place=node.place)


def _reject(node: Node, findings: Findings) -> Reject:
    element = Element(node, findings)
    verb = Reject(reason=element.choice("reason", REASONS, "rejected"), place=node.place)
    _nothing_else(element, not_done="Parameter")
    return verb


def _nothing_else(element: Element, *, text: bool = False, not_done: str = "") -> None:
    for _ in element.children(not_done=(not_done,) if not_done else ()):
        pass
    element.done(text=text)


_VERBS: Mapping[str, Callable[[Node, Findings], Verb]] = {
    "Say": say,
    "Play": play,
    "Pause": pause,
    "Gather": gather,
    "Dial": dial,
    "Redirect": _redirect,
    "Hangup": _hangup,
    "Reject": _reject,
    "Start": start,
    "Stop": stop,
    "Connect": connect,
}
