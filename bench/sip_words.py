"""As much SIP as the load's own messages need: look up what rtpengine must know, put another body in."""

import re


def body(message: str) -> str:
    return message.partition("\r\n\r\n")[2]


def with_body(message: str, sdp: str) -> str:
    """The same message around another SDP, its Content-Length right."""
    head = message.partition("\r\n\r\n")[0]
    head = re.sub(r"(?im)^(Content-Length: ?)\d+", lambda found: f"{found[1]}{len(sdp.encode())}", head)
    return f"{head}\r\n\r\n{sdp}"


def call_id(message: str) -> str:
    return _header(message, "Call-ID")


def tag(message: str, name: str) -> str:
    """The tag in From or To, "" where there is none."""
    found = re.search(r";tag=([^;\s]+)", _header(message, name).rpartition(">")[2])
    return found[1] if found else ""


def _header(message: str, name: str) -> str:
    head = message.partition("\r\n\r\n")[0]
    found = re.search(rf"(?im)^{re.escape(name)}:[ \t]*(.*?)\r?$", head)
    return found[1] if found else ""
