"""The names of things: SIDs as types, and how to make and read them (spec: two letters + 32 hex)."""

import re
from typing import NewType

AccountSid = NewType("AccountSid", str)
CallSid = NewType("CallSid", str)
StreamSid = NewType("StreamSid", str)
SiprecSid = NewType("SiprecSid", str)
FlowSid = NewType("FlowSid", str)
ExecutionSid = NewType("ExecutionSid", str)
StepSid = NewType("StepSid", str)
PhoneNumberSid = NewType("PhoneNumberSid", str)

PREFIXES = {
    AccountSid: "AC",
    CallSid: "CA",
    StreamSid: "MZ",
    SiprecSid: "SR",
    FlowSid: "FW",
    ExecutionSid: "FN",
    StepSid: "FT",
    PhoneNumberSid: "PN",
}


def make_sid(prefix: str, entropy: bytes) -> str:
    """A SID from its two letters and 16 random bytes, lower-case hex. Randomness comes in: the
    pure folders roll no dice."""
    if len(prefix) != 2 or len(entropy) != 16:
        raise ValueError(f"a SID takes 2 letters and 16 bytes, got {prefix!r} and {len(entropy)} bytes")
    return prefix + entropy.hex()


def is_sid(text: str, prefix: str) -> bool:
    """Whether `text` is a SID of that kind; upper-case hex is accepted, as Twilio's pattern does."""
    return re.fullmatch(rf"{prefix}[0-9a-fA-F]{{32}}", text) is not None
