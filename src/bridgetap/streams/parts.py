"""What every stream is made with."""

from collections.abc import Callable
from dataclasses import dataclass

from bridgetap.clock import Clock
from bridgetap.engine import Core
from bridgetap.ids import AccountSid
from bridgetap.webhooks import CallbackSender, Notifier, Sealed

from .policy import StreamPolicy
from .ports import StreamRecords
from .recorders import Recorders
from .websocket import Sign


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamParts:
    """The server around a stream."""

    core: Core
    records: StreamRecords
    notifier: Notifier
    callbacks: CallbackSender
    sealed: Sealed
    clock: Clock
    entropy: Callable[[int], bytes]
    sign: Sign
    account_sid: AccountSid
    policy: StreamPolicy
    recorders: Recorders | None = None  # None: there is no connector
