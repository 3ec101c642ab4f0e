"""What others need from here, as Protocols: who asks, and who is told to tell."""

from typing import Protocol

from .callback import Callback
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
