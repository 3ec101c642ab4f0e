"""A recording session as a table: which recorder is asked next, what it was told, what it still has to
be told. No sockets, no SDP, no clock: events and the time come in, orders and facts go out.

    asking ──taken──▶ recording ──▶ over            a recorder that refuses, is silent or is lost:
       ▲                  │                          the next one is asked, and told everything
       └──────lost────────┘
"""

from dataclasses import dataclass, field
from typing import TypeAlias, assert_never

from .happenings import (
    Changed,
    Happening,
    Lost,
    OfferWanted,
    PauseWanted,
    Refused,
    ResumeWanted,
    SaidGoodbye,
    SnapshotWanted,
    StopWanted,
    Taken,
    TellAnswered,
    TellOvertaken,
)
from .metadata import Recording
from .orders import (
    Ask,
    Flow,
    HangUp,
    Hold,
    Offer,
    Order,
    Over,
    PassedOver,
    Started,
    Tell,
)
from .snapshot import RecordedCall, changes, snapshot

ANSWER_S = 4.0  # a recorder that says nothing final for so long is passed over
STEADY_S = 10.0  # one that recorded for so long may have been fine: all are asked again when it is lost
MAX_REDIRECTS = 3
RETRY_S = (2.0, 5.0, 15.0)  # a change that was refused is told again after that long, and no more than so often
MOST_RETRIES = len(RETRY_S)
AGAIN_S = (1.0, 2.0, 4.0, 8.0, 15.0)  # a lost recording that nobody takes is offered to all again after that long
GOODBYE_S = 1.0  # so long the goodbye waits for the answer to what the recorder was told last

# --- states ----------------------------------------------------------------------------------


@dataclass(slots=True)
class Asking:
    """A recorder was asked and has not answered."""

    target: str
    told: RecordedCall
    paused: bool  # as it was asked
    patience_until: float
    redirects: int = 0


@dataclass(frozen=True, slots=True)
class Telling:
    """What the open re-INVITE says."""

    call: RecordedCall
    paused: bool
    everything: bool


@dataclass(slots=True)
class AtWork:
    """It records. `told` is the call as the recorder knows it; while `telling`, one re-INVITE is open and
    whatever changes waits for its answer, then goes out as one."""

    target: str
    since: float
    told: RecordedCall
    paused_told: bool  # whether it was offered `inactive` lines, and took them
    telling: Telling | None = None
    everything_wanted: bool = False
    refusals: int = 0  # of what it is told, one after the other
    retry_at: float | None = None


@dataclass(slots=True)
class Waiting:
    """A recording was lost and nobody takes it now: a recorder that is restarted is back in a moment."""

    until: float
    otherwise: Over


@dataclass(slots=True)
class Leaving:
    """No audio goes out any more; the last change is still on its way. A BYE in the middle of a re-INVITE is
    legal (RFC 3261 §15), and more than some recorders bear."""

    over: Over
    patience_until: float


@dataclass(slots=True)
class Finished:
    """Nothing more happens."""


State: TypeAlias = Asking | AtWork | Waiting | Leaving | Finished


@dataclass(slots=True)
class RecordingSession:
    """One recording of one call at one chain of recorders. `start` first, then `handle`; `outputs` empties."""

    call: RecordedCall
    targets: tuple[str, ...]
    answer_s: float = ANSWER_S
    patient: bool = False  # a recording that was lost is offered again for a while before it has failed
    state: State = field(default_factory=Finished)
    _next: int = 0
    _paused: bool = False
    _started: bool = False
    _again: int = 0  # how often all were asked again, since one of them recorded steadily
    _out: list[Order] = field(default_factory=list)

    def start(self, now: float, *, paused: bool = False) -> None:
        """Ask the first recorder."""
        self._paused = paused
        self._ask_next(now, Over(reason="failed", detail="the connector names no recorder"))

    @property
    def is_over(self) -> bool:
        return isinstance(self.state, Finished)

    def outputs(self) -> list[Order]:
        out, self._out = self._out, []
        return out

    def next_timeout(self) -> float | None:
        match self.state:
            case Asking() | Leaving() as state:
                return state.patience_until
            case AtWork() as state:
                return state.retry_at
            case Waiting() as state:
                return state.until
            case Finished():
                return None

    def handle_timeout(self, now: float) -> None:
        """A recorder that says nothing is passed over; what one refused to hear is told again."""
        match self.state:
            case Asking() as state if now >= state.patience_until:
                self._pass_over(state.target, f"no final answer within {self.answer_s:g} s", 408, now)
            case AtWork() as state if state.retry_at is not None and now >= state.retry_at:
                self._tell()
            case Waiting() as state if now >= state.until:
                self._next = 0
                self._ask_next(now, state.otherwise)
            case Leaving() as state if now >= state.patience_until:
                self._hang_up(state.over)
            case _:
                pass

    def handle(self, happening: Happening, now: float) -> None:
        """Take what happened. What comes after the end is dropped: it crossed with it."""
        match happening:
            case Changed():
                self.call = happening.call
                self._tell_anew()
            case PauseWanted():
                self._pause(paused=True)
            case ResumeWanted():
                self._pause(paused=False)
            case _ if isinstance(self.state, Finished):
                pass
            case StopWanted():
                self._stop(Over(reason=happening.reason), now)
            case Lost() | SaidGoodbye() | TellAnswered() | TellOvertaken() if isinstance(self.state, Leaving):
                self._hang_up(self.state.over)
            case Lost():
                self._lost(happening.reason, now, code=happening.code)
            case SaidGoodbye():
                self._goodbye(happening, now)
            case Taken() | Refused() if isinstance(self.state, Asking):
                self._answered(self.state, happening, now)
            case SnapshotWanted() | OfferWanted() | TellAnswered() | TellOvertaken() if isinstance(self.state, AtWork):
                self._at_work(self.state, happening, now)
            case Taken() | Refused() | SnapshotWanted() | OfferWanted() | TellAnswered() | TellOvertaken():
                pass  # of a dialog that was given up meanwhile
            case _:
                assert_never(happening)

    # -- asking --

    def _ask_next(self, now: float, otherwise: Over) -> None:
        if self._next >= len(self.targets):
            if self.patient and self._started and self._again < len(AGAIN_S):
                self.state = Waiting(until=now + AGAIN_S[self._again], otherwise=otherwise)
                self._again += 1
            else:
                self._end(otherwise)
            return
        target = self.targets[self._next]
        self._next += 1
        self._ask(target, now)

    def _ask(self, target: str, now: float, *, redirects: int = 0) -> None:
        self.call = self.call.settled()
        self.state = Asking(
            target=target,
            told=self.call,
            paused=self._paused,
            patience_until=now + self.answer_s,
            redirects=redirects,
        )
        self._out.append(Ask(target=target, document=snapshot(self.call), paused=self._paused))

    def _answered(self, state: Asking, answer: Taken | Refused, now: float) -> None:
        match answer:
            case Taken():
                work = self.state = AtWork(target=state.target, since=now, told=state.told, paused_told=state.paused)
                if not self._started:
                    self._started = True
                    self._out.append(Started(target=state.target))
                self._flow(work)
                self._tell()
            case Refused() if answer.targets and state.redirects < MAX_REDIRECTS:
                self._out.append(HangUp())
                self._ask(answer.targets[0], now, redirects=state.redirects + 1)
            case Refused():
                reason = f"{answer.status} {answer.reason}".strip() if answer.status else answer.reason
                self._pass_over(state.target, reason, answer.status, now, code=answer.code)
            case _:
                assert_never(answer)

    def _pass_over(self, target: str, reason: str, status: int, now: float, *, code: int = 0) -> None:
        self._out += [HangUp(), PassedOver(target=target, reason=reason, status=status, code=code)]
        self._ask_next(now, Over(reason="failed", detail=f"{target}: {reason}", status=status, code=code))

    def _lost(self, reason: str, now: float, *, code: int = 0) -> None:
        match self.state:
            case AtWork() as state:
                if now - state.since >= STEADY_S:
                    self._next = self._again = 0
                    self._rotate_behind(state.target)
                self._pass_over(state.target, reason, 0, now, code=code)
            case Asking() as state:
                self._pass_over(state.target, reason, 0, now, code=code)
            case Waiting() | Leaving() | Finished():
                pass

    def _rotate_behind(self, target: str) -> None:
        """Ask the others first, then the one that was lost."""
        if target in self.targets:
            place = self.targets.index(target) + 1
            self.targets = (*self.targets[place:], *self.targets[:place])

    def _goodbye(self, goodbye: SaidGoodbye, now: float) -> None:
        if goodbye.failed:
            self._lost(goodbye.reason or "the recorder gave up", now)
        else:
            self._end(Over(reason="remote-closed", detail=goodbye.reason))

    # -- at work --

    def _at_work(
        self, state: AtWork, happening: SnapshotWanted | OfferWanted | TellAnswered | TellOvertaken, now: float
    ) -> None:
        match happening:
            case SnapshotWanted():
                state.everything_wanted = True
                self._tell()
            case OfferWanted():
                self.call = self.call.settled()
                held = state.paused_told
                state.told, state.everything_wanted, state.paused_told = self.call, False, self._paused
                state.retry_at = None
                self._out.append(Offer(request=happening.request, document=snapshot(self.call), paused=self._paused))
                if held:
                    self._flow(state)
            case TellAnswered():
                self._told(state, happening.status, now)
            case TellOvertaken():
                self._overtaken(state)
            case _:
                assert_never(happening)

    def _told(self, state: AtWork, status: int, now: float) -> None:
        telling, state.telling = state.telling, None
        if telling is None:
            return
        if status in (408, 481):
            self._lost(f"a change was answered {status}", now)
            return
        if not 200 <= status < 300:
            self._refused(state, status, now)
            return
        state.told, state.paused_told, state.refusals = telling.call, telling.paused, 0
        self._flow(state)
        self._tell()

    def _overtaken(self, state: AtWork) -> None:
        """It knows nothing of it: said again, as the call is now."""
        telling, state.telling = state.telling, None
        if telling is not None:
            state.everything_wanted = state.everything_wanted or telling.everything
            self._flow(state)
            self._tell()

    def _refused(self, state: AtWork, status: int, now: float) -> None:
        """Whatever it kept of what it was told: the next document says all. Where that does not help, it
        goes on as it is, unless it would have to take audio again and will not."""
        state.everything_wanted = True
        self._flow(state)
        if state.refusals < MOST_RETRIES:
            state.retry_at = now + RETRY_S[state.refusals]
            state.refusals += 1
        elif state.paused_told and not self._paused:
            self._lost(f"to take audio again was answered {status}", now)

    def _flow(self, state: AtWork) -> None:
        """Audio goes out where it is wanted and the recorder knows."""
        if not self._paused and not state.paused_told:
            self._out.append(Flow())

    def _pause(self, *, paused: bool) -> None:
        if paused == self._paused:
            return
        self._paused = paused
        if isinstance(self.state, AtWork):
            if paused:
                self._out.append(Hold())
            self._tell_anew()

    def _tell_anew(self) -> None:
        """What is new is worth as many tries as anything."""
        if isinstance(self.state, AtWork):
            self.state.refusals = 0
        self._tell()

    def _tell(self) -> None:
        """Say what the recorder does not know yet, unless it is just being told something."""
        state = self.state
        if not isinstance(state, AtWork) or state.telling is not None:
            return
        if state.everything_wanted:
            document: Recording | None = snapshot(self.call)
        else:
            document = changes(state.told, self.call)
        if document is None and state.paused_told == self._paused:
            return
        state.telling = Telling(self.call, self._paused, state.everything_wanted)
        state.everything_wanted, state.retry_at = False, None
        self._out.append(Tell(document=document or snapshot(self.call), paused=self._paused))

    def _stop(self, over: Over, now: float) -> None:
        match self.state:
            case AtWork(telling=Telling()):
                self._out.append(Hold())
                self.state = Leaving(over=over, patience_until=now + GOODBYE_S)
            case Leaving():
                pass
            case _:
                self._hang_up(over)

    def _hang_up(self, over: Over) -> None:
        self._out.append(HangUp())
        self._end(over)

    def _end(self, over: Over) -> None:
        self.state = Finished()
        self._out.append(over)
