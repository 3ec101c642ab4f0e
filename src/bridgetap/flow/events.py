"""All that can happen to an execution, as the conductor tells it.

Triggers start an execution. Answers repeat the `effect` they answer; an answer to an effect that
the flow no longer waits for is dropped. The others come from the caller.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from bridgetap.ids import CallSid, SiprecSid, StreamSid

from .effects import EffectId

DialStatus: TypeAlias = Literal["completed", "answered", "busy", "no-answer", "failed", "canceled"]


# --- triggers --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStarted:
    """A call came in (`incomingCall`). `call` is the voice webhook verbatim: From, To, CallSid,
    FromCity …; it becomes `trigger.call.*`."""

    call: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestStarted:
    """An execution was created over REST (`incomingRequest`): there is no call yet."""

    to: str
    from_: str
    parameters: Mapping[str, object] = field(default_factory=dict)


Trigger: TypeAlias = CallStarted | RequestStarted


# --- answers ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayEnded:
    """A `Say`, `Play` or `PlayDigits` is over. `error` tells why nothing was heard, "" if it was."""

    effect: EffectId
    error: str = ""
    code: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DialResult:
    """What became of a `Dial`. `completed`: answered, and over; the rest never were bridged."""

    status: DialStatus
    call_sid: CallSid | None = None
    duration_s: int = 0
    recording_url: str = ""
    error_code: int = 0
    bridged: bool = True  # False: it answered, and left or was hung up before the caller could hear it


@dataclass(frozen=True, slots=True, kw_only=True)
class DialEnded:
    """A `Dial` is over and the caller is still there."""

    effect: EffectId
    result: DialResult


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamCreated:
    """A `StartStream` was accepted; its far end may still be connecting."""

    effect: EffectId
    sid: StreamSid | SiprecSid
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStopped:
    """A `StopStream` took effect: no further audio is taken."""

    effect: EffectId


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRefused:
    """A `StartStream` or `StopStream` was not carried out; `code` is one of 319xx."""

    effect: EffectId
    code: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpEnded:
    """An `HttpRequest` is over. `status` 0: no answer (`error` says why)."""

    effect: EffectId
    status: int
    content_type: str = ""
    body: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    error: str = ""


# --- the caller ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Digits:
    """Keys the caller pressed."""

    digits: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerHungUp:
    """The caller left. While a `Dial` was running, `dial` tells what became of it; no `DialEnded`
    is sent for it then."""

    dial: DialResult | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionStopped:
    """Somebody ended the execution from outside (REST `Status=ended`, shutdown)."""

    reason: str = ""


Answer: TypeAlias = PlayEnded | DialEnded | StreamCreated | StreamStopped | StreamRefused | HttpEnded
Event: TypeAlias = Answer | Digits | CallerHungUp | ExecutionStopped
