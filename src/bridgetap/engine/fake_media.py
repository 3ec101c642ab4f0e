"""The media half of the fake core."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from .events import ForkEnd, ForkEnded, LegClosed, LegStats, PlayEnded
from .fake_journal import Journal
from .handles import ForkId, ForkTarget, LegId, LegMedia, PlayId, PromptId, RecordId, Track
from .ports import LegHandle


class FakeMedia:
    """The media threads."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._ids = count(1)
        self.legs: list[FakeLeg] = []
        self.prompts: dict[PromptId, tuple[bytes, int]] = {}
        self.closed = False

    def open_leg(self, *, address: str, label: str = "") -> LegHandle:
        leg = FakeLeg(self._journal, LegId(len(self.legs) + 1), address=address, label=label)
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

    _journal: Journal
    _id: LegId
    address: str
    label: str
    media: LegMedia | None = None
    peer: "FakeLeg | None" = None
    playing: list[PlayId] = field(default_factory=list)
    forks: dict[ForkId, ForkTarget] = field(default_factory=dict)
    beeps: bool = False  # its far end hears the tone of who is recorded
    closed: bool = False
    packets_received: int = 0  # of its far end; what `stats` says
    packets_sent: int = 0
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
        self._journal.note("configure", self._id, media=media)

    def play(self, prompts: Sequence[PromptId], *, loop: int = 1) -> PlayId:
        play = PlayId(next(self._ids))
        self.playing.append(play)
        self._journal.note("play", self._id, prompts=list(prompts), loop=loop, play=play)
        return play

    def stop_play(self) -> None:
        self._journal.note("stop_play", self._id)
        self.finish_playing(completed=False)

    def finish_playing(self, *, completed: bool = True) -> None:
        """All that was queued has been heard (or was cut)."""
        ended, self.playing = self.playing, []
        self._journal.push(*(PlayEnded(leg=self._id, play=play, completed=completed) for play in ended))

    def bridge(self, other: LegHandle) -> None:
        if not isinstance(other, FakeLeg):
            raise TypeError("a fake leg bridges with a fake leg")
        self.peer, other.peer = other, self
        self._journal.note("bridge", self._id, other=other.id)

    def exchange(self, other: LegHandle) -> None:
        if not isinstance(other, FakeLeg):
            raise TypeError("a fake leg exchanges with a fake leg")
        self.media, other.media = other.media, self.media
        self.beeps, other.beeps = other.beeps, self.beeps
        self.packets_received, other.packets_received = other.packets_received, self.packets_received
        self._journal.note("exchange", self._id, other=other.id)

    def unbridge(self) -> None:
        if self.peer is not None:
            self._journal.note("unbridge", self._id)
            self.peer.peer = None
            self.peer = None

    def copy(self, track: Track, to: LegHandle) -> None:
        self._journal.note("copy", self._id, track=track, to=to.id)

    def end_copy(self, to: LegHandle) -> None:
        self._journal.note("end_copy", self._id, to=to.id)

    def beep(self) -> None:
        self.beeps = True
        self._journal.note("beep", self._id)

    def end_beep(self) -> None:
        self.beeps = False
        self._journal.note("end_beep", self._id)

    def send_dtmf(self, digits: str, *, duration_ms: int = 100, gap_ms: int = 70) -> PlayId:
        play = PlayId(next(self._ids))
        self.playing.append(play)
        self._journal.note("send_dtmf", self._id, digits=digits, play=play)
        return play

    def fork(self, target: ForkTarget) -> ForkId:
        fork = ForkId(self._id * 1000 + next(self._ids))
        self.forks[fork] = target
        self._journal.note("fork", self._id, target=target, fork=fork)
        return fork

    def stop_fork(self, fork: ForkId) -> None:
        self._journal.note("stop_fork", self._id, fork=fork)
        self.end_fork(fork, reason="stopped")

    def tell_key(self, key: str) -> None:
        self._journal.note("tell_key", self._id, key=key)

    def tell_fork(self, fork: ForkId, event: str, body: str) -> None:
        if fork in self.forks:
            self._journal.note("tell_fork", self._id, fork=fork, event=event, body=json.loads(body))

    def end_fork(self, fork: ForkId, *, reason: ForkEnd, code: int = 0, detail: str = "", close_code: int = 0) -> None:
        """A fork's one end; for one that is gone, nothing."""
        if self.forks.pop(fork, None) is not None:
            self._journal.push(
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
                    reconnects=0,
                    ms_replayed=0,
                    ms_missing=0,
                    latency_p50_us=900,
                    latency_p99_us=2000,
                )
            )

    def record(self, path: str, *, tracks: Sequence[Track]) -> RecordId:
        self._journal.note("record", self._id, path=path, tracks=list(tracks))
        return RecordId(next(self._ids))

    def stop_record(self, record: RecordId) -> None:
        self._journal.note("stop_record", self._id, record=record)

    def stats(self) -> LegStats | None:
        return LegStats(leg=self._id, packets_received=self.packets_received, packets_sent=self.packets_sent)

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        self._journal.note("close_leg", self._id)
        self.unbridge()
        self.finish_playing(completed=False)
        for fork in list(self.forks):
            self.end_fork(fork, reason="call-ended")
        stats = LegStats(leg=self._id, packets_received=self.packets_received, packets_sent=self.packets_sent)
        self._journal.push(LegClosed(leg=self._id, stats=stats))
