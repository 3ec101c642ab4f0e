"""What goes wrong between a widget's words and the caller's ear."""

from bridgetap.errors import ProviderError


class VoiceError(ProviderError):
    """A prompt that could not be made; `code` is Twilio's (11200 family, spec/twilio §3.6).

    `source` is the URL, path or provider it was to come from.
    """

    def __init__(self, source: str, reason: str, *, code: int) -> None:
        super().__init__(f"{source}: {reason}")
        self.source, self.reason, self.code = source, reason, code


# The codes a prompt can fail with, beside `BAD_URL`.
RETRIEVAL_FAILED = 11200
CONNECTION_REFUSED = 11202
TIMED_OUT = 11203
CONNECTION_FAILED = 11205
PROTOCOL_VIOLATION = 11206
BAD_HOST = 11210
TOO_MANY_REDIRECTS = 11215
TLS_FAILED = 11220
TOO_LARGE = 11750
EMPTY_BODY = 11770
BAD_CONTENT_TYPE = 12300  # also audio that does not decode
SPEECH_FAILED = 13520  # Say
