"""What Python asks of the core, as Protocols: the compiled core and the fake both satisfy them.

The words are those of `_engine.pyi`, which says what each command does and what comes of it.
"""

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from bridgetap.errors import BridgetapError

from .events import Event, LegStats
from .handles import (
    Admission,
    Credentials,
    DialogId,
    FlowId,
    ForkId,
    ForkTarget,
    Headers,
    LegId,
    LegMedia,
    PlayId,
    PromptId,
    RecordId,
    RequestId,
    TlsIdentity,
    Track,
    User,
)


class EngineError(BridgetapError):
    """What the core refused, with the place, the value and the rule in its text."""


class IdentityUnusable(EngineError):
    """TLS files that no call can be made with: one is gone, or is not what it should be."""


class EventSource(Protocol):
    """The queue up."""

    def take(self, limit: int = 512) -> list[Event]: ...
    def oldest_ms(self) -> int: ...

    def watch(self, news: Callable[[], None]) -> None:
        """Call `news` on the running loop whenever there is something to take."""

    def unwatch(self) -> None: ...


class SipCore(Protocol):
    """The SIP thread."""

    def addresses(self) -> list[str]: ...
    def set_admission(self, *, trunks: Sequence[Admission], users: Sequence[User]) -> None: ...
    def invite(
        self,
        *,
        target: str,
        from_: str,
        to: str,
        headers: Headers | None = None,
        body: bytes = b"",
        credentials: Credentials | None = None,
        route: list[str] | None = None,
        flow: FlowId | None = None,
        reliable: Literal["supported", "required", "off"] = "supported",
        identity: TlsIdentity | None = None,
    ) -> DialogId: ...
    def progress(
        self,
        dialog: DialogId,
        *,
        status: int,
        reason: str = "",
        headers: Headers | None = None,
        body: bytes = b"",
        reliable: bool = False,
    ) -> None: ...
    def answer(self, dialog: DialogId, *, body: bytes, headers: Headers | None = None) -> None: ...
    def reject(self, dialog: DialogId, *, status: int, reason: str = "", headers: Headers | None = None) -> None: ...
    def ack(self, dialog: DialogId, *, body: bytes = b"") -> None: ...
    def reoffer(
        self,
        dialog: DialogId,
        *,
        method: Literal["INVITE", "UPDATE"] = "INVITE",
        body: bytes = b"",
        headers: Headers | None = None,
    ) -> None: ...
    def request(
        self,
        *,
        method: str,
        dialog: DialogId | None = None,
        target: str = "",
        from_: str = "",
        to: str = "",
        headers: Headers | None = None,
        body: bytes = b"",
        content_type: str = "",
        credentials: Credentials | None = None,
        flow: FlowId | None = None,
        call_id: str = "",
        cseq: int = 0,
    ) -> RequestId: ...
    def respond(
        self,
        request: RequestId,
        *,
        status: int,
        reason: str = "",
        headers: Headers | None = None,
        body: bytes = b"",
    ) -> None: ...
    def hang_up(self, dialog: DialogId, *, headers: Headers | None = None) -> None: ...
    def refuse_new_calls(self) -> None: ...
    def stats(self) -> dict[str, int]: ...
    def close(self) -> None: ...


class LegHandle(Protocol):
    """One RTP leg; a media thread owns the leg itself."""

    @property
    def id(self) -> LegId: ...
    @property
    def rtp_port(self) -> int: ...
    @property
    def ssrc(self) -> int: ...
    def configure(self, media: LegMedia) -> None: ...
    def play(self, prompts: Sequence[PromptId], *, loop: int = 1) -> PlayId: ...
    def stop_play(self) -> None: ...

    def bridge(self, other: "LegHandle") -> None: ...
    def exchange(self, other: "LegHandle") -> None: ...
    def unbridge(self) -> None: ...
    def copy(self, track: Track, to: "LegHandle") -> None: ...
    def end_copy(self, to: "LegHandle") -> None: ...
    def beep(self) -> None: ...
    def end_beep(self) -> None: ...
    def send_dtmf(self, digits: str, *, duration_ms: int = 100, gap_ms: int = 70) -> PlayId: ...
    def fork(self, target: ForkTarget) -> ForkId: ...
    def stop_fork(self, fork: ForkId) -> None: ...
    def tell_key(self, key: str) -> None: ...
    def tell_fork(self, fork: ForkId, event: str, body: str) -> None: ...
    def record(self, path: str, *, tracks: Sequence[Track]) -> RecordId: ...
    def stop_record(self, record: RecordId) -> None: ...
    def stats(self) -> LegStats | None: ...
    def close(self) -> None: ...


class MediaCore(Protocol):
    """The media threads."""

    def open_leg(self, *, address: str, label: str = "") -> LegHandle: ...
    def load_prompt(self, pcm: bytes, *, rate: int) -> PromptId: ...
    def drop_prompt(self, prompt: PromptId) -> None: ...
    def stats(self) -> dict[str, int]: ...
    def close(self) -> None: ...
