"""Tells a server how one call goes: initiated, ringing, answered, completed (spec/twilio §6.3)."""

from math import ceil

import structlog

from bridgetap.clock import Clock, rfc2822
from bridgetap.engine import IncomingCall
from bridgetap.errors import InvalidInput
from bridgetap.store import CallRecord
from bridgetap.twiml.effects import Callback as AskedCallback
from bridgetap.twiml.effects import CallCallback, CallEvent
from bridgetap.webhooks import Callback, CallbackSender, StatusCallback, WebhookUrl

from .voice_request import voice_parameters

log = structlog.get_logger(__name__)

SOURCE = "call-progress-events"
OK = 200


class StatusReports:
    """One call's. Without a callback nobody is told; it may come, and change, while the call lasts."""

    def __init__(
        self,
        *,
        callbacks: CallbackSender,
        clock: Clock,
        callback: CallCallback | None = None,
        invite: IncomingCall | None = None,
    ) -> None:
        self._to: StatusCallback | None = None
        self._events: tuple[CallEvent, ...] = ()
        self._callbacks = callbacks
        self._clock = clock
        self._invite = invite
        self._told = 0
        if callback is not None:
            self.watch(callback)

    def watch(self, callback: CallCallback) -> None:
        """Tell this server from now on."""
        self._to = status_callback(callback)
        self._events = callback.events

    def tell(self, event: CallEvent, call: CallRecord) -> None:
        """Durable: what is told here is sent even if the process is killed."""
        if self._to is None or event not in self._events:
            return
        parameters = voice_parameters(call, sip=self._invite)
        if event == "initiated":
            parameters["CallStatus"] = "initiated"
        parameters |= {
            "Timestamp": rfc2822(self._clock.now_ns()),
            "CallbackSource": SOURCE,
            "SequenceNumber": str(self._told),
        }
        if event == "completed":
            parameters |= _of_the_end(call)
        self._callbacks.put(
            Callback(
                line=call.sid,
                place=self._told,
                to=self._to,
                parameters=tuple(parameters.items()),
                call_sid=call.sid,
            )
        )
        self._told += 1


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
