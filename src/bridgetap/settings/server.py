"""`[account]`, `[store]`, `[log]`: the server itself."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from .base import Section
from .values import FilePath, StoreUrl


class AccountSettings(Section):
    """Who may use the REST API, and with what streams and webhooks are signed."""

    sid: str | None = Field(
        default=None, pattern=r"^AC[0-9a-f]{32}$", description="The account's SID; absent: derived from the token."
    )
    auth_token: SecretStr | None = Field(
        default=None, min_length=8, description="The account's token; absent: read from `token_file`."
    )
    token_file: FilePath = Field(
        default=Path("token"),
        description="Where the token is kept; made at the first start, readable by its owner alone.",
    )


class StoreSettings(Section):
    """Where calls, executions, streams and notifications are kept."""

    url: StoreUrl = Field(
        default=SecretStr("sqlite:///bridgetap.db"),
        description="`sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/DATABASE`.",
    )
    node: str = Field(
        default="bridgetap",
        pattern=r"^[A-Za-z0-9_.-]{1,64}$",
        description="This server's name in the store; servers that share a database need different ones.",
    )


class LogSettings(Section):
    """Logs, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="The least that is logged.")
    format: Literal["auto", "text", "json"] = Field(
        default="auto", description="`auto` is text on a terminal, JSON lines otherwise."
    )
