"""A recording that is lost in the middle, and that nobody takes for a while (checklist 61)."""

from bridgetap.siprec.happenings import Changed, Lost, PauseWanted, Refused, ResumeWanted, StopWanted, Taken
from bridgetap.siprec.orders import Ask, Flow, HangUp, Order, Over, PassedOver
from bridgetap.siprec.session import RecordingSession

from .calls import CALL
from .test_session import ALONE, ONE, TWO, after, kinds


def lost(made: RecordingSession, now: float) -> list[Order]:
    """Lost, and refused by all who are asked then."""
    orders = after(made, Lost(reason="gone"), now=now)
    while isinstance(orders[-1], Ask):
        orders = after(made, Refused(status=503), now=now)
    return orders


def patient_recording(*targets: str) -> RecordingSession:
    made = RecordingSession(call=CALL, targets=targets, patient=True)
    made.start(0.0)
    made.handle(Taken(), 0.0)
    made.outputs()
    return made


def test_a_recording_that_was_lost_is_offered_again_until_somebody_takes_it() -> None:
    """61: the only recorder is restarted; it gets everything, as the call is by then."""
    made = patient_recording(ONE)
    assert kinds(lost(made, now=20.0)) == [HangUp, PassedOver]
    assert after(made, Changed(call=ALONE), PauseWanted(), ResumeWanted(), now=20.5) == []
    assert made.next_timeout() == 21.0
    made.handle_timeout(21.0)
    (ask,) = made.outputs()
    assert isinstance(ask, Ask)
    assert (ask.target, ask.document.mode) == (ONE, "complete")
    assert after(made, Taken(), now=21.1) == [Flow()]


def test_it_has_failed_after_half_a_minute_without_anybody() -> None:
    made = patient_recording(ONE, TWO)
    assert not isinstance(lost(made, now=1.0)[-1], Over)
    asked = []
    while not made.is_over:
        at = made.next_timeout()
        assert at is not None
        asked.append(at)
        made.handle_timeout(at)
        for _ in (ONE, TWO):
            orders = after(made, Refused(status=503), now=at)
    assert asked == [2.0, 4.0, 8.0, 16.0, 31.0]
    assert orders[-1] == Over(reason="failed", detail=f"{TWO}: 503", status=503)


def test_one_that_is_lost_again_and_again_is_not_asked_for_ever() -> None:
    """Whoever takes it and drops it at once uses up the same half minute; who recorded for long does not."""
    made = patient_recording(ONE)
    now, drops = 0.5, 0
    while not made.is_over:
        after(made, Lost(reason="gone"), now=now)
        drops += 1
        now = made.next_timeout() or now
        made.handle_timeout(now)
        after(made, Taken(), now=now)
    assert drops == 6
    steady = patient_recording(ONE)
    for hour in range(1, 10):
        assert kinds(lost(steady, now=3600.0 * hour)) == [HangUp, PassedOver]
        steady.handle_timeout(3600.0 * hour + 1)
        after(steady, Taken(), now=3600.0 * hour + 1)
    assert not steady.is_over


def test_a_stop_while_nobody_takes_it_is_a_stop_and_who_never_began_is_not_waited_for() -> None:
    made = patient_recording(ONE)
    lost(made, now=1.0)
    assert after(made, StopWanted(reason="call-ended"), now=1.1)[-1] == Over(reason="call-ended")
    never = RecordingSession(call=CALL, targets=(ONE,), patient=True)
    never.start(0.0)
    assert isinstance(after(never, Refused(status=503))[-1], Over)
