"""The life of a fork as a table, and which ends are errors."""

import pytest

from bridgetap.streams import End, EndReason, State
from bridgetap.streams.life import NEXT, IllegalStep, Step, advance


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("step", Step)
def test_every_step_is_in_the_table_or_an_error(state: State, step: Step) -> None:
    legal = {
        (State.CREATED, Step.OPENED),
        (State.CREATED, Step.LOST),
        (State.CREATED, Step.STOPPED),
        (State.CREATED, Step.ENDED),
        (State.OPEN, Step.LOST),
        (State.OPEN, Step.RESUMED),
        (State.OPEN, Step.STOPPED),
        (State.OPEN, Step.ENDED),
        (State.RECONNECTING, Step.LOST),
        (State.RECONNECTING, Step.RESUMED),
        (State.RECONNECTING, Step.STOPPED),
        (State.RECONNECTING, Step.ENDED),
        (State.STOPPING, Step.OPENED),
        (State.STOPPING, Step.LOST),
        (State.STOPPING, Step.RESUMED),
        (State.STOPPING, Step.STOPPED),
        (State.STOPPING, Step.ENDED),
    }
    if (state, step) in legal:
        assert advance(state, step) is NEXT[state, step]
    else:
        with pytest.raises(IllegalStep, match=f"{step.value} while {state.value}"):
            advance(state, step)


def test_nothing_leaves_the_end() -> None:
    assert not [state for state, _ in NEXT if state is State.ENDED]


@pytest.mark.parametrize(
    ("reason", "close_code", "is_error"),
    [
        ("stopped", 0, False),
        ("call-ended", 0, False),
        ("drained", 0, False),
        ("remote-closed", 1000, False),
        ("remote-closed", 1001, True),
        ("remote-closed", 0, True),
        ("failed", 0, True),
        ("crashed", 0, True),
    ],
)
def test_which_ends_are_errors(reason: EndReason, close_code: int, is_error: bool) -> None:
    assert End(reason=reason, close_code=close_code).is_error is is_error
