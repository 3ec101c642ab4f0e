"""A scripted SIP phone on the same Rust core: it registers, calls, answers, plays, presses keys and listens.

What it does is data (`script`), what came of it is a `Report`. The demo, the simulator and tests
ring the server with it; nothing in the server knows it.
"""

from pathlib import Path

from .phone import Phone, PhoneConfig, RegistrationFailed, open_phone
from .report import Moment, Report
from .script import Answer, HangUp, Play, Reject, Ring, Script, SendDigits, Step, UntilHungUp, Wait

CALLER_WAV = Path(__file__).parent / "audio" / "caller.wav"
CALLEE_WAV = Path(__file__).parent / "audio" / "callee.wav"

__all__ = [
    "CALLEE_WAV",
    "CALLER_WAV",
    "Answer",
    "HangUp",
    "Moment",
    "Phone",
    "PhoneConfig",
    "Play",
    "RegistrationFailed",
    "Reject",
    "Report",
    "Ring",
    "Script",
    "SendDigits",
    "Step",
    "UntilHungUp",
    "Wait",
    "open_phone",
]
