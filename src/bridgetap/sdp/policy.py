"""What we want of a session, and what came of it."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from .codecs import COMFORT_NOISE, Codec, PayloadType

Direction: TypeAlias = Literal["sendrecv", "sendonly", "recvonly", "inactive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How we negotiate with one trunk or phone."""

    codecs: tuple[Codec, ...] = ("PCMU", "PCMA", "G722")  # most wanted first
    telephone_event: bool = True
    detect_inband: bool = True  # listen for tones where no telephone-event was agreed
    ptime_ms: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreedMedia:
    """What both sides said yes to, seen from us. The fields are those of the engine's `LegMedia`."""

    remote: str  # "host:port"; "" while the peer has never named a place to send to
    remote_rtcp: str = ""  # "": the port above `remote`
    codec: Codec
    payload_type: PayloadType  # what we send
    receive: tuple[tuple[PayloadType, Codec], ...]  # all that we announced
    telephone_event: PayloadType | None = None
    receive_telephone_event: PayloadType | None = None
    comfort_noise: PayloadType | None = COMFORT_NOISE  # sent by some whatever was agreed
    direction: Direction = "sendrecv"
    ptime_ms: int = 20
    inband_dtmf: bool = False


def direction_of(*, send: bool, receive: bool) -> Direction:
    """The word for what one side does."""
    if send:
        return "sendrecv" if receive else "sendonly"
    return "recvonly" if receive else "inactive"


def sends(direction: Direction) -> bool:
    return direction in {"sendrecv", "sendonly"}


def receives(direction: Direction) -> bool:
    return direction in {"sendrecv", "recvonly"}
