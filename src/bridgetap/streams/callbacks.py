"""What a server is told of a stream's life: started once its far end takes it, and one end. A WebSocket's and a
recorder's stream are told in the same words, each under its own names (`StreamSid`, `SiprecSid` …)."""

import structlog

from bridgetap.clock import iso8601_nanoseconds
from bridgetap.errors import InvalidInput
from bridgetap.store import CallbackRecord, StreamRecord
from bridgetap.webhooks import Callback, CallbackRows, StatusCallback, Unreadable

from .life import is_error
from .messages import code_of, message_of

log = structlog.get_logger(__name__)

STARTED, ENDED = 0, 1  # their places in the stream's line: an end has the same in every process that tells it


def stream_started(stream: StreamRecord, to: StatusCallback, *, at_ns: int) -> Callback:
    """The far end answered 101, or a recorder 200."""
    return _callback(stream, to, STARTED, "started", at_ns)


def stream_ended(stream: StreamRecord, to: StatusCallback) -> Callback:
    """The end that stands in the row: `…-stopped`, or `…-error` with what went wrong."""
    at_ns = stream.ended_ns or stream.updated_ns
    if not is_error(stream.end_reason or "", stream.close_code or 0, stream.transport):
        return _callback(stream, to, ENDED, "stopped", at_ns)
    error = message_of(stream.end_reason or "", stream.code or 0, stream.detail)
    if stream.transport == "siprec":
        code = str(code_of(stream.code or 0))
        return _callback(stream, to, ENDED, "error", at_ns, ("SiprecError", error), ("SiprecErrorCode", code))
    return _callback(stream, to, ENDED, "error", at_ns, ("StreamError", error))


class LastWords:
    """The end of a stream that a killed process left open, as a callback still to be sent."""

    def __init__(self, rows: CallbackRows) -> None:
        self._rows = rows

    def __call__(self, stream: StreamRecord) -> CallbackRecord | None:
        """None where nobody wants to know, or the address cannot be read any more."""
        if not stream.callback:
            return None
        try:
            to = self._rows.open(stream.callback)
        except (Unreadable, InvalidInput) as error:
            log.error("callback.unreadable", stream_sid=stream.sid, error=str(error))
            return None
        return self._rows.row(stream_ended(stream, to))


WORDS = {"websocket": "Stream", "siprec": "Siprec"}


def _callback(
    stream: StreamRecord, to: StatusCallback, place: int, event: str, at_ns: int, *more: tuple[str, str]
) -> Callback:
    word = WORDS[stream.transport]
    return Callback(
        line=stream.sid,
        place=place,
        to=to,
        parameters=(
            ("AccountSid", stream.account_sid),
            ("CallSid", stream.call_sid),
            (f"{word}Sid", stream.sid),
            (f"{word}Name", stream.name),
            (f"{word}Event", f"{word.lower()}-{event}"),
            ("Timestamp", iso8601_nanoseconds(at_ns)),
            *more,
        ),
        call_sid=stream.call_sid,
        stream_sid=stream.sid,
    )
