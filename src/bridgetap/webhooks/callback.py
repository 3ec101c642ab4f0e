"""A callback, and the row that it waits in."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from bridgetap.clock import Clock
from bridgetap.ids import AccountSid, CallSid, SiprecSid, StreamSid
from bridgetap.settings import WebhookUrl
from bridgetap.store import CallbackRecord

from .client import Method
from .seal import Seal


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusCallback:
    """Where somebody wants to be told of a stream's or a call's life."""

    url: WebhookUrl
    method: Method = "POST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """Something to tell a web server. Callbacks of one `line` are sent in their order."""

    line: str  # a stream's or call's SID
    place: int  # within the line; a line has one callback for each
    to: StatusCallback
    parameters: tuple[tuple[str, str], ...] = field(repr=False)
    call_sid: CallSid
    stream_sid: StreamSid | SiprecSid | None = None

    @property
    def id(self) -> str:
        return f"{self.line}/{self.place}"


class CallbackRows:
    """Makes rows of callbacks, and callbacks of rows; what may be secret is sealed in between."""

    def __init__(self, *, seal: Seal, clock: Clock, entropy: Callable[[int], bytes], account_sid: AccountSid) -> None:
        self._seal = seal
        self._clock = clock
        self._entropy = entropy
        self._account_sid = account_sid

    def row(self, callback: Callback) -> CallbackRecord:
        """A new row, not written yet."""
        return CallbackRecord(
            id=callback.id,
            line=callback.line,
            place=callback.place,
            token=self._entropy(16).hex(),
            sealed=self._seal.close([str(callback.to.url), callback.to.method, callback.parameters]),
            account_sid=self._account_sid,
            call_sid=callback.call_sid,
            stream_sid=callback.stream_sid,
            created_ns=self._clock.now_ns(),
        )

    def callback(self, row: CallbackRecord) -> Callback:
        """What a row holds; `Unreadable` where another token sealed it."""
        url, method, parameters = cast("tuple[str, Method, list[list[str]]]", self._seal.open(row.sealed))
        return Callback(
            line=row.line,
            place=row.place,
            to=StatusCallback(url=WebhookUrl.parse(url), method=method),
            parameters=tuple((name, value) for name, value in parameters),
            call_sid=row.call_sid,
            stream_sid=row.stream_sid,
        )

    def close(self, to: StatusCallback) -> str:
        """An address alone, for the row of what it will be told of."""
        return self._seal.close([str(to.url), to.method])

    def open(self, sealed: str) -> StatusCallback:
        """That address again; `Unreadable` where another token sealed it."""
        url, method = cast("tuple[str, Method]", self._seal.open(sealed))
        return StatusCallback(url=WebhookUrl.parse(url), method=method)
