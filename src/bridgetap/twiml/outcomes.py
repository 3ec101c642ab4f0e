"""What the next document's server is told of the verb that led to it, beside the voice request's own."""

from collections.abc import Sequence
from typing import TypeAlias

from bridgetap.flow.events import DialResult

from .effects import Input
from .events import ConnectEnded, GatherEnded

Parameters: TypeAlias = tuple[tuple[str, str], ...]

_WERE_BRIDGED = ("completed", "answered")


def after_gather(asked: Sequence[Input], event: GatherEnded) -> Parameters:
    """What there was of input; without any, an empty one of each kind that was asked for."""
    found: list[tuple[str, str]] = []
    empty = not event.digits and not event.speech
    if event.digits or (empty and "dtmf" in asked):
        found.append(("Digits", event.digits))
    if event.digits and event.finished_on_key:
        found.append(("FinishedOnKey", event.finished_on_key))
    if event.speech or (empty and "speech" in asked):
        found.append(("SpeechResult", event.speech))
    if event.speech:
        found.append(("Confidence", f"{event.confidence:.8g}"))
    return tuple(found)


def after_dial(result: DialResult) -> Parameters:
    found = [("DialCallStatus", str(result.status))]
    if result.call_sid is not None:
        found.append(("DialCallSid", str(result.call_sid)))
    found.append(("DialCallDuration", str(result.duration_s)))
    found.append(("DialBridged", "true" if result.bridged and result.status in _WERE_BRIDGED else "false"))
    if result.recording_url:
        found.append(("RecordingUrl", result.recording_url))
    return tuple(found)


def after_connect(event: ConnectEnded | None) -> Parameters:
    """None: there was no stream at all."""
    if event is None:
        return ()
    found = [("StreamSid", str(event.sid)), ("StreamName", event.name)]
    return (*found, ("StreamError", event.error)) if event.error else tuple(found)


def after_failure(code: int, url: str) -> Parameters:
    """For the fallback URL: what failed, and where."""
    return (("ErrorCode", str(code)), ("ErrorUrl", url))
