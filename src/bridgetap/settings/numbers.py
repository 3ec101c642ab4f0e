"""Telephone numbers as settings, flows and SIP write them, made comparable (E.164)."""

import re
from typing import NewType

Number = NewType("Number", str)  # "+15551230000", a short number as dialled, or "*"
ANY = Number("*")

E164 = re.compile(r"\+[1-9][0-9]{1,14}")

_SCHEME = re.compile(r"\A(?:tel|sips?):")
_SEPARATORS = re.compile(r"[\s().\-/]")
_DIALLABLE = re.compile(r"\+?[0-9*#]+")
_INTERNATIONAL = re.compile(r"00[1-9][0-9]{6,14}")


def normalise_number(text: str) -> Number:
    """A dialled or configured number as E.164 where it can be told, else as it stands.

    `+1 (555) 123-0000`, `0015551230000` and `tel:+15551230000` are all `+15551230000`. A number
    without a country stays as dialled: which country is meant nobody here can know.
    """
    bare, before = text.strip(), None
    while bare != before:
        bare, before = _SCHEME.sub("", bare).strip(), bare
    bare = bare.split(";", 1)[0].split("@", 1)[0].strip()
    digits = _SEPARATORS.sub("", bare)
    if _INTERNATIONAL.fullmatch(digits):
        return Number("+" + digits[2:])
    return Number(digits if _DIALLABLE.fullmatch(digits) else bare)


def parse_number(text: str) -> Number:
    """A number of the configuration: `*` matches any, letters are a user part (`support`)."""
    number = normalise_number(text)
    if not number or any(c.isspace() for c in number):
        raise ValueError('must be a telephone number such as "+15551230000", a user name, or "*" for any')
    if number.startswith("+") and not E164.fullmatch(number):
        raise ValueError("must be E.164: + and 2 to 15 digits, the first of them not 0")
    return number
