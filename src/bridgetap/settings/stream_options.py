"""`[[stream_options]]`: what streams to one server do and are owed, so that no secret stands in a flow."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, model_validator

from .base import Section, broken
from .calls import CaptureFrom, Channels, Events, Format, Framing, Overflow
from .tls_files import check_tls_files
from .values import CommaList, FilePath

_PATTERN = re.compile(r"wss://[^\s/?#@*]+(?:/[^\s?#*]*\*?)?")
_URL = re.compile(r"wss://[^\s/#@]+(?:/[^\s#]*)?")
_PIN = re.compile(r"(?:sha256/{1,2})?[A-Za-z0-9+/]{43}=")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")


def _pattern(text: str) -> str:
    if not _PATTERN.fullmatch(text):
        raise ValueError("must be wss://HOST/PATH without a query; a * may stand at the end of the path")
    return text


def _url(text: str) -> str:
    if not _URL.fullmatch(text):
        raise ValueError("must be a wss:// URL")
    return text


def _pin(text: str) -> str:
    if not _PIN.fullmatch(text):
        raise ValueError("must be sha256/ and the base64 of a SHA-256 digest")
    return text


class StreamOptionsSettings(Section):
    """Streams to the URLs of one pattern. A request's own options count more, `[streams]` counts less."""

    url: Annotated[str, AfterValidator(_pattern)] = Field(
        description="Which streams: `wss://HOST/PATH`; `*` at its end: all paths that begin so. The first match counts."
    )
    bearer_token: SecretStr | None = Field(
        default=None, min_length=1, description="Sent as `Authorization: Bearer …` with the handshake."
    )
    headers: dict[str, SecretStr] = Field(default_factory=dict, description="More headers of the handshake.")
    client_certificate: FilePath | None = Field(
        default=None, description="PEM file with the certificate chain that we show the server."
    )
    client_key: FilePath | None = Field(default=None, description="PEM file with the key of `client_certificate`.")
    trusted_ca: FilePath | None = Field(
        default=None, description="PEM file with the only authorities trusted for this server."
    )
    certificate_pins: Annotated[tuple[Annotated[str, AfterValidator(_pin)], ...], CommaList] = Field(
        default=(),
        description="The public keys its certificate may have: `sha256/` and the base64 of their SHA-256. None: any.",
    )
    fallback_urls: Annotated[tuple[Annotated[str, AfterValidator(_url)], ...], CommaList] = Field(
        default=(), max_length=4, description="Servers tried in this order when the first cannot be reached."
    )
    resume: bool | None = Field(default=None, description="As in `[streams]`.")
    resume_overlap_ms: int | None = Field(default=None, ge=0, le=60_000, description="As in `[streams]`.")
    ring_ms: int | None = Field(default=None, ge=1000, le=300_000, description="As in `[streams]`.")
    max_lag_ms: int | None = Field(default=None, ge=200, le=300_000, description="As in `[streams]`.")
    overflow: Overflow | None = Field(default=None, description="As in `[streams]`.")
    capture_from: CaptureFrom | None = Field(default=None, description="As in `[streams]`.")
    format: Format | None = Field(default=None, description="As in `[streams]`.")
    channels: Channels | None = Field(default=None, description="As in `[streams]`.")
    framing: Framing | None = Field(default=None, description="As in `[streams]`.")
    frame_ms: int | None = Field(default=None, ge=20, le=200, multiple_of=20, description="As in `[streams]`.")
    wall_clock: bool | None = Field(default=None, description="As in `[streams]`.")
    events: Events | None = Field(default=None, description="As in `[streams]`.")

    @model_validator(mode="after")
    def _files_can_be_used(self) -> "StreamOptionsSettings":
        """Read once at the start: a certificate that cannot be used is told then, not in the first call."""
        if self.bearer_token is not None and any(name.lower() == "authorization" for name in self.headers):
            raise broken("bearer_token", "the headers have an Authorization already")
        for name in self.headers:
            if not _HEADER.fullmatch(name):
                raise broken("headers", f"{name!r} is no header name (RFC 9110)")
        check_tls_files(self)
        return self
