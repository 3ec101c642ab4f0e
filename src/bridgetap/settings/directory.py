"""`[[numbers]]`, `[[trunks]]`, `[[users]]`: who can call whom."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, SecretStr, model_validator

from .base import Section, broken
from .network import Codecs
from .values import CallbackUrl, Cidr, CommaList, E164OrAny, FilePath, SipUriText

Method: TypeAlias = Literal["GET", "POST"]


class NumberSettings(Section):
    """A number that is answered here."""

    number: E164OrAny = Field(description='The dialled number, compared as E.164; `"*"` matches any.')
    flow: FilePath | None = Field(
        default=None, description="The flow definition (JSON) that runs on a call to it; or give `voice_url`."
    )
    voice_url: CallbackUrl | None = Field(
        default=None, description="Where the TwiML document is asked for that runs on a call to it; or give `flow`."
    )
    voice_method: Method = Field(default="POST", description="How `voice_url` is asked: `POST` or `GET`.")
    voice_fallback_url: CallbackUrl | None = Field(
        default=None, description="Asked where a document of the call cannot be had or read."
    )
    voice_fallback_method: Method = Field(
        default="POST", description="How `voice_fallback_url` is asked: `POST` or `GET`."
    )
    status_callback: CallbackUrl | None = Field(default=None, description="Told how the calls to it go.")
    status_callback_method: Method = Field(
        default="POST", description="How `status_callback` is told: `POST` or `GET`."
    )
    status_callback_event: Annotated[
        tuple[Literal["initiated", "ringing", "answered", "completed"], ...], CommaList
    ] = Field(
        default=("completed",),
        description="What of: `initiated`, `ringing`, `answered`, `completed` (whatever ended the call).",
    )
    answer: Literal["at-once", "on-bridge"] = Field(
        default="at-once",
        description="When the call is answered: as soon as audio is needed, or when the dialled party answers.",
    )

    @model_validator(mode="after")
    def _runs_one_thing(self) -> "NumberSettings":
        if self.flow is not None and self.voice_url is not None:
            raise broken("voice_url", "flow and voice_url exclude each other: one of them runs on a call")
        if self.flow is None and self.voice_url is None:
            raise broken("flow", "required: a flow, or voice_url for TwiML")
        if self.flow is not None and self.voice_fallback_url is not None:
            raise broken("voice_fallback_url", "goes with voice_url: a flow has no fallback")
        return self


class TrunkSettings(Section):
    """A carrier or another telephone system."""

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="Its name in logs and metrics.")
    uri: SipUriText = Field(description="Where calls to it go, e.g. `sip:carrier.example;transport=tcp`.")
    match: Annotated[tuple[str, ...], CommaList] = Field(
        default=(), description='Prefixes of dialled numbers that go there: `"+"`, `"+49"`; the longest wins.'
    )
    priority: int = Field(default=1, ge=0, description="Among trunks that match alike, the lowest is tried first.")
    username: str | None = Field(default=None, min_length=1, description="User name for its digest challenge.")
    password: SecretStr | None = Field(default=None, description="Password for its digest challenge.")
    register_: bool = Field(default=False, alias="register", description="Whether to register there.")
    register_expires_s: int = Field(default=3600, ge=60, le=86_400, description="Lifetime asked for when registering.")
    from_user: str | None = Field(
        default=None, min_length=1, description="User part of From toward it, instead of the caller's number."
    )
    allow_from: Annotated[tuple[Cidr, ...], CommaList] = Field(
        default=(), description="Networks from which its calls come; admitted without a challenge."
    )
    number_from: Literal["request-uri", "to"] = Field(
        default="request-uri", description="Where an incoming call's dialled number stands."
    )
    codecs: Codecs | None = Field(default=None, description="Codecs for it, most wanted first; absent: `media.codecs`.")
    dtmf: Literal["rfc4733", "info", "inband"] = Field(default="rfc4733", description="How keys are sent to it.")
    max_calls: int | None = Field(default=None, ge=1, description="Calls at a time through it; absent: no own limit.")
    transfer: bool = Field(
        default=False, description="Whether parties behind it may transfer calls, while `calls.transfer_by` is users."
    )
    ping_s: int = Field(default=30, ge=0, le=3600, description="Pause between OPTIONS pings; 0 sends none.")

    @model_validator(mode="after")
    def _credentials_are_whole(self) -> "TrunkSettings":
        if (self.username is None) != (self.password is None):
            raise broken("password" if self.password is None else "username", "username and password go together")
        if self.register_ and self.username is None:
            raise broken("username", "required, because register is true")
        return self


class UserSettings(Section):
    """A phone that registers here."""

    username: str = Field(pattern=r"^[^\s:@<>\"]{1,128}$", description="Its user name; `client:NAME` in flows.")
    password: SecretStr | None = Field(default=None, min_length=1, description="Its password; or give `ha1`.")
    ha1: SecretStr | None = Field(default=None, description="MD5 of `user:realm:password`, in hex.")
    ha1_sha256: SecretStr | None = Field(
        default=None, description="SHA-256 of the same; the phone is then challenged with SHA-256 (RFC 8760)."
    )

    @model_validator(mode="after")
    def _can_be_challenged(self) -> "UserSettings":
        if self.password is None and self.ha1 is None and self.ha1_sha256 is None:
            raise broken("password", "one of password, ha1 and ha1_sha256 is required")
        for key, secret, length in (("ha1", self.ha1, 32), ("ha1_sha256", self.ha1_sha256, 64)):
            text = "" if secret is None else secret.get_secret_value().lower()
            if text and (len(text) != length or set(text) - set("0123456789abcdef")):
                raise broken(key, f"must be {length} hex digits")
        return self
