"""The compiled core behind the ports: converts, calls, converts back, and nothing else.

Only `cli` and the phone import this: everything else runs without the Rust core as well.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import wraps
from typing import Any, Literal, ParamSpec, TypeVar

from bridgetap import _engine
from bridgetap.errors import BridgetapError

from .core import Core
from .events import Event, LegStats, from_native, stats_from_native
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
    MediaConfig,
    PlayId,
    PromptId,
    RecordId,
    RequestId,
    SipConfig,
    TlsIdentity,
    Track,
    User,
)
from .ports import EngineError, IdentityUnusable, LegHandle

P = ParamSpec("P")
R = TypeVar("R")


def translated(command: Callable[P, R]) -> Callable[P, R]:
    """What the compiled core refuses is refused in our own words' tree."""

    @wraps(command)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except _engine.EngineError as error:
            raise EngineError(str(error)) from None

    return call


def open_core(sip: SipConfig, media: MediaConfig) -> Core:
    """Bind the sockets and start the threads; `EngineError` names what could not be bound."""
    events = _engine.Events()
    return Core(events=NativeEvents(events), sip=NativeSip(sip, events), media=NativeMedia(media, events))


class NativeEvents:
    """The queue up, read when its file descriptor says so."""

    def __init__(self, events: _engine.Events) -> None:
        self._events = events
        self._loop: asyncio.AbstractEventLoop | None = None

    def take(self, limit: int = 512) -> list[Event]:
        return [from_native(event) for event in self._events.take(limit)]

    def oldest_ms(self) -> int:
        return self._events.oldest_ms()

    def watch(self, news: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._events.fileno(), news)

    def unwatch(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._events.fileno())
        self._loop = None


class NativeSip:
    """The SIP thread."""

    @translated
    def __init__(self, config: SipConfig, events: _engine.Events) -> None:
        self._sip = _engine.Sip(_engine.SipConfig(**_keywords(config)), events)

    def addresses(self) -> list[str]:
        return self._sip.addresses()

    @translated
    def set_admission(self, *, trunks: Sequence[Admission], users: Sequence[User]) -> None:
        self._sip.set_admission(
            trunks=[_engine.Admission(network=trunk.network, trunk=trunk.trunk) for trunk in trunks],
            users=[_engine.User(username=user.username, ha1=user.ha1, ha1_sha256=user.ha1_sha256) for user in users],
        )

    @translated
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
    ) -> DialogId:
        return DialogId(
            self._sip.invite(
                target=target,
                from_=from_,
                to=to,
                headers=headers or [],
                body=body,
                credentials=_credentials(credentials),
                route=route or [],
                flow=flow,
                reliable=reliable,
                identity=None if identity is None else self._identity(identity),
            )
        )

    def _identity(self, identity: TlsIdentity) -> int:
        try:
            return self._sip.identity(**_keywords(identity))
        except _engine.EngineError as error:
            raise IdentityUnusable(str(error)) from None

    @translated
    def progress(
        self,
        dialog: DialogId,
        *,
        status: int,
        reason: str = "",
        headers: Headers | None = None,
        body: bytes = b"",
        reliable: bool = False,
    ) -> None:
        self._sip.progress(dialog, status=status, reason=reason, headers=headers or [], body=body, reliable=reliable)

    @translated
    def answer(self, dialog: DialogId, *, body: bytes, headers: Headers | None = None) -> None:
        self._sip.answer(dialog, body=body, headers=headers or [])

    @translated
    def reject(self, dialog: DialogId, *, status: int, reason: str = "", headers: Headers | None = None) -> None:
        self._sip.reject(dialog, status=status, reason=reason, headers=headers or [])

    @translated
    def ack(self, dialog: DialogId, *, body: bytes = b"") -> None:
        self._sip.ack(dialog, body=body)

    @translated
    def reoffer(
        self,
        dialog: DialogId,
        *,
        method: Literal["INVITE", "UPDATE"] = "INVITE",
        body: bytes = b"",
        headers: Headers | None = None,
    ) -> None:
        self._sip.reoffer(dialog, method=method, body=body, headers=headers or [])

    @translated
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
    ) -> RequestId:
        return RequestId(
            self._sip.request(
                method=method,
                dialog=dialog,
                target=target,
                from_=from_,
                to=to,
                headers=headers or [],
                body=body,
                content_type=content_type,
                credentials=_credentials(credentials),
                flow=flow,
                call_id=call_id,
                cseq=cseq,
            )
        )

    @translated
    def respond(
        self,
        request: RequestId,
        *,
        status: int,
        reason: str = "",
        headers: Headers | None = None,
        body: bytes = b"",
    ) -> None:
        self._sip.respond(request, status=status, reason=reason, headers=headers or [], body=body)

    @translated
    def hang_up(self, dialog: DialogId, *, headers: Headers | None = None) -> None:
        self._sip.hang_up(dialog, headers=headers or [])

    def refuse_new_calls(self) -> None:
        self._sip.refuse_new_calls()

    def stats(self) -> dict[str, int]:
        return self._sip.stats()

    def close(self) -> None:
        self._sip.close()


class NativeMedia:
    """The media threads."""

    @translated
    def __init__(self, config: MediaConfig, events: _engine.Events) -> None:
        self._media = _engine.Media(_engine.MediaConfig(**_keywords(config)), events)

    @translated
    def open_leg(self, *, address: str, label: str = "") -> LegHandle:
        return NativeLeg(self._media.open_leg(address=address, label=label))

    @translated
    def load_prompt(self, pcm: bytes, *, rate: int) -> PromptId:
        return PromptId(self._media.load_prompt(pcm, rate=rate))

    def drop_prompt(self, prompt: PromptId) -> None:
        self._media.drop_prompt(prompt)

    def stats(self) -> dict[str, int]:
        return self._media.stats()

    def close(self) -> None:
        self._media.close()


class NativeLeg:
    """One RTP leg."""

    def __init__(self, leg: _engine.Leg) -> None:
        self.handle = leg

    @property
    def id(self) -> LegId:
        return LegId(self.handle.id)

    @property
    def rtp_port(self) -> int:
        return self.handle.rtp_port

    @property
    def ssrc(self) -> int:
        return self.handle.ssrc

    @translated
    def configure(self, media: LegMedia) -> None:
        self.handle.configure(_engine.LegMedia(**_keywords(media)))

    @translated
    def play(self, prompts: Sequence[PromptId], *, loop: int = 1) -> PlayId:
        return PlayId(self.handle.play(list(prompts), loop=loop))

    def stop_play(self) -> None:
        self.handle.stop_play()

    @translated
    def bridge(self, other: LegHandle) -> None:
        if not isinstance(other, NativeLeg):
            raise MixedCores
        self.handle.bridge(other.handle)

    @translated
    def exchange(self, other: LegHandle) -> None:
        if not isinstance(other, NativeLeg):
            raise MixedCores
        self.handle.exchange(other.handle)

    def unbridge(self) -> None:
        self.handle.unbridge()

    @translated
    def copy(self, track: Track, to: LegHandle) -> None:
        if not isinstance(to, NativeLeg):
            raise MixedCores
        self.handle.copy(track, to.handle)

    def end_copy(self, to: LegHandle) -> None:
        if not isinstance(to, NativeLeg):
            raise MixedCores
        self.handle.end_copy(to.handle)

    @translated
    def beep(self) -> None:
        self.handle.beep()

    def end_beep(self) -> None:
        self.handle.end_beep()

    @translated
    def send_dtmf(self, digits: str, *, duration_ms: int = 100, gap_ms: int = 70) -> PlayId:
        return PlayId(self.handle.send_dtmf(digits, duration_ms=duration_ms, gap_ms=gap_ms))

    @translated
    def fork(self, target: ForkTarget) -> ForkId:
        endpoints = [_engine.ForkEndpoint(**_keywords(endpoint)) for endpoint in target.endpoints]
        return ForkId(self.handle.fork(_engine.ForkTarget(**(_keywords(target) | {"endpoints": endpoints}))))

    def stop_fork(self, fork: ForkId) -> None:
        self.handle.stop_fork(fork)

    @translated
    def tell_key(self, key: str) -> None:
        self.handle.tell_key(key)

    @translated
    def tell_fork(self, fork: ForkId, event: str, body: str) -> None:
        self.handle.tell_fork(fork, event, body)

    @translated
    def record(self, path: str, *, tracks: Sequence[Track]) -> RecordId:
        return RecordId(self.handle.record(path, tracks=list(tracks)))

    def stop_record(self, record: RecordId) -> None:
        self.handle.stop_record(record)

    def stats(self) -> LegStats | None:
        stats = self.handle.stats()
        return None if stats is None else stats_from_native(stats)

    def close(self) -> None:
        self.handle.close()


class MixedCores(BridgetapError):
    """A bridge or copy between a compiled leg and another kind: a bug of ours."""


def _credentials(credentials: Credentials | None) -> _engine.Credentials | None:
    if credentials is None:
        return None
    return _engine.Credentials(username=credentials.username, password=credentials.password)


def _keywords(value: Any) -> dict[str, Any]:
    """A dataclass as keyword arguments; sequences go down as lists, as the contract has them."""
    return {
        field.name: list(item)
        if isinstance(item := getattr(value, field.name), tuple) and field.name != "ports"
        else item
        for field in fields(value)
    }
