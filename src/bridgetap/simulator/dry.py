"""Runs a flow's effects on a virtual clock: no media, no network, no waiting.

It stands where the conductor stands on a live call. How long things take is made up (`says` below);
who is asked what, in which order, and where the flow goes is the real engine's doing.
"""

import heapq
from collections.abc import Sequence
from itertools import count
from typing import assert_never

from bridgetap.clock import VirtualClock
from bridgetap.errors import BridgetapError
from bridgetap.flow import Definition, Execution, Options
from bridgetap.flow.effects import (
    Dial,
    Effect,
    Hangup,
    HttpRequest,
    Log,
    Play,
    PlayDigits,
    Say,
    StartStream,
    StopStream,
)
from bridgetap.flow.events import (
    CallerHungUp,
    CallStarted,
    DialEnded,
    DialResult,
    Digits,
    Event,
    PlayEnded,
    StreamCreated,
    StreamRefused,
    StreamStopped,
)
from bridgetap.ids import CallSid, ExecutionSid, FlowSid, SiprecSid, StreamSid, make_sid
from bridgetap.siprec import carry
from bridgetap.streams.connectors import Connectors
from bridgetap.streams.names import Names, StreamRequest

from .describe import describe
from .http_stub import HttpStub
from .script import DialAnswer, Script
from .transcript import Entry, Kind, Transcript

RING_S = 2.0
PLAY_S = 5.0  # an audio file, whatever it holds
HTTP_S = 0.2
CHARACTERS_PER_SECOND = 15.0  # of speech
MAX_TRACKS = 4
ANY_CONNECTOR = "no configuration says which connectors there are: every name is taken for one"


class DryRun:
    """One simulated call through one definition."""

    def __init__(
        self,
        definition: Definition,
        script: Script,
        *,
        http: HttpStub | None = None,
        options: Options | None = None,
        connectors: Connectors | None = None,
    ) -> None:
        """`connectors` are all there are; None: any name is one, and the transcript says so."""
        self._script, self._http = script, http or HttpStub()
        self._connectors = connectors
        self._any_told = False
        self._clock = VirtualClock()
        self._execution = Execution(
            definition,
            execution_sid=ExecutionSid(_sid("FN", 1)),
            flow_sid=FlowSid(_sid("FW", 1)),
            options=options,
        )
        self._names = Names(max_tracks=MAX_TRACKS)
        self._entries: list[Entry] = []
        self._due: list[tuple[float, int, Event]] = []
        self._order = count()
        self._sids = count(1)
        self._dials = iter(script.dials)
        self._dial = script.dials[-1] if script.dials else DialAnswer()
        self._dialling: tuple[float, float] | None = None  # when it rang, when it is answered
        self._steps_told = 0

    def run(self) -> Transcript:
        """The whole call, at once."""
        for press in self._script.digits:
            self._at(press.at_s, Digits(digits=press.digits))
        if self._script.hangup_at_s is not None:
            self._at(self._script.hangup_at_s, CallerHungUp())
        call = {
            "CallSid": _sid("CA", 1),
            "AccountSid": _sid("AC", 1),
            "From": self._script.from_,
            "To": self._script.to,
            "Caller": self._script.from_,
            "Called": self._script.to,
            "Direction": "inbound",
            "CallStatus": "in-progress",
            "ApiVersion": "2010-04-01",
        }
        self._carry_out(self._execution.start(CallStarted(call=call), now_ns=self._clock.now_ns()))
        while self._due and not self._execution.ended:
            at_s, _, event = heapq.heappop(self._due)
            self._clock.advance(max(0.0, at_s - self._clock.monotonic()))
            self._happen(event)
        return Transcript(
            entries=tuple(self._entries),
            path=tuple(_path(self._execution)),
            reason=self._execution.end_reason if self._execution.ended else "the caller waits for ever",
            duration_s=self._clock.monotonic(),
            context=self._execution.context.to_json(),
        )

    # --- events ----------------------------------------------------------------------------

    def _happen(self, event: Event) -> None:
        match event:
            case Digits():
                self._tell("event", f"the caller presses {event.digits}")
            case CallerHungUp():
                self._tell("event", "the caller hangs up")
                event = CallerHungUp(dial=self._dial_so_far())
            case DialEnded():
                self._dialling = None
                talk = f" after {event.result.duration_s} s of talk" if event.result.duration_s else ""
                self._tell("event", f"the call out: {event.result.status}{talk}")
            case _:
                pass
        self._carry_out(self._execution.handle(event, now_ns=self._clock.now_ns()))

    def _dial_so_far(self) -> DialResult | None:
        """What became of a dial that the caller left."""
        if self._dialling is None:
            return None
        talked_s = self._clock.monotonic() - self._dialling[1]
        if talked_s < 0:
            return DialResult(status="canceled")
        return DialResult(status="completed", duration_s=round(talked_s), call_sid=self._next_call())

    # --- effects ---------------------------------------------------------------------------

    def _carry_out(self, effects: Sequence[Effect]) -> None:
        """Widgets that ask nothing leave steps before the first effect, so steps are told first."""
        for effect in effects:
            if isinstance(effect, Log):
                self._entries.append(
                    Entry(
                        at_s=self._clock.monotonic(),
                        kind=effect.level,
                        widget=effect.widget,
                        text=effect.message,
                        code=effect.code,
                    )
                )
        self._tell_steps()
        for effect in effects:
            if not isinstance(effect, Log):
                self._tell("effect", describe(effect))
                self._ask(effect)

    def _ask(self, effect: Effect) -> None:
        match effect:
            case Say():
                self._in(len(effect.text) / CHARACTERS_PER_SECOND * effect.loop, PlayEnded(effect=effect.id))
            case Play():
                self._in(PLAY_S * effect.loop, PlayEnded(effect=effect.id))
            case PlayDigits():
                self._in(_dtmf_s(effect.digits) * effect.loop, PlayEnded(effect=effect.id))
            case Dial():
                self._ring(effect)
            case StartStream():
                self._in(0.0, self._start_stream(effect))
            case StopStream():
                self._in(0.0, self._stop_stream(effect))
            case HttpRequest():
                self._in(HTTP_S, self._http.answer(effect))
            case Hangup() | Log():
                pass
            case _:
                assert_never(effect)

    def _ring(self, dial: Dial) -> None:
        self._dial = next(self._dials, self._dial)
        answer, rang_s = self._dial, self._clock.monotonic()
        match answer.status:
            case "completed" | "answered":
                talk_s = min(answer.talk_s, dial.time_limit_s)
                self._dialling = (rang_s, rang_s + RING_S)
                result = DialResult(status="completed", duration_s=round(talk_s), call_sid=self._next_call())
                self._in(RING_S + talk_s, DialEnded(effect=dial.id, result=result))
            case "no-answer":
                self._dialling = (rang_s, rang_s + dial.timeout_s)
                self._in(dial.timeout_s, DialEnded(effect=dial.id, result=DialResult(status="no-answer")))
            case "busy" | "failed" | "canceled":
                self._dialling = (rang_s, rang_s + RING_S)
                self._in(RING_S, DialEnded(effect=dial.id, result=DialResult(status=answer.status)))
            case _:
                assert_never(answer.status)

    def _start_stream(self, effect: StartStream) -> Event:
        number = next(self._sids)
        recorded = effect.transport == "siprec"
        sid = SiprecSid(_sid("SR", number)) if recorded else StreamSid(_sid("MZ", number))
        request = StreamRequest(
            transport=effect.transport,
            name=effect.name,
            url=effect.url,
            connector=effect.connector,
            tracks=effect.tracks,
            parameters=effect.parameters,
            options=effect.options,
        )
        try:
            if recorded:
                self._find_connector(request)
            named = self._names.claim(request, sid)
        except BridgetapError as error:
            return StreamRefused(effect=effect.id, code=error.code or 0, message=str(error))
        return StreamCreated(effect=effect.id, sid=sid, name=named.name)

    def _find_connector(self, request: StreamRequest) -> None:
        """`InvalidStream` where a live call would not begin with it."""
        if self._connectors is not None:
            for connector in self._connectors.chains(request.connector):
                carry(request.parameters, as_=connector.parameters_as)
        elif not self._any_told:
            self._any_told = True
            self._tell("note", ANY_CONNECTOR)

    def _stop_stream(self, effect: StopStream) -> Event:
        try:
            if effect.name is None:
                found = self._names.newest(effect.transport)
            else:
                found = self._names.find(effect.name, effect.transport)
        except BridgetapError as error:
            return StreamRefused(effect=effect.id, code=error.code or 0, message=str(error))
        self._names.release(found.sid)
        return StreamStopped(effect=effect.id)

    # --- the clock and the transcript ------------------------------------------------------

    def _in(self, delay_s: float, event: Event) -> None:
        self._at(self._clock.monotonic() + delay_s, event)

    def _at(self, at_s: float, event: Event) -> None:
        heapq.heappush(self._due, (at_s, next(self._order), event))

    def _tell(self, kind: Kind, text: str) -> None:
        widget = self._execution.current or ""
        self._entries.append(Entry(at_s=self._clock.monotonic(), kind=kind, widget=widget, text=text))

    def _tell_steps(self) -> None:
        for step in self._execution.steps_since(self._steps_told):
            text = f"{step.name} → {step.transitioned_to}"
            entry = Entry(at_s=self._clock.monotonic(), kind="step", widget=step.transitioned_from, text=text)
            self._entries.append(entry)
            self._steps_told = step.index + 1

    def _next_call(self) -> CallSid:
        return CallSid(_sid("CA", 1 + next(self._sids)))


def _path(execution: Execution) -> list[str]:
    steps = execution.steps
    return [steps[0].transitioned_from, *(step.transitioned_to for step in steps)] if steps else []


def _sid(prefix: str, number: int) -> str:
    """The same call gives the same SIDs: transcripts can be compared."""
    return make_sid(prefix, number.to_bytes(16, "big"))


def _dtmf_s(digits: str) -> float:
    """100 ms a key and 70 ms after it; `w` is 0.5 s, `W` 1 s."""
    return sum({"w": 0.5, "W": 1.0}.get(digit, 0.17) for digit in digits)
