"""Tells a server how one call goes: initiated, ringing, answered, completed (spec/twilio §6.3)."""

from math import ceil

import structlog

from bridgetap.clock import Clock, rfc2822
from bridgetap.engine import IncomingCall
from bridgetap.errors import BridgetapError, InvalidInput
from bridgetap.store import CallbackRecord, CallRecord
from bridgetap.twiml.effects import Callback as AskedCallback
from bridgetap.twiml.effects import CallCallback, CallEvent
from bridgetap.webhooks import Callback, CallbackRows, CallbackSender, Sealed, StatusCallback, Unreadable, WebhookUrl

from .voice_request import voice_parameters

log = structlog.get_logger(__name__)

SOURCE = "call-progress-events"
OK = 200
# Its place in the call's line, the same in every process that tells it.
PLACES: dict[CallEvent, int] = {"initiated": 0, "ringing": 1, "answered": 2, "completed": 3}


class StatusReports:
    """One call's. Without a callback nobody is told; it may come, and change, while the call lasts."""

    def __init__(
        self, *, callbacks: CallbackSender, clock: Clock, sealed: Sealed, invite: IncomingCall | None = None
    ) -> None:
        self._to: StatusCallback | None = None
        self._events: tuple[CallEvent, ...] = ()
        self._callbacks = callbacks
        self._clock = clock
        self._sealed = sealed
        self._invite = invite
        self._told = 0

    def watch(self, callback: CallCallback) -> str:
        """Tell this server from now on. What the call's row keeps of it, so that its end is told even if
        the process is killed; "" where nobody wants to know of that."""
        self._to = status_callback(callback)
        self._events = callback.events
        return self._sealed.close(self._to) if self._to and "completed" in self._events else ""

    def tell(self, event: CallEvent, call: CallRecord) -> None:
        """Durable: what is told here is sent even if the process is killed. A report that cannot be made
        is logged: it never harms the call it tells of."""
        if self._to is None or event not in self._events:
            return
        now_ns = self._clock.now_ns()
        try:
            parameters = voice_parameters(call, sip=self._invite)
            self._callbacks.put(_callback(event, call, self._to, parameters, sequence=self._told, at_ns=now_ns))
        except BridgetapError as error:
            log.error("callback.unmade", call_sid=call.sid, about=event, error=str(error))
            return
        self._told += 1


class LastWords:
    """The end of a call that a killed process left open, as a callback still to be sent."""

    def __init__(self, rows: CallbackRows) -> None:
        self._rows = rows

    def __call__(self, call: CallRecord) -> CallbackRecord | None:
        """None where nobody wants to know, or the address cannot be read any more. How many were told
        before is not known any more: it counts as the last of all."""
        if not call.callback:
            return None
        try:
            to = self._rows.open(call.callback)
        except (Unreadable, InvalidInput) as error:
            log.error("callback.unreadable", call_sid=call.sid, error=str(error))
            return None
        parameters = voice_parameters(call, sip=None)
        at_ns = call.ended_ns or call.updated_ns
        last = PLACES["completed"]
        return self._rows.row(_callback("completed", call, to, parameters, sequence=last, at_ns=at_ns))


def _callback(
    event: CallEvent, call: CallRecord, to: StatusCallback, parameters: dict[str, str], *, sequence: int, at_ns: int
) -> Callback:
    if event == "initiated":
        parameters["CallStatus"] = "initiated"
    parameters |= {"Timestamp": rfc2822(at_ns), "CallbackSource": SOURCE, "SequenceNumber": str(sequence)}
    if event == "completed":
        parameters |= _of_the_end(call)
    return Callback(line=call.sid, place=PLACES[event], to=to, parameters=tuple(parameters.items()), call_sid=call.sid)


def status_callback(asked: AskedCallback) -> StatusCallback | None:
    """Where somebody is told; None, and a line in the log, for a URL that can be resolved and not called."""
    try:
        return StatusCallback(url=WebhookUrl.parse(asked.url), method=asked.method)
    except InvalidInput as error:
        log.warning("callback.url_invalid", rule=error.rule)
        return None


def _of_the_end(call: CallRecord) -> dict[str, str]:
    seconds = call.duration_s or 0
    status = call.sip_status or (OK if call.answered_ns is not None else None)
    parameters = {"CallDuration": str(seconds), "Duration": str(ceil(seconds / 60))}
    return parameters if status is None else parameters | {"SipResponseCode": str(status)}
