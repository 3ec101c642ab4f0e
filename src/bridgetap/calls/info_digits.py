"""Requests inside a call: keys by INFO are taken, what we do not do is refused by its proper status."""

import re

from bridgetap.engine import RequestReceived, SipCore

_RELAY = re.compile(rb"Signal\s*=\s*([0-9A-Da-d*#]|1[01])\s*(?:\r?\n|$)", re.IGNORECASE)
_PLAIN = re.compile(rb"\s*([0-9A-Da-d*#]|1[01])\s*")
_EVENTS = {b"10": "*", b"11": "#"}  # some write RFC 4733's event numbers

REFUSALS = {  # method → status; OPTIONS, BYE, PRACK and CANCEL never get here
    "REFER": 603,  # of a call that is not up
    "NOTIFY": 489,  # RFC 6665 §8.3.2: there is no subscription
    "SUBSCRIBE": 489,
    "MESSAGE": 405,
}


def answer_in_dialog(sip: SipCore, request: RequestReceived) -> str:
    """Answer the request; returns the key it carried, or ""."""
    if request.method != "INFO":
        sip.respond(request.request, status=REFUSALS.get(request.method, 501))
        return ""
    kind = request.content_type.split(";", 1)[0].strip().lower()
    if not request.body:
        sip.respond(request.request, status=200)  # RFC 6086 §4.2.2: an empty INFO is a keep-alive
        return ""
    if kind not in ("application/dtmf-relay", "application/dtmf"):
        sip.respond(request.request, status=415, headers=[("Accept", "application/dtmf-relay, application/dtmf")])
        return ""
    digit = read_digit(kind, request.body)
    sip.respond(request.request, status=200 if digit else 400)
    return digit


def read_digit(kind: str, body: bytes) -> str:
    """The key in an INFO's body, "" where there is none."""
    match = _RELAY.search(body) if kind == "application/dtmf-relay" else _PLAIN.fullmatch(body)
    if match is None:
        return ""
    return _EVENTS.get(match[1]) or match[1].decode().upper()
