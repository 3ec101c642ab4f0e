"""Addresses of record: whoever a call names, as a URI that a recorder can read (RFC 7865 §6.5.1)."""

import re
from urllib.parse import quote

_NUMBER = re.compile(r"\+[0-9]{1,15}")
_SCHEME = re.compile(r"(?i:(sips?|tel)):(.+)", re.DOTALL)
_URI = "!$&'()*+,;=:@/?-._~[]%"  # of RFC 3986, and the brackets of IPv6
_USER = "!$&'()*+,=-._~"  # what may stand in the user part of a SIP URI as it is (RFC 3261 §25.1)


def aor_of(address: str, *, domain: str) -> str:
    """`+15551230000` → `tel:`, a SIP or tel URI as it is, anything else a user of `domain`. Whatever stands in
    it, the result is a URI: what may not stand there is percent-encoded."""
    address = address.strip()
    if _NUMBER.fullmatch(address):
        return f"tel:{address}"
    if (match := _SCHEME.fullmatch(address)) is not None:
        return f"{match[1].lower()}:{_escaped(match[2], _URI)}"
    user = address.removeprefix("client:")
    return f"sip:{_escaped(user, _USER) or 'anonymous'}@{domain if user else 'anonymous.invalid'}"


def _escaped(text: str, safe: str) -> str:
    """`%` stays where it encodes something already."""
    whole = re.sub("%(?![0-9A-Fa-f]{2})", "%25", text) if "%" in safe else text
    return quote(whole.encode("utf-8", "replace"), safe=safe)
