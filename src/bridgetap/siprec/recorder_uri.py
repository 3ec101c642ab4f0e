"""A recorder's address as connectors write it, Twilio's own spellings included:
`sip:rec@srs.example:5060;secure=true;transport=tls&edge=ashburn`.
"""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from bridgetap.errors import InvalidInput

RecorderTransport: TypeAlias = Literal["udp", "tcp", "tls"]

URI_INVALID = 32110
PARAMETER_INVALID = 32114

_URI = re.compile(
    r"(?P<scheme>sips?):(?:(?P<user>[^@:;&?<>\s\"]+)@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<rest>(?:[;&][^;&?\s<>\"]*)*)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderUri:
    """Where to call, and whether audio is encrypted. `uri` names its transport, so that a large INVITE never
    leaves by UDP unless somebody asked for that (RFC 3261 §18.1.1)."""

    uri: str
    transport: RecorderTransport
    secure: bool
    notes: tuple[str, ...] = ()  # what was passed over

    def __str__(self) -> str:
        return self.uri


def parse_recorder(
    text: str, *, place: str, transport: RecorderTransport | None = None, secure: bool = False
) -> RecorderUri:
    """Read one; `transport` and `secure` are the connector's, where the URI says nothing. Without either it is
    TCP, and TLS for encrypted audio: keys travel in the signalling. `InvalidInput` with Twilio's code."""
    if re.match(r"[^:]*:[^@]*:[^@]*@", text):
        rule = "no password in it: it would be shown; username and password of the connector answer a challenge"
        raise InvalidInput(place, f"sip:…@{text.rpartition('@')[2]}", rule, code=URI_INVALID)
    match = _URI.fullmatch(text.strip())
    if match is None or not 0 < int(match["port"] or 5060) <= 65535:
        rule = "must be sip:USER@HOST:PORT or sips:…, with parameters behind it"
        raise InvalidInput(place, text, rule, code=URI_INVALID)
    kept: list[str] = []
    notes: list[str] = []
    for parameter in filter(None, re.split("[;&]", match["rest"])):
        name, _, value = parameter.partition("=")
        match name.lower():
            case "secure":
                secure = _flag(value, place)
            case "transport":
                transport = _transport(value, place)
            case "edge" | "region":
                notes.append(f"{name}={value} means nothing here and is passed over")
            case _:
                kept.append(parameter)
    if match["scheme"].lower() == "sips":
        if transport not in (None, "tls"):
            raise InvalidInput(place, text, f"sips: is TLS, not {transport}", code=PARAMETER_INVALID)
        transport = "tls"
    transport = transport or ("tls" if secure else "tcp")
    user = f"{match['user']}@" if match["user"] else ""
    port = f":{match['port']}" if match["port"] else ""
    uri = ";".join([f"sip:{user}{match['host']}{port}", *kept, f"transport={transport}"])
    return RecorderUri(uri=uri, transport=transport, secure=secure, notes=tuple(notes))


def _flag(value: str, place: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise InvalidInput(place, f"secure={value}", "must be true or false", code=PARAMETER_INVALID)
    return value.lower() == "true"


def _transport(value: str, place: str) -> RecorderTransport:
    match value.lower():
        case "udp":
            return "udp"
        case "tcp":
            return "tcp"
        case "tls":
            return "tls"
        case _:
            raise InvalidInput(place, f"transport={value}", "must be udp, tcp or tls", code=PARAMETER_INVALID)
