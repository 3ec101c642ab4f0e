"""Payload types: which number means which codec on one `m=` line (RFC 3551 §6, RFC 4733)."""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from .description import Attribute, Media

Codec: TypeAlias = Literal["PCMU", "PCMA", "G722"]
PayloadType: TypeAlias = int

TELEPHONE_EVENT: PayloadType = 101  # what we offer; in an answer the peer's number stands
COMFORT_NOISE: PayloadType = 13
DYNAMIC = range(96, 128)

STATIC: dict[Codec, PayloadType] = {"PCMU": 0, "PCMA": 8, "G722": 9}
_BY_NUMBER: dict[PayloadType, Codec] = {number: codec for codec, number in STATIC.items()}
_BY_NAME: dict[str, Codec] = {codec: codec for codec in STATIC}
_RTPMAP = re.compile(r"(?P<number>[0-9]{1,3})\s+(?P<name>[^/\s]+)/(?P<rate>[0-9]+)(?:/(?P<channels>[0-9]+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Payloads:
    """What one `m=` line says, in its order of preference."""

    codecs: tuple[tuple[PayloadType, Codec], ...]
    telephone_event: PayloadType | None
    numbers: frozenset[PayloadType]  # every number on the line, known to us or not
    names: tuple[str, ...]  # as a person would name them, for an error


def read_payloads(media: Media) -> Payloads:
    """The codecs of a line that we speak. An `rtpmap` wins over the number's static meaning; static
    numbers need none."""
    maps: dict[int, re.Match[str]] = {}
    for value in media.values("rtpmap"):
        if match := _RTPMAP.match(value):
            maps.setdefault(int(match["number"]), match)
    codecs: list[tuple[PayloadType, Codec]] = []
    names: list[str] = []
    telephone_event = None
    numbers = [int(text) for text in media.formats if text.isascii() and text.isdigit() and int(text) < 128]
    for number in numbers:
        match = maps.get(number)
        if match is None:
            codec = _BY_NUMBER.get(number)
            names.append(codec or str(number))
        else:
            name = match["name"].upper()
            names.append(f"{match['name']}/{match['rate']}")
            if match["rate"] != "8000" or match["channels"] not in {None, "1"}:
                continue  # G.722 says 8000 too, though it samples at 16000 (RFC 3551 §4.5.2)
            if name == "TELEPHONE-EVENT":
                telephone_event = number if telephone_event is None else telephone_event
            codec = _BY_NAME.get(name)
        if codec is not None:
            codecs.append((number, codec))
    return Payloads(
        codecs=tuple(codecs), telephone_event=telephone_event, numbers=frozenset(numbers), names=tuple(names)
    )


def codec_attributes(
    codecs: tuple[tuple[PayloadType, Codec], ...], telephone_event: PayloadType | None
) -> list[Attribute]:
    """The `rtpmap` and `fmtp` lines of what we announce; static numbers get theirs too, some peers want it."""
    lines = [Attribute(name="rtpmap", value=f"{number} {codec}/8000") for number, codec in codecs]
    if telephone_event is not None:
        lines.append(Attribute(name="rtpmap", value=f"{telephone_event} telephone-event/8000"))
        lines.append(Attribute(name="fmtp", value=f"{telephone_event} 0-15"))
    return lines
