"""The small types that settings are made of, each parsed once from its text."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, cast
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, SecretStr, ValidationInfo

from bridgetap.errors import InvalidInput

from .numbers import Number, parse_number
from .webhook_url import WebhookUrl

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
Transport: TypeAlias = Literal["udp", "tcp", "tls"]

_LISTEN = re.compile(r"(?P<transport>udp|tcp|tls)://(?P<host>\[[^\]]*\]|[^:/\[\]]+)(?::(?P<port>[0-9]{1,5}))?/?")
_HOST_PORT = re.compile(r"(?P<host>\[[^\]]*\]|[^:/\[\]]+):(?P<port>[0-9]{1,5})")
_SIP_URI = re.compile(
    r"(?i:sips?):(?:[^@\s<>\"]+@)?(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::[0-9]{1,5})?(?:;[^\s<>\"?]*)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenAddress:
    """`udp://127.0.0.1:5060`; `parse` and `str` undo each other."""

    transport: Transport
    address: Address
    port: int

    @classmethod
    def parse(cls, text: str) -> "ListenAddress":
        match = _LISTEN.fullmatch(text.strip())
        if match is None:
            raise ValueError("must be udp://, tcp:// or tls:// with an IP address and a port: udp://127.0.0.1:5060")
        transport = cast("Transport", match["transport"])
        port = int(match["port"]) if match["port"] else (5061 if transport == "tls" else 5060)
        return cls(transport=transport, address=_address(match["host"]), port=_port(port))

    @property
    def is_wildcard(self) -> bool:
        """Whether it stands for every address of the machine."""
        return self.address.is_unspecified

    def __str__(self) -> str:
        return f"{self.transport}://{_host(self.address)}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPort:
    """`127.0.0.1:8080`; `parse` and `str` undo each other."""

    address: Address
    port: int

    @classmethod
    def parse(cls, text: str) -> "HostPort":
        match = _HOST_PORT.fullmatch(text.strip())
        if match is None:
            raise ValueError("must be an IP address and a port: 127.0.0.1:8080 or [::1]:8080")
        return cls(address=_address(match["host"]), port=_port(int(match["port"])))

    def __str__(self) -> str:
        return f"{_host(self.address)}:{self.port}"


def _address(host: str) -> Address:
    bare = host.removeprefix("[").removesuffix("]")
    if bare == "localhost":
        return IPv4Address("127.0.0.1")
    try:
        return ip_address(bare)
    except ValueError:
        raise ValueError(f"{bare!r} is no IP address (name the address to bind, not a host name)") from None


def _host(address: Address) -> str:
    return f"[{address}]" if address.version == 6 else str(address)


def _port(port: int) -> int:
    if port > 65535:
        raise ValueError("the port must be 0 (any free one) to 65535")
    return port


def _network(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return ip_network(value.strip(), strict=False)
    except ValueError:
        raise ValueError('must be a network such as "198.51.100.0/24", or one address') from None


def _ip(value: Any) -> Any:
    return _address(value) if isinstance(value, str) else value


def _in_folder(path: Path, info: ValidationInfo) -> Path:
    """Relative paths mean the configuration's own folder, wherever the command was started."""
    folder = (info.context or {}).get("folder", Path())
    return cast("Path", folder / path.expanduser())


def _http_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an absolute http:// or https:// URL")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("must not hold user information, a query or a fragment")
    return text.rstrip("/")


def _callback_url(secret: SecretStr) -> SecretStr:
    """A user, a password and a query are welcome here, so the whole is a secret."""
    try:
        WebhookUrl.parse(secret.get_secret_value())
    except InvalidInput as error:
        raise ValueError(error.rule) from None
    return secret


def _sip_uri(text: str) -> str:
    if not _SIP_URI.fullmatch(text):
        raise ValueError("must be a SIP URI such as sip:carrier.example;transport=tcp")
    return text


def _store_url(secret: SecretStr, info: ValidationInfo) -> SecretStr:
    """SQLite's file is a path like any other; the driver is named where the user left it out."""
    scheme, colon, rest = secret.get_secret_value().partition("://")
    if colon and scheme in {"sqlite", "sqlite+aiosqlite"}:
        if rest in {"", "/", "/:memory:"}:
            return SecretStr("sqlite+aiosqlite://")
        if not rest.startswith("/"):
            raise ValueError("an SQLite URL has three slashes before a relative path: sqlite:///bridgetap.db")
        path, question, query = rest[1:].partition("?")
        folder = (info.context or {}).get("folder", Path())
        return SecretStr(f"sqlite+aiosqlite:///{folder / path}{question}{query}")
    if colon and scheme in {"postgresql", "postgres", "postgresql+asyncpg"} and rest:
        return SecretStr(f"postgresql+asyncpg://{rest}")
    raise ValueError("must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE")


def _split(value: Any) -> Any:
    """An environment variable writes a list with commas."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


_as_text = PlainSerializer(str, return_type=str, when_used="json")

Listen = Annotated[
    ListenAddress, BeforeValidator(lambda v: ListenAddress.parse(v) if isinstance(v, str) else v), _as_text
]
HttpListen = Annotated[HostPort, BeforeValidator(lambda v: HostPort.parse(v) if isinstance(v, str) else v), _as_text]
Cidr = Annotated[Network, BeforeValidator(_network), _as_text]
IpAddress = Annotated[Address, BeforeValidator(_ip), _as_text]
E164OrAny = Annotated[Number, BeforeValidator(lambda v: parse_number(v) if isinstance(v, str) else v)]
FilePath = Annotated[Path, AfterValidator(_in_folder)]
CallbackUrl = Annotated[SecretStr, AfterValidator(_callback_url)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
SipUriText = Annotated[str, AfterValidator(_sip_uri)]
StoreUrl = Annotated[SecretStr, AfterValidator(_store_url)]
CommaList = BeforeValidator(_split)
