"""Tones: what is heard, and for how long."""

from array import array
from math import cos, pi, sin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridgetap.errors import InvalidInput
from bridgetap.voice import Pcm, beep, dtmf_digits, ringback
from bridgetap.voice.tones import RINGBACK


def power(pcm: Pcm, hertz: float, start_s: float, stop_s: float) -> float:
    """The share of one frequency in a part of the sound (Goertzel), 0 to 1."""
    samples = array("h", pcm.samples)[round(start_s * pcm.rate) : round(stop_s * pcm.rate)]
    energy = sum(s * s for s in samples)
    if not energy:
        return 0.0
    re = sum(s * cos(2 * pi * hertz * n / pcm.rate) for n, s in enumerate(samples))
    im = sum(s * sin(2 * pi * hertz * n / pcm.rate) for n, s in enumerate(samples))
    return 2 * (re * re + im * im) / (len(samples) * energy)


def test_american_ringback_is_440_and_480_hertz_two_seconds_on_four_off() -> None:
    tone = ringback("us", rate=8000)
    assert tone.seconds == 6.0
    assert power(tone, 440, 0.5, 1.5) + power(tone, 480, 0.5, 1.5) > 0.98
    assert not any(tone.samples[2 * 16000 :])


def test_british_ringback_rings_twice() -> None:
    tone = ringback("GB", rate=16000)
    sounding = [any(tone.samples[2 * n : 2 * n + 1600]) for n in (1600, 8000, 11200, 32000)]
    assert sounding == [True, False, True, False]


@pytest.mark.parametrize("country", sorted(RINGBACK))
def test_every_country_starts_with_sound_and_ends_silent(country: str) -> None:
    tone = ringback(country, rate=8000)
    assert tone.seconds == pytest.approx(sum(RINGBACK[country].on_off_s))
    assert any(tone.samples[:1600])
    assert not any(tone.samples[-1600:])


def test_an_unknown_country_names_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match=r"voice\.ringback: 'atlantis': must be one of at, au"):
        ringback("atlantis", rate=8000)


def test_the_beep_is_one_kilohertz_and_starts_softly() -> None:
    tone = beep(rate=8000)
    assert power(tone, 1000, 0.05, 0.2) > 0.98
    assert abs(array("h", tone.samples)[1]) < 300


@pytest.mark.parametrize(
    ("written", "sent"),
    [("", ""), ("1w2W3#*", "1w2ww3#*"), ("abcd", "ABCD"), ("0123456789", "0123456789")],
)
def test_digits(written: str, sent: str) -> None:
    assert dtmf_digits(written) == sent


@given(st.text(max_size=20))
def test_digits_are_keys_or_the_first_that_is_none_is_named(text: str) -> None:
    wrong = [index for index, char in enumerate(text) if char not in "0123456789ABCDabcd*#wW"]
    if wrong:
        with pytest.raises(InvalidInput, match=rf"digits\[{wrong[0]}\]"):
            dtmf_digits(text)
    else:
        assert set(dtmf_digits(text)) <= set("0123456789ABCD*#w")
