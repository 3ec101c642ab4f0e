"""What streams need from the store, as Protocols."""

from dataclasses import dataclass
from typing import Literal, Protocol

from bridgetap.flow.effects import Track, Transport
from bridgetap.ids import CallSid, SiprecSid, StreamSid

from .life import End


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStream:
    """A stream's row as it is first written."""

    sid: StreamSid | SiprecSid
    call_sid: CallSid
    name: str
    transport: Transport
    url: str  # without userinfo, which the parser refuses
    tracks: tuple[Track, ...]
    created_ns: int


class StreamRecords(Protocol):
    """Where streams are written down."""

    async def created(self, stream: NewStream) -> None:
        """Returns when the row is committed: its end then survives a killed process."""

    def opened(self, sid: StreamSid | SiprecSid, *, at_ns: int, connect_ms: float) -> None:
        """Returns at once."""

    def ended(self, sid: StreamSid | SiprecSid, *, at_ns: int, end: End) -> None:
        """Returns at once; the writer has it in order after `created`."""


class Notifier(Protocol):
    """The notification log that operators and the REST API read (spec/twilio §5.4)."""

    def notify(self, *, call_sid: CallSid, level: Literal["warning", "error"], code: int, message: str) -> None: ...
