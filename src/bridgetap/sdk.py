"""Aims Twilio's Python SDK at this server: it has no base URL of its own.

from twilio.rest import Client
client = Client(account_sid, auth_token, http_client=bridgetap.twilio_http_client("http://127.0.0.1:8080"))
"""

from typing import Any
from urllib.parse import urlsplit, urlunsplit


def twilio_http_client(url: str, **options: Any) -> Any:
    """An `http_client` for `twilio.rest.Client` that sends every request to `url` instead of
    `https://api.twilio.com`. `options` are those of `twilio.http.http_client.TwilioHttpClient`: `timeout`,
    `proxy`, `pool_connections`, …; the package `twilio` must be installed."""
    base = urlsplit(url)
    if base.scheme not in {"http", "https"} or not base.hostname or base.query or base.fragment or "@" in base.netloc:
        raise ValueError(f"{url!r}: must be http://host or https://host, with a port or a path if need be")
    try:
        from twilio.http.http_client import TwilioHttpClient
    except ImportError as error:
        raise ImportError("twilio_http_client needs Twilio's SDK: pip install twilio") from error

    class Redirected(TwilioHttpClient):  # type: ignore[misc]
        """The SDK's own client, with the scheme and host of each request replaced."""

        def request(self, method: str, url: str, *args: Any, **more: Any) -> Any:
            asked = urlsplit(url)
            ours = urlunsplit(
                (base.scheme, base.netloc, base.path.rstrip("/") + asked.path, asked.query, asked.fragment)
            )
            return super().request(method, ours, *args, **more)

    return Redirected(**options)
