"""Requests inside a call: keys go and are taken by INFO, what we do not do is refused by its proper status."""

import re

from bridgetap.engine import DialogId, RequestReceived, SipCore

_DTMF_RELAY = "application/dtmf-relay"
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
    if kind not in (_DTMF_RELAY, "application/dtmf"):
        sip.respond(request.request, status=415, headers=[("Accept", "application/dtmf-relay, application/dtmf")])
        return ""
    digit = read_digit(kind, request.body)
    sip.respond(request.request, status=200 if digit else 400)
    return digit


def send_keys(sip: SipCore, dialog: DialogId, digits: str) -> None:
    """One INFO a key; `w` and `W`, which are pauses, are left out."""
    for digit in digits:
        if digit not in "wW":
            body = f"Signal={digit}\r\nDuration=100\r\n".encode()
            sip.request(method="INFO", dialog=dialog, body=body, content_type=_DTMF_RELAY)


def read_digit(kind: str, body: bytes) -> str:
    """The key in an INFO's body, "" where there is none."""
    match = _RELAY.search(body) if kind == _DTMF_RELAY else _PLAIN.fullmatch(body)
    if match is None:
        return ""
    return _EVENTS.get(match[1]) or match[1].decode().upper()
