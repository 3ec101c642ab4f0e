"""Tells a server how one call goes: initiated, ringing, answered, completed (spec/twilio §6.3)."""

from math import ceil

from bridgetap.clock import Clock, rfc2822
from bridgetap.engine import IncomingCall
from bridgetap.store import CallRecord
from bridgetap.twiml.effects import CallCallback, CallEvent
from bridgetap.webhooks import Callback, CallbackSender, WebhookUrl

from .voice_request import voice_parameters

SOURCE = "call-progress-events"
OK = 200


class StatusReports:
    """One call's. Without `callback` nobody is told; it may come, and change, while the call lasts."""

    def __init__(
        self,
        *,
        callbacks: CallbackSender,
        clock: Clock,
        callback: CallCallback | None = None,
        invite: IncomingCall | None = None,
    ) -> None:
        self.callback = callback
        self._callbacks = callbacks
        self._clock = clock
        self._invite = invite
        self._told = 0

    def tell(self, event: CallEvent, call: CallRecord) -> None:
        """Durable: what is told here is sent even if the process is killed. A URL that is none is told nothing."""
        callback = self.callback
        if callback is None or event not in callback.events:
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
                url=WebhookUrl.parse(callback.url, place="StatusCallback"),
                method=callback.method,
                parameters=tuple(parameters.items()),
                call_sid=call.sid,
            )
        )
        self._told += 1


def _of_the_end(call: CallRecord) -> dict[str, str]:
    seconds = call.duration_s or 0
    status = call.sip_status or (OK if call.answered_ns is not None else None)
    parameters = {"CallDuration": str(seconds), "Duration": str(ceil(seconds / 60))}
    return parameters if status is None else parameters | {"SipResponseCode": str(status)}
