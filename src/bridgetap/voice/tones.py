"""Sounds made of sines: ringback by country, the beep, and the digits a flow may dial."""

from array import array
from dataclasses import dataclass
from math import pi, sin

from bridgetap.errors import InvalidInput

from .audio import Pcm, Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """A tone: its frequencies, and seconds of sound and silence in turn, repeated for ever."""

    hertz: tuple[int, ...]
    on_off_s: tuple[float, ...]


# ITU-T E.180 supplement 2: what a caller hears while the far phone rings. The first value of
# `on_off_s` is sound. One turn of the table is one turn of the prompt, so it loops without a seam.
RINGBACK = {
    "us": Cadence(hertz=(440, 480), on_off_s=(2.0, 4.0)),
    "ca": Cadence(hertz=(440, 480), on_off_s=(2.0, 4.0)),
    "gb": Cadence(hertz=(400, 450), on_off_s=(0.4, 0.2, 0.4, 2.0)),
    "ie": Cadence(hertz=(400, 450), on_off_s=(0.4, 0.2, 0.4, 2.0)),
    "au": Cadence(hertz=(400, 425), on_off_s=(0.4, 0.2, 0.4, 2.0)),
    "nz": Cadence(hertz=(400, 450), on_off_s=(0.4, 0.2, 0.4, 2.0)),
    "in": Cadence(hertz=(400, 425), on_off_s=(0.4, 0.2, 0.4, 2.0)),
    "jp": Cadence(hertz=(384, 416), on_off_s=(1.0, 2.0)),
    "cn": Cadence(hertz=(450,), on_off_s=(1.0, 4.0)),
    "de": Cadence(hertz=(425,), on_off_s=(1.0, 4.0)),
    "at": Cadence(hertz=(420,), on_off_s=(1.0, 5.0)),
    "ch": Cadence(hertz=(425,), on_off_s=(1.0, 4.0)),
    "fr": Cadence(hertz=(440,), on_off_s=(1.5, 3.5)),
    "be": Cadence(hertz=(425,), on_off_s=(1.0, 3.0)),
    "nl": Cadence(hertz=(425,), on_off_s=(1.0, 4.0)),
    "es": Cadence(hertz=(425,), on_off_s=(1.5, 3.0)),
    "pt": Cadence(hertz=(425,), on_off_s=(1.0, 5.0)),
    "it": Cadence(hertz=(425,), on_off_s=(1.0, 4.0)),
    "se": Cadence(hertz=(425,), on_off_s=(1.0, 5.0)),
    "no": Cadence(hertz=(425,), on_off_s=(1.0, 4.0)),
    "dk": Cadence(hertz=(425,), on_off_s=(1.0, 4.0)),
    "fi": Cadence(hertz=(425,), on_off_s=(1.0, 4.0)),
    "pl": Cadence(hertz=(425,), on_off_s=(1.0, 4.0)),
    "br": Cadence(hertz=(425,), on_off_s=(1.0, 4.0)),
    "mx": Cadence(hertz=(425,), on_off_s=(1.0, 4.0)),
    "sg": Cadence(hertz=(400, 425), on_off_s=(0.4, 0.2, 0.4, 2.0)),
    "za": Cadence(hertz=(400, 433), on_off_s=(0.4, 0.2, 0.4, 2.0)),
}

BEEP_HERTZ, BEEP_S = 1000, 0.25
_TONE_LEVEL = 0.1  # -20 dBFS a frequency, near the -13 dBm0 of a real exchange (E.180 §8)
_RAMP_S = 0.005  # a tone that starts at full level clicks
_PAUSES = {"w": "w", "W": "ww"}  # the engine waits 0.5 s a `w`; Studio's `W` is one second
_KEYS = frozenset("0123456789ABCD*#")


def ringback(country: str, *, rate: Rate) -> Pcm:
    """One turn of a country's ringback, to be looped for ever."""
    try:
        cadence = RINGBACK[country.lower()]
    except KeyError:
        known = ", ".join(sorted(RINGBACK))
        raise InvalidInput("voice.ringback", country, f"must be one of {known}") from None
    samples = array("h")
    for index, seconds in enumerate(cadence.on_off_s):
        samples.extend(_tone(cadence.hertz, seconds, rate) if index % 2 == 0 else _silence(seconds, rate))
    return Pcm(samples=samples.tobytes(), rate=rate)


def beep(*, rate: Rate) -> Pcm:
    """The short tone before a recording."""
    return Pcm(samples=_tone((BEEP_HERTZ,), BEEP_S, rate).tobytes(), rate=rate)


def dtmf_digits(text: str) -> str:
    """What a flow wrote as `digits`, as `Leg.send_dtmf` takes it; small letters a-d are keys too."""
    out = []
    for index, char in enumerate(text):
        if char in _PAUSES:
            out.append(_PAUSES[char])
        elif char.upper() in _KEYS:
            out.append(char.upper())
        else:
            raise InvalidInput(f"digits[{index}]", char, "must be 0-9, A-D, * or #, or w (0.5 s) or W (1 s)")
    return "".join(out)


def _silence(seconds: float, rate: Rate) -> "array[int]":
    return array("h", bytes(2 * round(seconds * rate)))


def _tone(hertz: tuple[int, ...], seconds: float, rate: Rate) -> "array[int]":
    count, ramp = round(seconds * rate), round(_RAMP_S * rate)
    out = array("h", bytes(2 * count))
    for n in range(count):
        gain = min(1.0, n / ramp, (count - 1 - n) / ramp)
        value = sum(sin(2 * pi * f * n / rate) for f in hertz)
        out[n] = round(32767 * _TONE_LEVEL * gain * value)
    return out
