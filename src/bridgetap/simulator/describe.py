"""An effect in one line, for people."""

from typing import assert_never

from bridgetap.flow.effects import (
    ClientTarget,
    Dial,
    DialTarget,
    Effect,
    Hangup,
    HttpRequest,
    Log,
    NumberTarget,
    Play,
    PlayDigits,
    Say,
    SipTarget,
    StartStream,
    StopStream,
)


def describe(effect: Effect) -> str:
    match effect:
        case Say():
            return f"say {effect.text!r}{_times(effect.loop)}"
        case Play():
            return f"play {effect.url}{_times(effect.loop)}"
        case PlayDigits():
            return f"send digits {effect.digits}{_times(effect.loop)}"
        case Dial():
            caller = f" as {effect.caller_id}" if effect.caller_id else ""
            return f"dial {', '.join(target_text(target) for target in effect.targets)}{caller}"
        case StartStream():
            where = str(effect.url) if effect.url else f"connector {effect.connector}"
            return f"start stream {_name(effect.name)}to {where} ({' and '.join(effect.tracks)})"
        case StopStream():
            return f"stop stream {effect.name!r}" if effect.name else f"stop the newest {effect.transport} stream"
        case HttpRequest():
            return f"{effect.method} {effect.url}"
        case Hangup():
            return "hang up"
        case Log():
            return effect.message
        case _:
            assert_never(effect)


def target_text(target: DialTarget) -> str:
    match target:
        case NumberTarget():
            return target.number
        case SipTarget():
            return target.uri
        case ClientTarget():
            return f"client:{target.identity}"
        case _:
            assert_never(target)


def _name(name: str) -> str:
    return f"{name!r} " if name else ""


def _times(loop: int) -> str:
    return "" if loop == 1 else f" × {loop}"
