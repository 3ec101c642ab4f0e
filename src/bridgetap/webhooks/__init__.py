"""Requests to other people's web servers: signed, within limits, and where it matters durable.

`WebhookClient` asks and waits for the answer (a document). `Outbox` takes what is only to be told (a
status callback) and sends it at least once, in order, across restarts.
"""

from bridgetap.settings import WebhookUrl

from .callback import Callback, CallbackRows, StatusCallback
from .client import Method, WebhookAnswer, WebhookClient, WebhookRequest, make_webhook_client
from .errors import WebhookFailed
from .outbox import CallbackRecords, Outbox, OutboxParts
from .ports import CallbackSender, Notifier, Sealed, WebhookSender
from .schedule import Limits
from .seal import Seal, Unreadable

__all__ = [
    "Callback",
    "CallbackRecords",
    "CallbackRows",
    "CallbackSender",
    "Limits",
    "Method",
    "Notifier",
    "Outbox",
    "OutboxParts",
    "Seal",
    "Sealed",
    "StatusCallback",
    "Unreadable",
    "WebhookAnswer",
    "WebhookClient",
    "WebhookFailed",
    "WebhookRequest",
    "WebhookSender",
    "WebhookUrl",
    "make_webhook_client",
]
