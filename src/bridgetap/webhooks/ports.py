"""What others need from here, as Protocols: who asks, who is told to tell, and where a failure is noted."""

from typing import Literal, Protocol

from bridgetap.ids import CallSid, SiprecSid, StreamSid

from .callback import Callback, StatusCallback
from .client import WebhookAnswer, WebhookRequest


class WebhookSender(Protocol):
    """Asks a web server and waits."""

    async def send(self, request: WebhookRequest, *, timeout_s: float, max_bytes: int) -> WebhookAnswer:
        """The answer, whatever its status; `WebhookFailed` where there is none."""
        ...


class CallbackSender(Protocol):
    """Sends a callback at least once, in order in its line. Returns at once, never raises."""

    def put(self, callback: Callback) -> None: ...

    def gauges(self) -> dict[str, float]:
        """Figures for `/metrics`."""
        ...


class Sealed(Protocol):
    """How an address is kept in a row."""

    def close(self, to: StatusCallback) -> str: ...


class Notifier(Protocol):
    """The notification log that operators and the REST API read (spec/twilio §5.4)."""

    def notify(
        self,
        *,
        level: Literal["warning", "error"],
        code: int,
        message: str,
        call_sid: CallSid,
        stream_sid: StreamSid | SiprecSid | None = None,
    ) -> None: ...
