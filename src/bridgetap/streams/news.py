"""What streams are told of their call between the audio: who is on hold, who joins and leaves.

Only streams that asked for an event hear of it. The keys a party presses are told by the core itself.
"""

import json
from dataclasses import dataclass
from typing import Any, TypeAlias, assert_never

from bridgetap.flow.effects import Track
from bridgetap.flow.stream_options import StreamEvent
from bridgetap.ids import CallSid


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One party put the other on hold, or took it back. `track` says which party did: *inbound* is
    that of the call which carries the stream, *outbound* the other."""

    track: Track
    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """Somebody joined the call or left it. The party of the call itself is *inbound*; whoever it is
    bridged to is *outbound*, and one who takes another's place joins after that one has left."""

    track: Track = "outbound"
    joined: bool
    call_sid: CallSid | None = None  # of the leg to that party, where it has one
    address: str = ""  # a number, a SIP URI or a user's name


StreamNews: TypeAlias = Hold | Participant


def event_of(news: StreamNews) -> StreamEvent:
    """Which event a stream must have asked for."""
    match news:
        case Hold():
            return "hold"
        case Participant():
            return "participant"
        case _:
            assert_never(news)


def body_of(news: StreamNews) -> str:
    """The members of its message, without the time, as one line of JSON."""
    body: dict[str, Any]
    match news:
        case Hold():
            body = {"track": news.track, "held": news.held}
        case Participant():
            body = {"track": news.track, "action": "joined" if news.joined else "left"}
            body |= {"callSid": news.call_sid} if news.call_sid else {}
            body |= {"address": news.address} if news.address else {}
        case _:
            assert_never(news)
    return json.dumps(body)
