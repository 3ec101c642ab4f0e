"""A stream as the REST API shows it (spec/twilio §5.2), and what we know beyond that."""

from typing import Any, Literal, TypeAlias

from bridgetap.clock import rfc2822
from bridgetap.store import StreamRecord

from .call_view import API_VERSION

StreamStatus: TypeAlias = Literal["in-progress", "paused", "stopped"]  # paused: ours, and of recordings alone
COLLECTIONS = {"websocket": "Streams", "siprec": "Siprec"}


def stream_view(stream: StreamRecord, status: StreamStatus) -> dict[str, Any]:
    """What Twilio answers: these seven members and no other."""
    path = streams_path(stream.account_sid, stream.call_sid, COLLECTIONS[stream.transport])
    return {
        "sid": stream.sid,
        "account_sid": stream.account_sid,
        "call_sid": stream.call_sid,
        "name": None if stream.name == stream.sid else stream.name,
        "status": status,
        "date_updated": rfc2822(stream.updated_ns),
        "uri": f"{path}/{stream.sid}.json",
    }


def detailed_view(stream: StreamRecord, status: StreamStatus) -> dict[str, Any]:
    """Where Twilio has no answer at all: its members, then ours. A URL's query and the values of
    parameters are nowhere."""
    return {
        **stream_view(stream, status),
        "date_created": rfc2822(stream.created_ns),
        "date_opened": None if stream.opened_ns is None else rfc2822(stream.opened_ns),
        "date_ended": None if stream.ended_ns is None else rfc2822(stream.ended_ns),
        "transport": stream.transport,
        "url": stream.url,
        "connector": stream.connector,
        "tracks": list(stream.tracks),
        "parameter_names": list(stream.parameter_names),
        "connect_ms": stream.connect_ms,
        "end_reason": stream.end_reason,
        "error_code": stream.code,
        "close_code": stream.close_code,
        "detail": stream.detail,
        "frames_sent": stream.frames_sent,
        "ms_sent": stream.ms_sent,
        "ms_repaired": stream.ms_repaired,
        "ms_dropped": stream.ms_dropped,
        "lag_max_ms": stream.lag_max_ms,
    }


def streams_path(account_sid: str, call_sid: str, collection: str) -> str:
    return f"/{API_VERSION}/Accounts/{account_sid}/Calls/{call_sid}/{collection}"
