"""Runs one execution of a flow: events in, effects out. No I/O, no clock, no dice.

    execution = Execution(definition, execution_sid=..., flow_sid=...)
    effects = execution.start(CallStarted(call={...}), now_ns=...)
    effects = execution.handle(PlayEnded(effect=effects[0].id), now_ns=...)
    execution.ended, execution.steps, execution.context

Each call runs until a widget waits for an answer or the path ends. Nothing a peer, a caller or a
definition does makes it raise.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, assert_never

from bridgetap.ids import ExecutionSid, FlowSid

from .context import Context, trigger_event
from .definition import Definition
from .effects import Effect, EffectId, Hangup, Log
from .events import CallerHungUp, CallStarted, Digits, Event, ExecutionStopped, RequestStarted, Trigger
from .liquid_date import RenderClock
from .state import State
from .widget import Ask, Done, Fail, Options, Turn, Visit

MAX_STEPS = 1000
MAX_IN_A_ROW = 10
TOO_MANY_STEPS = 81000
LOOPS = 81001
UNEXPECTED_EVENT = 81002
NO_CALL = 81020
ENDED = "Ended"  # what Studio writes where the last step leads to


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One transition, as Studio records it: `name` is the event. The context is after the step."""

    index: int
    name: str
    transitioned_from: str
    transitioned_to: str
    at_ns: int
    context: Context


@dataclass(frozen=True, slots=True)
class _Fresh:
    """Not started."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A widget waits; `answers` are the effects it waits for."""

    state: State
    answers: frozenset[EffectId]


@dataclass(frozen=True, slots=True)
class _Ended:
    """Over, and why: "" when the path simply ran out."""

    reason: str


class Execution:
    """One run of one definition. The conductor owns it and carries out what it asks for."""

    def __init__(
        self, definition: Definition, *, execution_sid: ExecutionSid, flow_sid: FlowSid, options: Options | None = None
    ) -> None:
        self.definition, self.options = definition, options or Options()
        self.execution_sid, self.flow_sid = execution_sid, flow_sid
        self._phase: _Fresh | _Waiting | _Ended = _Fresh()
        self._context = Context.empty(execution_sid=execution_sid, flow_sid=flow_sid)
        self._steps: list[Step] = []
        self._trigger = ""
        self._call_live = False
        self._last_id = 0
        self._in_a_row = 0
        self._now_ns = 0
        self._out: list[Effect] = []

    @property
    def ended(self) -> bool:
        return isinstance(self._phase, _Ended)

    @property
    def end_reason(self) -> str:
        """Why it ended; "" while it runs, and when the path simply ran out."""
        return self._phase.reason if isinstance(self._phase, _Ended) else ""

    @property
    def current(self) -> str | None:
        """The widget that waits, or None."""
        return self._phase.state.name if isinstance(self._phase, _Waiting) else None

    @property
    def context(self) -> Context:
        """What templates see now."""
        return self._context

    @property
    def steps(self) -> Sequence[Step]:
        """Every transition so far."""
        return tuple(self._steps)

    def steps_since(self, index: int) -> Sequence[Step]:
        """The transitions from `index` on: what a store has not written yet."""
        return tuple(self._steps[index:])

    def start(self, trigger: Trigger, *, now_ns: int) -> list[Effect]:
        """Begin at the trigger widget."""
        self._now_ns = now_ns
        if not isinstance(self._phase, _Fresh):
            return self._unexpected(type(trigger).__name__)
        self._trigger = trigger_event(trigger)
        match trigger:
            case CallStarted():
                self._call_live = True
            case RequestStarted():
                pass
            case _:
                assert_never(trigger)
        self._context = Context.start(trigger, execution_sid=self.execution_sid, flow_sid=self.flow_sid)
        self._enter(self.definition.state(self.definition.initial_state))
        return self._take()

    def handle(self, event: Event, *, now_ns: int) -> list[Effect]:
        """Tell what happened; returns what to do next."""
        self._now_ns = now_ns
        phase = self._phase
        if isinstance(phase, _Ended):
            return []  # the end crossed with this event
        if isinstance(phase, _Fresh):
            return self._unexpected(type(event).__name__)
        match event:
            case ExecutionStopped():
                self._end(event.reason or "stopped")
            case CallerHungUp():
                self._call_live = False
                self._hung_up(phase.state, event)
            case Digits():
                self._offer(phase, event)  # keys nobody listens for are no event at all
            case _ if event.effect not in phase.answers:
                pass  # the flow moved on before the answer came
            case _:
                if not self._offer(phase, event):
                    return self._unexpected(type(event).__name__)
        return self._take()

    # --- one widget's turn -----------------------------------------------------------------

    def _enter(self, state: State) -> None:
        """Go from widget to widget until one waits or the path ends."""
        following: State | None = state
        while following is not None:
            state = following
            if state.needs_call and not self._call_live:
                self._log("warning", NO_CALL, state.name, f"{state.type} needs a live call")
                self._record("no call", state, None)
                return self._end(f"{state.name} needs a live call")
            visit = self._visit(state)
            following = self._follow(state, state.widget.enter(visit), visit)
        return None

    def _offer(self, phase: _Waiting, event: Event) -> bool:
        """Hand the event to the widget that waits; False when it is not for it."""
        visit = self._visit(phase.state)
        turn = phase.state.widget.handle(event, visit)
        if turn is None:
            return False
        self._continue(phase.state, turn, visit)
        return True

    def _hung_up(self, state: State, event: CallerHungUp) -> None:
        """A widget with a hang-up event goes on without a call; any other path just ends."""
        visit = self._visit(state)
        turn = state.widget.handle(event, visit)
        if turn is None:
            self._record("hangup", state, None)
            self._end("caller hung up")
        else:
            self._continue(state, turn, visit)

    def _continue(self, state: State, turn: Turn, visit: Visit) -> None:
        following = self._follow(state, turn, visit)
        if following is not None:
            self._enter(following)

    def _follow(self, state: State, turn: Turn, visit: Visit) -> State | None:
        """Carry a turn out; the next state to enter, or None."""
        self._context = visit.context
        self._out.extend(visit.logs)
        match turn:
            case Ask():
                self._phase = _Waiting(state, self._ask(turn.effects))
                return None
            case Fail():
                self._log("error", turn.code, state.name, turn.message)
                self._record("failed", state, None)
                self._end(turn.message)
                return None
            case Done():
                self._ask(turn.effects)
                if turn.variables is not None:
                    self._context = self._context.with_widget(state.name, turn.variables)
                transition = turn.transition or state.transition(turn.event)
                return self._step(turn.event, state, transition.next if transition else None)
            case _:
                assert_never(turn)

    def _step(self, event: str, state: State, target: str | None) -> State | None:
        """Take a transition, within the limits."""
        following = self.definition.state(target) if target is not None else None
        self._record(event, state, following)
        if following is None:
            self._end("")
            return None
        self._in_a_row = self._in_a_row + 1 if following is state else 1
        if len(self._steps) >= MAX_STEPS:
            self._log("warning", TOO_MANY_STEPS, following.name, f"the execution took {MAX_STEPS} steps")
            self._end("too many steps")
            return None
        if self._in_a_row > MAX_IN_A_ROW:
            self._log("warning", LOOPS, following.name, f"entered {MAX_IN_A_ROW} times in a row")
            self._end("a widget loops")
            return None
        return following

    # --- what comes out --------------------------------------------------------------------

    def _ask(self, effects: Sequence[Effect]) -> frozenset[EffectId]:
        """Number the effects that get an answer and queue them all."""
        numbers = []
        for effect in effects:
            if isinstance(effect, (Hangup, Log)):
                self._out.append(effect)
                continue
            self._last_id += 1
            numbers.append(EffectId(self._last_id))
            self._out.append(replace(effect, id=EffectId(self._last_id)))
        return frozenset(numbers)

    def _end(self, reason: str) -> None:
        """The path is over; a live call is hung up (spec/studio §8)."""
        self._phase = _Ended(reason)
        if self._call_live:
            self._out.append(Hangup())

    def _record(self, event: str, state: State, following: State | None) -> None:
        self._steps.append(
            Step(
                index=len(self._steps),
                name=event,
                transitioned_from=state.name,
                transitioned_to=following.name if following else ENDED,
                at_ns=self._now_ns,
                context=self._context,
            )
        )

    def _visit(self, state: State) -> Visit:
        return Visit(
            name=state.name,
            place=state.place,
            context=self._context,
            clock=RenderClock(now_ns=self._now_ns, zone=self.options.zone),
            options=self.options,
            trigger=self._trigger,
            call_live=self._call_live,
        )

    def _unexpected(self, name: str) -> list[Effect]:
        self._log("warning", UNEXPECTED_EVENT, self.current or "", f"unexpected event {name}")
        return self._take()

    def _log(self, level: Literal["warning", "error"], code: int, widget: str, message: str) -> None:
        self._out.append(Log(level=level, code=code, widget=widget, message=message))

    def _take(self) -> list[Effect]:
        out, self._out = self._out, []
        return out
