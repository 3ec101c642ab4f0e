"""SIP addresses as calls need them: URIs, name-addr headers (RFC 3261 §19.1, §20.10)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import unquote

from bridgetap.errors import InvalidInput

_SCHEME = re.compile(r"(sips?|tel):", re.IGNORECASE)
_HOST = re.compile(r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?")
_USER = re.compile(r"(?:[A-Za-z0-9\-_.!~*'()&=+$,;?/#]|%[0-9A-Fa-f]{2})*")
_USER_UNSAFE = re.compile(r"[^A-Za-z0-9\-_.!~*'()&=+$,;?/]")


@dataclass(frozen=True, slots=True, kw_only=True)
class SipUri:
    """`sip:user@host:port;parameters`. Headers after `?` are dropped: nobody may inject any.

    A password in the user part is dropped too: it is deprecated, and it would reach the logs.
    """

    host: str
    user: str = ""  # decoded
    scheme: str = "sip"
    port: int | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)  # names in lower case; "" = a bare flag

    @classmethod
    def parse(cls, text: str, *, place: str = "uri") -> Self:
        def malformed(rule: str) -> InvalidInput:
            return InvalidInput(place, text, rule, code=32110)

        match = _SCHEME.match(text)
        if match is None:
            raise malformed("must be a sip:, sips: or tel: URI")
        if not text.isascii() or not text.isprintable() or any(c in text for c in ' <>"'):
            raise malformed("spaces, quotes and control characters must be percent-encoded")
        scheme = match[1].lower()
        rest = text[match.end() :]
        if scheme == "tel":
            number, *parameters = rest.split(";")
            if not number:
                raise malformed("must hold a number")
            return cls(scheme="tel", user=unquote(number), host="", parameters=_parameters(parameters))
        user, at, hostport = rest.rpartition("@")
        user = user.split(":", 1)[0]
        if (at and not user) or not _USER.fullmatch(user):
            raise malformed("the user part is malformed")
        hostport, *parameters = hostport.split("?", 1)[0].split(";")
        host = _HOST.match(hostport)
        if host is None:
            raise malformed("must name a host")
        port = hostport[host.end() :]
        if port and not re.fullmatch(r":[0-9]{1,5}", port):
            raise malformed("the port must be 1 to 65535")
        number_ = int(port[1:]) if port else None
        if number_ is not None and not 1 <= number_ <= 65535:
            raise malformed("the port must be 1 to 65535")
        return cls(
            scheme=scheme,
            user=unquote(user),
            host=host[0].lower(),
            port=number_,
            parameters=_parameters(parameters),
        )

    def __str__(self) -> str:
        user = _USER_UNSAFE.sub(lambda c: "".join(f"%{byte:02X}" for byte in c[0].encode()), self.user)
        tail = "".join(f";{name}={value}" if value else f";{name}" for name, value in self.parameters.items())
        if self.scheme == "tel":
            return f"tel:{user}{tail}"
        port = f":{self.port}" if self.port is not None else ""
        return f"{self.scheme}:{user}{'@' if user else ''}{self.host}{port}{tail}"

    def with_user(self, user: str) -> "SipUri":
        """The same place, another user."""
        return SipUri(scheme=self.scheme, user=user, host=self.host, port=self.port, parameters=self.parameters)


@dataclass(frozen=True, slots=True, kw_only=True)
class NameAddr:
    """The value of From, To or Contact: `"Name" <uri>;parameters`."""

    uri: SipUri
    display: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str, *, place: str = "address") -> Self:
        text = text.strip()
        display, rest = _display(text, place)
        if rest.startswith("<"):
            uri, close, tail = rest[1:].partition(">")
            if not close:
                raise InvalidInput(place, text, "the < is not closed", code=32110)
        else:  # §20.10: without brackets, what follows a semicolon belongs to the header
            uri, semicolon, tail = rest.partition(";")
            tail = semicolon + tail
        parameters = [part.strip() for part in tail.strip().lstrip(";").split(";")]
        return cls(
            uri=SipUri.parse(uri.strip(), place=place),
            display=display,
            parameters=_parameters(parameters),
        )

    def __str__(self) -> str:
        display = "".join(character for character in self.display if character.isprintable())  # no header is injected
        if display:
            display = '"' + display.replace("\\", "\\\\").replace('"', '\\"') + '" '
        tail = "".join(f";{name}={value}" if value else f";{name}" for name, value in self.parameters.items())
        return f"{display}<{self.uri}>{tail}"


def header(headers: list[tuple[str, str]], name: str) -> str | None:
    """The first header of that name (RFC 3261 §7.3.1: names know no case)."""
    wanted = name.lower()
    return next((value for key, value in headers if key.lower() == wanted), None)


def _display(text: str, place: str) -> tuple[str, str]:
    if not text.startswith('"'):
        name, bracket, rest = text.partition("<")
        return (name.strip(), bracket + rest) if bracket else ("", text)
    escaped, name = False, ""
    for index, character in enumerate(text[1:], start=1):
        if escaped:
            name, escaped = name + character, False
        elif character == "\\":
            escaped = True
        elif character == '"':
            return name, text[index + 1 :].lstrip()
        else:
            name += character
    raise InvalidInput(place, text, "the quote is not closed", code=32110)


def _parameters(parts: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in parts:
        name, _, value = part.partition("=")
        if name.strip():
            found.setdefault(name.strip().lower(), value.strip().strip('"'))
    return found
