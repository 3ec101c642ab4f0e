"""Why a request got no answer, in words and as Twilio's code."""

import socket
import ssl

import httpx

from .errors import (
    BAD_HOST,
    CERTIFICATE_EXPIRED,
    CERTIFICATE_NAME,
    CERTIFICATE_UNKNOWN,
    CONNECT_TIMED_OUT,
    CONNECTION_FAILED,
    CONNECTION_REFUSED,
    PROTOCOL_VIOLATION,
    TIMED_OUT,
    TLS_FAILED,
)

DISCONNECTED = "Server disconnected without sending a response."  # httpcore has no class for it

# OpenSSL's X509_V_ERR_… numbers: only these have a code of their own.
_CERTIFICATE = {
    10: (CERTIFICATE_EXPIRED, "its certificate has expired"),
    62: (CERTIFICATE_NAME, "its certificate is for another host name"),
    64: (CERTIFICATE_NAME, "its certificate is for another address"),
}


def cause_of(error: Exception) -> tuple[str, int]:
    """The reason and the code of what httpx raised."""
    match error:
        case httpx.ConnectTimeout():
            return "took no connection in time", CONNECT_TIMED_OUT
        case httpx.TimeoutException():
            return "did not answer in time", TIMED_OUT
        case httpx.RemoteProtocolError() if str(error) == DISCONNECTED:
            return "closed the connection without an answer", CONNECTION_FAILED
        case httpx.ProtocolError() | httpx.DecodingError():
            return f"does not speak HTTP: {error}", PROTOCOL_VIOLATION
        case _:
            return _below(error)


def _below(error: Exception) -> tuple[str, int]:
    cause: BaseException | None = error
    while cause is not None:
        match cause:
            case socket.gaierror():
                return f"its host name cannot be resolved: {cause.strerror}", BAD_HOST
            case ssl.SSLCertVerificationError():
                code, words = _CERTIFICATE.get(
                    cause.verify_code, (CERTIFICATE_UNKNOWN, f"its certificate is not trusted: {cause.verify_message}")
                )
                return words, code
            case ssl.SSLError():
                return f"TLS failed: {cause.strerror or cause}", TLS_FAILED
            case ConnectionRefusedError():
                return "refused the connection", CONNECTION_REFUSED
            case _:
                cause = cause.__cause__ or cause.__context__
    return f"cannot be reached: {str(error) or type(error).__name__}", CONNECTION_FAILED
