"""How a call ended, in Twilio's words; and rows that close once."""

import pytest

from bridgetap.calls.ledger import EndedAs, final_status
from bridgetap.calls.leg_states import Ended
from bridgetap.engine import Cause


@pytest.mark.parametrize(
    ("cause", "status", "answered", "given_up", "told"),
    [
        ("bye", 0, True, None, "completed"),
        ("hung-up", 0, True, "canceled", "completed"),
        ("timeout", 0, True, None, "completed"),
        ("cancelled", 0, False, None, "canceled"),
        ("hung-up", 0, False, "no-answer", "no-answer"),
        ("hung-up", 0, False, "canceled", "canceled"),
        ("timeout", 0, False, None, "no-answer"),
        ("timeout", 408, False, None, "no-answer"),
        ("transport", 503, False, None, "failed"),
        ("transport", 0, False, None, "failed"),
        ("rejected", 486, False, None, "busy"),
        ("rejected", 600, False, None, "busy"),
        ("rejected", 603, False, None, "busy"),
        ("rejected", 480, False, None, "no-answer"),
        ("rejected", 487, False, None, "no-answer"),
        ("rejected", 302, False, None, "failed"),
        ("rejected", 404, False, None, "failed"),
    ],
)
def test_how_a_call_ended(cause: Cause, status: int, answered: bool, given_up: EndedAs | None, told: str) -> None:
    ended = Ended(cause=cause, status=status, reason="")
    assert final_status(ended, answered=answered, given_up=given_up) == told
