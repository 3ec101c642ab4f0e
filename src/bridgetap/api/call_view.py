"""A call as the REST API shows it (spec/twilio §5.4)."""

import re
from typing import Any

from bridgetap.clock import rfc2822
from bridgetap.ids import AccountSid
from bridgetap.store import CallRecord

API_VERSION = "2010-04-01"
SUBRESOURCES = {
    "events": "Events",
    "notifications": "Notifications",
    "payments": "Payments",
    "recordings": "Recordings",
    "siprec": "Siprec",
    "streams": "Streams",
    "transcriptions": "Transcriptions",
    "user_defined_message_subscriptions": "UserDefinedMessageSubscriptions",
    "user_defined_messages": "UserDefinedMessages",
}

_NORTH_AMERICAN = re.compile(r"\+1([2-9][0-9]{2})([2-9][0-9]{2})([0-9]{4})")


def calls_path(account: AccountSid) -> str:
    return f"/{API_VERSION}/Accounts/{account}/Calls.json"


def call_view(call: CallRecord) -> dict[str, Any]:
    """The JSON object. What has no meaning here (prices, groups) is null, as it is there for many."""
    below = f"/{API_VERSION}/Accounts/{call.account_sid}/Calls/{call.sid}"
    return {
        "sid": call.sid,
        "account_sid": call.account_sid,
        "parent_call_sid": call.parent_call_sid,
        "phone_number_sid": None,
        "date_created": rfc2822(call.created_ns),
        "date_updated": rfc2822(call.updated_ns),
        "start_time": _time(call.started_ns),
        "end_time": _time(call.ended_ns),
        "duration": None if call.duration_s is None else str(call.duration_s),
        "status": call.status,
        "direction": call.direction,
        "from": call.from_,
        "from_formatted": _formatted(call.from_),
        "to": call.to,
        "to_formatted": _formatted(call.to),
        "price": None,
        "price_unit": None,
        "answered_by": None,
        "forwarded_from": call.forwarded_from,
        "caller_name": call.caller_name,
        "group_sid": None,
        "trunk_sid": None,
        "queue_time": "0",
        "api_version": API_VERSION,
        "uri": f"{below}.json",
        "subresource_uris": {name: f"{below}/{part}.json" for name, part in SUBRESOURCES.items()},
    }


def audio_view(call: CallRecord) -> dict[str, Any]:
    """How the leg's audio came and went: ours."""
    return {
        "call_sid": call.sid,
        "account_sid": call.account_sid,
        "packets_received": call.packets_received,
        "packets_sent": call.packets_sent,
        "packets_lost": call.packets_lost,
        "jitter_ms": call.jitter_ms,
        "uri": f"/{API_VERSION}/Accounts/{call.account_sid}/Calls/{call.sid}/Audio.json",
    }


def _time(ns: int | None) -> str | None:
    return None if ns is None else rfc2822(ns)


def _formatted(number: str) -> str:
    """`(415) 867-5309` for North American numbers; any other as it is."""
    match = _NORTH_AMERICAN.fullmatch(number)
    return f"({match[1]}) {match[2]}-{match[3]}" if match else number
