"""The stream doctor: connects to a `wss://` server as a call would, and says what is wrong with it.

`examine(order)` goes through the steps of `report.Step` in order and ends with a `Report`. The
steps with a socket (`reach`, `tls`, `opening`, `session`) only look; `certificates`, `upgrade`,
`frames` and `judge` are pure. Nothing that a server does raises, and everything is bounded in time.
"""

from .examine import examine, refused_url
from .order import TRACKS, Order, Place
from .report import TITLES, Finding, Report, Severity, Step, StepResult, Verdict
from .tls import make_context

__all__ = [
    "TITLES",
    "TRACKS",
    "Finding",
    "Order",
    "Place",
    "Report",
    "Severity",
    "Step",
    "StepResult",
    "Verdict",
    "examine",
    "make_context",
    "refused_url",
]
