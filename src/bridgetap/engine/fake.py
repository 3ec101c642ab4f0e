"""A core made of Python: it writes down what it was told, and a test says what happens next.

    core, fake = fake_core()
    core.start()
    fake.push(IncomingCall(dialog=DialogId(1), …))
    assert fake.sip.sent("answer")[0]["dialog"] == 1

It has no SIP, no RTP and no time of its own. What the real core promises is kept: every dialog,
leg and fork ends once, and a command on something that is gone does nothing.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

from .core import Core
from .events import CallEnded, Cause, Event, ForkEnd, ForkEnded, LegClosed, LegStats, PlayEnded
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
    Track,
    User,
)
from .ports import LegHandle


def fake_core() -> tuple[Core, "Fake"]:
    """A `Core` on a fake, and the fake."""
    fake = Fake()
    return Core(events=fake.events, sip=fake.sip, media=fake.media), fake


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command: its name and arguments. `of` is the dialog, leg or request it was for."""

    name: str
    of: int | None
    args: dict[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.args[key]


class Fake:
    """The whole fake: `log` holds every command to SIP and media in the order they came."""

    def __init__(self) -> None:
        self.log: list[Command] = []
        self.events = FakeEvents()
        self.sip = FakeSip(self)
        self.media = FakeMedia(self)

    def push(self, *events: Event) -> None:
        """These happened; the loop's next turn hands them out."""
        self.events.push(*events)

    def note(self, name: str, of: int | None = None, **args: Any) -> None:
        self.log.append(Command(name=name, of=of, args=args))

    def names(self) -> list[str]:
        """The commands' names, in order."""
        return [command.name for command in self.log]

    def sent(self, name: str) -> list[Command]:
        """Every command of that name."""
        return [command for command in self.log if command.name == name]


class FakeEvents:
    """The queue up."""

    def __init__(self) -> None:
        self.waiting: list[Event] = []
        self.age_ms = 0
        self._news: Callable[[], None] | None = None

    def push(self, *events: Event) -> None:
        self.waiting.extend(events)
        if self._news is not None:
            asyncio.get_running_loop().call_soon(self._news)

    def take(self, limit: int = 512) -> list[Event]:
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return taken

    def oldest_ms(self) -> int:
        return self.age_ms

    def watch(self, news: Callable[[], None]) -> None:
        self._news = news

    def unwatch(self) -> None:
        self._news = None


class FakeSip:
    """The SIP thread."""

    def __init__(self, fake: Fake) -> None:
        self._fake = fake
        self._ids = count(1001)
        self.bound = ["udp://127.0.0.1:5060"]
        self.open: set[DialogId] = set()
        self.refusing = False
        self.closed = False
        self.admission: tuple[list[Admission], list[User]] = ([], [])

    def addresses(self) -> list[str]:
        return list(self.bound)

    def set_admission(self, *, trunks: Sequence[Admission], users: Sequence[User]) -> None:
        self.admission = (list(trunks), list(users))

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
    ) -> DialogId:
        dialog = DialogId(next(self._ids))
        self.open.add(dialog)
        self._fake.note(
            "invite",
            dialog,
            target=target,
            from_=from_,
            to=to,
            headers=headers or [],
            body=body,
            credentials=credentials,
            route=route or [],
            flow=flow,
            reliable=reliable,
        )
        return dialog

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
        self._fake.note("progress", dialog, status=status, reason=reason, body=body, reliable=reliable)

    def answer(self, dialog: DialogId, *, body: bytes, headers: Headers | None = None) -> None:
        self.open.add(dialog)
        self._fake.note("answer", dialog, body=body, headers=headers or [])

    def reject(self, dialog: DialogId, *, status: int, reason: str = "", headers: Headers | None = None) -> None:
        self._fake.note("reject", dialog, status=status, reason=reason, headers=headers or [])
        self.end(dialog, cause="hung-up", status=status)

    def ack(self, dialog: DialogId, *, body: bytes = b"") -> None:
        self._fake.note("ack", dialog, body=body)

    def reoffer(
        self,
        dialog: DialogId,
        *,
        method: Literal["INVITE", "UPDATE"] = "INVITE",
        body: bytes = b"",
        headers: Headers | None = None,
    ) -> None:
        self._fake.note("reoffer", dialog, method=method, body=body)

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
        request = RequestId(next(self._ids))
        self._fake.note(
            "request",
            request,
            method=method,
            dialog=dialog,
            target=target,
            from_=from_,
            to=to,
            headers=headers or [],
            body=body,
            credentials=credentials,
            flow=flow,
            call_id=call_id,
            cseq=cseq,
        )
        return request

    def respond(
        self,
        request: RequestId,
        *,
        status: int,
        reason: str = "",
        headers: Headers | None = None,
        body: bytes = b"",
    ) -> None:
        self._fake.note("respond", request, status=status, reason=reason, headers=headers or [], body=body)

    def hang_up(self, dialog: DialogId, *, headers: Headers | None = None) -> None:
        self._fake.note("hang_up", dialog)
        self.end(dialog, cause="hung-up")

    def end(self, dialog: DialogId, *, cause: Cause, status: int = 0, reason: str = "") -> None:
        """A dialog's one end; for one that is gone, nothing."""
        if dialog in self.open:
            self.open.discard(dialog)
            self._fake.push(CallEnded(dialog=dialog, cause=cause, status=status, reason=reason, headers=[]))

    def refuse_new_calls(self) -> None:
        self.refusing = True
        self._fake.note("refuse_new_calls")

    def stats(self) -> dict[str, int]:
        return {"dialogs": len(self.open)}

    def close(self) -> None:
        self.closed = True


class FakeMedia:
    """The media threads."""

    def __init__(self, fake: Fake) -> None:
        self._fake = fake
        self._ids = count(1)
        self.legs: list[FakeLeg] = []
        self.prompts: dict[PromptId, tuple[bytes, int]] = {}
        self.closed = False

    def open_leg(self, *, address: str, label: str = "") -> LegHandle:
        leg = FakeLeg(self._fake, LegId(len(self.legs) + 1), address=address, label=label)
        self.legs.append(leg)
        return leg

    def load_prompt(self, pcm: bytes, *, rate: int) -> PromptId:
        prompt = PromptId(next(self._ids))
        self.prompts[prompt] = (pcm, rate)
        return prompt

    def drop_prompt(self, prompt: PromptId) -> None:
        self.prompts.pop(prompt, None)

    def stats(self) -> dict[str, int]:
        return {"legs": sum(not leg.closed for leg in self.legs)}

    def close(self) -> None:
        self.closed = True


@dataclass(slots=True)
class FakeLeg:
    """One RTP leg: what it was told is in its fields, and in the log."""

    _fake: Fake
    _id: LegId
    address: str
    label: str
    media: LegMedia | None = None
    peer: "FakeLeg | None" = None
    playing: list[PlayId] = field(default_factory=list)
    forks: dict[ForkId, ForkTarget] = field(default_factory=dict)
    closed: bool = False
    _ids: Any = field(default_factory=lambda: count(1))

    @property
    def id(self) -> LegId:
        return self._id

    @property
    def rtp_port(self) -> int:
        return 20000 + 2 * self._id

    @property
    def ssrc(self) -> int:
        return 0xB0000000 + self._id

    def configure(self, media: LegMedia) -> None:
        self.media = media
        self._fake.note("configure", self._id, media=media)

    def play(self, prompts: Sequence[PromptId], *, loop: int = 1) -> PlayId:
        play = PlayId(next(self._ids))
        self.playing.append(play)
        self._fake.note("play", self._id, prompts=list(prompts), loop=loop, play=play)
        return play

    def stop_play(self) -> None:
        self._fake.note("stop_play", self._id)
        self.finish_playing(completed=False)

    def finish_playing(self, *, completed: bool = True) -> None:
        """All that was queued has been heard (or was cut)."""
        ended, self.playing = self.playing, []
        self._fake.push(*(PlayEnded(leg=self._id, play=play, completed=completed) for play in ended))

    def bridge(self, other: LegHandle) -> None:
        if not isinstance(other, FakeLeg):
            raise TypeError("a fake leg bridges with a fake leg")
        self.peer, other.peer = other, self
        self._fake.note("bridge", self._id, other=other.id)

    def unbridge(self) -> None:
        if self.peer is not None:
            self._fake.note("unbridge", self._id)
            self.peer.peer = None
            self.peer = None

    def send_dtmf(self, digits: str, *, duration_ms: int = 100, gap_ms: int = 70) -> PlayId:
        play = PlayId(next(self._ids))
        self.playing.append(play)
        self._fake.note("send_dtmf", self._id, digits=digits, play=play)
        return play

    def fork(self, target: ForkTarget) -> ForkId:
        fork = ForkId(self._id * 1000 + next(self._ids))
        self.forks[fork] = target
        self._fake.note("fork", self._id, target=target, fork=fork)
        return fork

    def stop_fork(self, fork: ForkId) -> None:
        self._fake.note("stop_fork", self._id, fork=fork)
        self.end_fork(fork, reason="stopped")

    def end_fork(self, fork: ForkId, *, reason: ForkEnd, code: int = 0, detail: str = "", close_code: int = 0) -> None:
        """A fork's one end; for one that is gone, nothing."""
        if self.forks.pop(fork, None) is not None:
            self._fake.push(
                ForkEnded(
                    leg=self._id,
                    fork=fork,
                    reason=reason,
                    code=code,
                    detail=detail,
                    close_code=close_code,
                    frames_sent=100,
                    ms_sent=2000,
                    ms_dropped=0,
                    ms_repaired=0,
                    lag_max_ms=20,
                    latency_p50_us=900,
                    latency_p99_us=2000,
                )
            )

    def record(self, path: str, *, tracks: Sequence[Track]) -> RecordId:
        self._fake.note("record", self._id, path=path, tracks=list(tracks))
        return RecordId(next(self._ids))

    def stop_record(self, record: RecordId) -> None:
        self._fake.note("stop_record", self._id, record=record)

    def stats(self) -> LegStats | None:
        return LegStats(leg=self._id)

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        self._fake.note("close_leg", self._id)
        self.unbridge()
        self.finish_playing(completed=False)
        for fork in list(self.forks):
            self.end_fork(fork, reason="call-ended")
        self._fake.push(LegClosed(leg=self._id, stats=LegStats(leg=self._id)))
