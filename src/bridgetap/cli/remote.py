"""A running server's REST API, as `call`, `calls` and `stream` use it."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import httpx

from bridgetap.errors import BridgetapError, ConfigurationError
from bridgetap.settings import Settings, open_account

from .config import load_settings

VARIABLE = "BRIDGETAP_URL"
TIMEOUT_S = 30.0


class ServerError(BridgetapError):
    """The server cannot be reached, or is none."""


class ServerRefused(ServerError):
    """The server said no."""

    exit_code = 1

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where it is and who we are to it."""

    url: str
    account_sid: str
    token: str = field(repr=False)

    @classmethod
    def find(cls, config: Path | None) -> "Server":
        """From `--config` where it is given, else BRIDGETAP_URL, else the configuration found here."""
        variable = os.environ.get(VARIABLE)
        if config is None and variable:
            return cls.parse(variable)
        return cls.of(load_settings(config))

    @classmethod
    def parse(cls, text: str) -> "Server":
        """`https://AC…:TOKEN@host`."""
        parts = urlsplit(text)
        if parts.scheme not in {"http", "https"} or not parts.hostname or not parts.username or not parts.password:
            raise ConfigurationError(VARIABLE, "must be http:// or https://, with AC…:TOKEN@ before the host")
        place = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))
        return cls(url=place, account_sid=unquote(parts.username), token=unquote(parts.password))

    @classmethod
    def of(cls, settings: Settings) -> "Server":
        """The server these settings describe, on this machine."""
        account = open_account(settings.account, create=False)
        listen = settings.http.listen
        host = str(listen.address)
        if listen.address.is_unspecified:
            host = "::1" if listen.address.version == 6 else "127.0.0.1"
        host = f"[{host}]" if ":" in host else host
        return cls(url=f"http://{host}:{listen.port}", account_sid=account.sid, token=account.auth_token)

    def get(self, path: str, parameters: dict[str, str], *, member: str) -> dict[str, Any]:
        """The answer of `path` below the account, such as `Calls.json`; `member` must stand in it."""
        return self._send("GET", path, member, params=parameters)

    def post(self, path: str, form: dict[str, str], *, member: str) -> dict[str, Any]:
        return self._send("POST", path, member, data=form)

    def _send(self, method: str, path: str, member: str, **content: Any) -> dict[str, Any]:
        url = f"{self.url}/2010-04-01/Accounts/{self.account_sid}/{path}"
        try:
            # Nothing of this goes through a proxy: the credentials are for this server alone.
            with httpx.Client(timeout=TIMEOUT_S, trust_env=False) as client:
                response = client.request(method, url, auth=(self.account_sid, self.token), **content)
        except httpx.HTTPError as error:
            why = str(error) or type(error).__name__
            raise ServerError(f"{self.url}: no answer ({why}); is the server running?") from None
        try:
            body = response.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise ServerError(f"{self.url}: answered {response.status_code} and no JSON object; is it a Bridgetap?")
        if not response.is_success:
            raise ServerRefused(_refusal(self.url, response.status_code, body), response.status_code)
        if member not in body:
            raise ServerError(f"{self.url}: answered {response.status_code} without {member!r}; is it a Bridgetap?")
        return body


def _refusal(url: str, status: int, body: dict[str, Any]) -> str:
    if "message" in body:
        return f"{body['message']} ({body.get('code', status)})"
    return f"{url}: answered {status}"
