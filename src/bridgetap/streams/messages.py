"""What an end is called, for the notification log and for who is called back."""

STREAM_FAILED = 31900
TLS_FAILED = 31910
CONNECTOR_INVALID = 31942

MESSAGES = {  # spec/twilio §3.6
    31900: "the stream failed",
    31901: "the server did not answer in time",
    31902: "the server refused the connection",
    31903: "the server dropped the connection",
    31904: "the server cannot be reached",
    31910: "TLS failed",
    31920: "the server answered the handshake with something other than 101",
    31921: "the server closed the socket",
    31924: "the server broke the WebSocket protocol",
    31942: "the connector cannot be used",
    32106: "the recorder refuses our credentials",
}


WARNINGS = {  # of a far end that speaks
    31931: "audio from the server was discarded",
    31950: "the server sent a binary message",
    31951: "the server sent a message that is none of the protocol",
}


def code_of(code: int) -> int:
    """An end that has no code of its own is 31900."""
    return code or STREAM_FAILED


def words_of(code: int, detail: str) -> str:
    message = MESSAGES.get(code, MESSAGES[STREAM_FAILED])
    return f"{message}: {detail}" if detail else message


def warning_of(code: int, detail: str) -> str:
    return f"{WARNINGS.get(code) or MESSAGES.get(code, MESSAGES[STREAM_FAILED])}: {detail}"


def message_of(reason: str, code: int, detail: str) -> str:
    """`31921: the server closed the socket: …`, as a callback's StreamError."""
    if reason == "crashed":
        return f"{STREAM_FAILED}: this server was killed while the stream ran"
    return f"{code_of(code)}: {words_of(code, detail)}"
