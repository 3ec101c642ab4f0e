"""The account's SID and token: given, or made once and kept in a file that only its owner can read."""

import hashlib
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from bridgetap.errors import ConfigurationError
from bridgetap.ids import AccountSid

from .server import AccountSettings

TOKEN_BYTES = 16  # 32 hex digits, as Twilio's


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who we are toward REST clients, webhooks and stream servers."""

    sid: AccountSid
    auth_token: str = field(repr=False)


def open_account(settings: AccountSettings, *, create: bool) -> Account:
    """The account of these settings. With `create`, a token is made where there is none yet."""
    if settings.auth_token is not None:
        token = settings.auth_token.get_secret_value()
    else:
        token = _read(settings.token_file) or (_create(settings.token_file) if create else "")
    if not token:
        raise ConfigurationError("account.token_file", f"{settings.token_file} does not exist; `serve` makes it")
    return Account(sid=AccountSid(settings.sid or derive_sid(token)), auth_token=token)


def derive_sid(token: str) -> str:
    """The SID of an account that has only a token: the same each time, and no way back."""
    return "AC" + hashlib.sha256(b"bridgetap account " + token.encode()).hexdigest()[:32]


def _read(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError("account.token_file", f"{path}: cannot be read: {error}") from None
    if len(text) < 8:
        raise ConfigurationError("account.token_file", f"{path}: must hold a token of at least 8 characters")
    return text


def _create(path: Path) -> str:
    token = secrets.token_hex(TOKEN_BYTES)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read(path)  # another process was quicker
    except OSError as error:
        raise ConfigurationError("account.token_file", f"{path}: cannot be made: {error.strerror}") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(token + "\n")
    return token
