"""Where the execution of one call's documents stands, and what each verb may be answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from bridgetap.flow.effects import EffectId
from bridgetap.flow.events import DialEnded, PlayEnded, StreamCreated, StreamRefused, StreamStopped

from . import verbs
from .effects import FetchDocument
from .events import ConnectEnded, GatherEnded, TwimlAnswer


@dataclass(frozen=True, slots=True)
class Fresh:
    """Not started."""


@dataclass(frozen=True, slots=True)
class Fetching:
    """A document is asked for; `place` is the verb that leads there."""

    fetch: FetchDocument
    place: str
    is_fallback: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """A verb waits for what it asked for."""

    verb: verbs.Verb
    answers: frozenset[EffectId]


@dataclass(frozen=True, slots=True)
class Ended:
    """Over, and why: "" when the last document simply ended."""

    reason: str


Running: TypeAlias = Fetching | Waiting
Phase: TypeAlias = Fresh | Running | Ended

# Verbs that are not here never wait: where they lead is known at once.
ANSWERS: Mapping[type[verbs.Verb], tuple[type[TwimlAnswer], ...]] = MappingProxyType(
    {
        verbs.Say: (PlayEnded,),
        verbs.Play: (PlayEnded,),
        verbs.Pause: (PlayEnded,),
        verbs.Gather: (GatherEnded,),
        verbs.Dial: (DialEnded,),
        verbs.Start: (StreamCreated, StreamRefused),
        verbs.Stop: (StreamStopped, StreamRefused),
        verbs.Connect: (ConnectEnded, StreamRefused),
    }
)
