"""A web server that cannot be asked, or does not answer: why, with Twilio's code (spec/twilio §3.6)."""

from bridgetap.errors import ProviderError

CONNECT_TIMED_OUT = 11201
CONNECTION_REFUSED = 11202
TIMED_OUT = 11203
CONNECTION_FAILED = 11205
PROTOCOL_VIOLATION = 11206
BAD_HOST = 11210
TOO_MANY_REDIRECTS = 11215
TLS_FAILED = 11220
CERTIFICATE_NAME = 11235
CERTIFICATE_EXPIRED = 11236
CERTIFICATE_UNKNOWN = 11237


class WebhookFailed(ProviderError):
    """There is no answer. `url` is shown without user, password and query."""

    def __init__(self, url: str, reason: str, *, code: int) -> None:
        super().__init__(f"{url}: {reason}")
        self.url, self.reason, self.code = url, reason, code
