"""The parameters of a voice request: what a document's server is told, and a flow sees as `trigger.call.*`
(spec/twilio §6.2)."""

from collections.abc import Mapping

from bridgetap.engine import IncomingCall
from bridgetap.errors import InvalidInput
from bridgetap.store import CallRecord

from .addresses import NameAddr, header
from .routing import shown_party

API_VERSION = "2010-04-01"
PARTIES = ("From", "To", "Caller", "Called")
PLACES = ("City", "State", "Zip", "Country")


def voice_parameters(call: CallRecord, *, sip: IncomingCall | None) -> dict[str, str]:
    """What is told of a call as it stands. `sip` is the INVITE that brought it, where there was one."""
    parameters = {
        "AccountSid": call.account_sid,
        "ApiVersion": API_VERSION,
        "CallSid": call.sid,
        "CallStatus": call.status,
        "Direction": call.direction,
        "From": call.from_,
        "To": call.to,
        "Caller": call.from_,
        "Called": call.to,
    }
    parameters |= {f"{party}{place}": "" for party in PARTIES for place in PLACES}
    if call.parent_call_sid is not None:
        parameters["ParentCallSid"] = call.parent_call_sid
    if call.caller_name:
        parameters["CallerName"] = call.caller_name
    if sip is not None:
        parameters |= _sip_parameters(sip)
    return parameters


def _sip_parameters(call: IncomingCall) -> Mapping[str, str]:
    parameters = {
        "SipCallId": call.call_id,
        "SipDomain": _domain(call.to),
        "SipSourceIp": call.source.rpartition(":")[0].strip("[]"),
    }
    if call.user is not None:
        parameters["SipUsername"] = call.user
    for name, value in call.headers:
        if name.lower().startswith("x-"):
            parameters.setdefault(f"SipHeader_{name}", value)
    if (forwarded := forwarded_from(call)) is not None:
        parameters["ForwardedFrom"] = forwarded
    return parameters


def _domain(to: str) -> str:
    """Nothing where To names no host: routing goes by the Request-URI, such a call may be talking already."""
    try:
        return NameAddr.parse(to).uri.host
    except InvalidInput:
        return ""


def forwarded_from(call: IncomingCall) -> str | None:
    """Who sent the call on to us (RFC 5806), where an exchange says so."""
    diversion = header(call.headers, "Diversion")
    if diversion is None:
        return None
    try:
        return shown_party(NameAddr.parse(diversion).uri)
    except InvalidInput:
        return diversion
