"""Who asks: HTTP Basic with the account's SID and token."""

import binascii
import hmac
from base64 import b64decode
from collections.abc import Awaitable, Callable

from fastapi import Request

from bridgetap.settings import Account

from .errors import AUTHENTICATE, CHALLENGE, ApiError, not_found


def require_account(account: Account) -> Callable[[Request], Awaitable[None]]:
    """A dependency that lets only the account itself in, and only to what is its own."""

    async def check(request: Request) -> None:  # async, or it would go through a thread
        given = _credentials(request.headers.get("Authorization", ""))
        if given is None:
            raise ApiError(401, AUTHENTICATE, "Authentication Error - No credentials provided", headers=CHALLENGE)
        sid, token = given
        # Both are compared whatever the first says: the time taken tells nothing.
        good_sid = hmac.compare_digest(sid.encode(), account.sid.encode())
        good_token = hmac.compare_digest(token.encode(), account.auth_token.encode())
        if not (good_sid and good_token):
            raise ApiError(401, AUTHENTICATE, "Authenticate", headers=CHALLENGE)
        if request.path_params.get("account_sid", account.sid) != account.sid:
            raise not_found(request.url.path)

    return check


def _credentials(header: str) -> tuple[str, str] | None:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = b64decode(encoded.strip(), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None
    user, colon, password = text.partition(":")
    return (user, password) if colon else None
