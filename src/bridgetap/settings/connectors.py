"""`[[connectors]]`: recorders that calls are forked to by SIPREC, each chain of them under a name."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints, model_validator

from .base import Section, broken
from .tls_files import check_tls_files
from .values import CommaList, FilePath, Transport

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]


class ConnectorSettings(Section):
    """Recorders under one name: what flows, TwiML and requests call a connector."""

    name: Text = Field(description="What `stream_connector`, `connectorName` and `ConnectorName` say.")
    recorders: Annotated[tuple[Text, ...], CommaList] = Field(
        min_length=1,
        max_length=8,
        description="`sip:` URIs, the first that takes the call records it, the next stands in for one that is lost.",
    )
    transport: Transport | None = Field(
        default=None, description="Of URIs that name none. Absent: `tcp`, and `tls` where `secure`."
    )
    secure: bool = Field(default=False, description="SRTP, its keys over TLS, for URIs without `;secure=`.")
    credentials_header: Text | None = Field(
        default=None, description="A header sent to these recorders, and to no other host."
    )
    credentials: SecretStr | None = Field(default=None, description="Its value.")
    username: str = Field(default="", description="Who we are when a recorder asks (401, 407).")
    password: SecretStr | None = Field(default=None, description="And its password.")
    trusted_ca: FilePath | None = Field(
        default=None, description="PEM file with the only authorities trusted for these recorders over TLS."
    )
    client_certificate: FilePath | None = Field(
        default=None, description="PEM file with the certificate chain that we show these recorders, and no other host."
    )
    client_key: FilePath | None = Field(default=None, description="PEM file with the key of `client_certificate`.")
    parameters_as: Literal["metadata", "headers", "both"] = Field(
        default="both", description="Where a stream's parameters go: `metadata`, `headers` of the INVITE, `both`."
    )
    metadata_content_type: Literal["standard", "legacy"] = Field(
        default="standard", description="`standard` is `application/rs-metadata+xml`; `legacy` leaves out the `+xml`."
    )
    label_order: Literal["inbound-first", "outbound-first"] = Field(
        default="inbound-first", description="Which track is label 1 and the first line."
    )
    answer_timeout_s: float = Field(
        default=4.0, ge=0.5, le=32, description="How long one recorder may take to answer before the next is asked."
    )
    ping_s: float = Field(
        default=10.0,
        ge=0,
        le=3600,
        description="How often a recorder is asked whether it still records (OPTIONS in the dialog); 0 is never.",
    )
    mandatory: bool = Field(
        default=False,
        description="Answer no call that is to be recorded here before it is; hang up where it is so no longer.",
    )
    tone: bool = Field(
        default=False,
        description="Let parties that are not `record-aware` hear a beep every 15 seconds while it is recorded here.",
    )
    mirrors: Annotated[tuple[Text, ...], CommaList] = Field(
        default=(), max_length=4, description="Connectors that record the same at the same time, each on its own."
    )

    @model_validator(mode="after")
    def _pairs_are_whole(self) -> "ConnectorSettings":
        if (self.credentials_header is None) != (self.credentials is None):
            missing = "credentials" if self.credentials is None else "credentials_header"
            raise broken(missing, "credentials_header and credentials go together")
        if bool(self.username) != (self.password is not None):
            raise broken("password" if self.username else "username", "username and password go together")
        if not self.name.isprintable():
            raise broken("name", "must be printable")
        check_tls_files(self)
        return self
