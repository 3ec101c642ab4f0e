"""The recording session's table (checklist 29, 31, 40, 49 to 61, 63, 64, 66)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridgetap.siprec import snapshot
from bridgetap.siprec.happenings import (
    Changed,
    Happening,
    Lost,
    OfferWanted,
    PauseWanted,
    Refused,
    ResumeWanted,
    SaidGoodbye,
    SnapshotWanted,
    StopWanted,
    Taken,
    TellAnswered,
    TellOvertaken,
)
from bridgetap.siprec.orders import Ask, Flow, HangUp, Hold, Offer, Order, Over, PassedOver, Started, Tell
from bridgetap.siprec.session import MOST_RETRIES, RecordingSession

from .calls import ALICE, BOB, CALL, id_of

ONE, TWO, THREE = "sip:one@srs", "sip:two@srs", "sip:three@srs"
HELD = CALL.with_party(replace(ALICE, sends=()))
ALONE = CALL.without_party(BOB.id, now_ns=CALL.recorded_ns + 9)


def session(*targets: str) -> RecordingSession:
    made = RecordingSession(call=CALL, targets=targets or (ONE, TWO))
    made.start(0.0)
    return made


def recording(*targets: str) -> RecordingSession:
    made = session(*targets)
    made.handle(Taken(), 0.1)
    made.outputs()
    return made


def after(made: RecordingSession, *happenings: Happening, now: float = 1.0) -> list[Order]:
    for happening in happenings:
        made.handle(happening, now)
    return made.outputs()


def kinds(orders: list[Order]) -> list[type[Order]]:
    return [type(order) for order in orders]


def test_the_first_recorder_is_asked_with_everything() -> None:
    """29."""
    made = session()
    assert made.outputs() == [Ask(target=ONE, document=snapshot(CALL), paused=False)]
    assert after(made, Taken()) == [Started(target=ONE), Flow()]
    assert made.next_timeout() is None


@pytest.mark.parametrize("status", [403, 420, 480, 486, 488, 500, 503, 603])
def test_a_refusal_leads_to_the_next_recorder_with_the_same_ids(status: int) -> None:
    """31."""
    made = session()
    (first,) = made.outputs()
    orders = after(made, Refused(status=status, reason="No"))
    assert kinds(orders) == [HangUp, PassedOver, Ask]
    second = orders[-1]
    assert isinstance(first, Ask)
    assert isinstance(second, Ask)
    assert (second.target, second.document) == (TWO, first.document)
    assert after(made, Taken())[0] == Started(target=TWO)


def test_silence_leads_to_the_next_recorder_and_the_last_ones_is_the_end() -> None:
    """61."""
    made = session()
    made.outputs()
    assert made.next_timeout() == 4.0
    made.handle_timeout(3.9)
    assert made.outputs() == []
    made.handle_timeout(4.0)
    assert kinds(made.outputs()) == [HangUp, PassedOver, Ask]
    made.handle_timeout(8.0)
    *_, over = made.outputs()
    assert over == Over(reason="failed", detail="sip:two@srs: no final answer within 4 s", status=408)
    assert made.is_over


def test_all_refused_is_one_failure_with_the_last_status() -> None:
    made = session()
    made.outputs()
    orders = after(made, Refused(status=503, reason="Busy"), Refused(status=603, reason="Decline"))
    assert orders[-1] == Over(reason="failed", detail="sip:two@srs: 603 Decline", status=603)
    assert sum(isinstance(order, Over) for order in orders) == 1


def test_a_redirect_is_followed_and_a_loop_of_them_is_not() -> None:
    """64."""
    made = session(ONE)
    made.outputs()
    orders = after(made, *[Refused(status=302, targets=(f"sip:{n}@srs",)) for n in range(5)])
    assert [order.target for order in orders if isinstance(order, Ask)] == ["sip:0@srs", "sip:1@srs", "sip:2@srs"]
    assert isinstance(orders[-1], Over)


def test_a_change_is_told_in_part_and_what_changes_meanwhile_goes_out_as_one() -> None:
    """55."""
    made = recording()
    (first,) = after(made, Changed(call=HELD))
    assert isinstance(first, Tell)
    assert first.document.mode == "partial"
    assert after(made, Changed(call=CALL), Changed(call=ALONE)) == []
    flow, second = after(made, TellAnswered(status=200))
    assert isinstance(second, Tell)
    assert [voice.participant for voice in second.document.participant_streams] == [ALICE.id]
    assert [left.participant for left in second.document.participant_sessions] == [BOB.id]
    assert after(made, TellAnswered(status=200)) == [Flow()]
    assert flow == Flow()


def test_what_changed_while_it_was_asked_is_told_once_it_has_answered() -> None:
    made = session()
    made.outputs()
    assert after(made, Changed(call=HELD)) == []
    assert kinds(after(made, Taken())) == [Started, Flow, Tell]


def test_a_change_that_was_refused_makes_the_next_document_complete() -> None:
    made = recording()
    after(made, Changed(call=HELD), TellAnswered(status=488))
    (told,) = after(made, Changed(call=CALL))
    assert isinstance(told, Tell)
    assert told.document.mode == "complete"


def test_a_resume_asked_for_while_a_paused_offer_is_out_is_told_once_it_is_answered() -> None:
    made = RecordingSession(call=CALL, targets=(ONE,))
    made.start(0.0, paused=True)
    (ask,) = made.outputs()
    assert isinstance(ask, Ask)
    assert ask.paused
    orders = after(made, ResumeWanted(), Taken())
    assert kinds(orders) == [Started, Tell]
    assert after(made, TellAnswered(status=200)) == [Flow()]


def test_a_pause_asked_for_while_an_offer_is_out_lets_nothing_flow() -> None:
    made = session(ONE)
    made.outputs()
    orders = after(made, PauseWanted(), Taken())
    assert kinds(orders) == [Started, Tell]
    assert isinstance(orders[-1], Tell)
    assert orders[-1].paused


def test_a_change_that_was_refused_is_told_again_after_a_while_and_not_for_ever() -> None:
    made = recording(ONE)
    after(made, PauseWanted())
    now, told = 1.0, 1
    made.handle(TellAnswered(status=500), now)
    while (due := made.next_timeout()) is not None:
        assert due > now
        now = due
        made.handle_timeout(now)
        (tell,) = made.outputs()
        assert isinstance(tell, Tell)
        assert (tell.paused, tell.document.mode) == (True, "complete")
        told += 1
        made.handle(TellAnswered(status=500), now)
    assert told == 1 + MOST_RETRIES
    assert made.outputs() == []
    assert not made.is_over, "nothing is sent, as was wanted"


def test_what_is_told_again_and_taken_is_forgotten() -> None:
    made = recording(ONE)
    after(made, Changed(call=HELD), TellAnswered(status=500))
    due = made.next_timeout()
    assert due is not None
    made.handle_timeout(due)
    made.outputs()
    assert after(made, TellAnswered(status=200)) == [Flow()]
    assert made.next_timeout() is None


def test_a_recorder_that_will_not_resume_is_lost() -> None:
    made = recording(ONE, TWO)
    after(made, PauseWanted(), TellAnswered(status=200), ResumeWanted())
    orders = after(made, TellAnswered(status=488))
    assert orders == [], "it was not told, so nothing may flow"
    while not orders:
        due = made.next_timeout()
        assert due is not None
        made.handle_timeout(due)
        made.outputs()
        orders = after(made, TellAnswered(status=488), now=due)
    assert kinds(orders) == [HangUp, PassedOver, Ask]


def test_a_change_that_the_recorders_own_re_invite_overtook_is_told_anew() -> None:
    made = recording()
    orders = after(made, Changed(call=HELD), Changed(call=CALL), TellOvertaken())
    assert kinds(orders) == [Tell, Flow], "it never knew of the hold"
    orders = after(made, SnapshotWanted(), TellOvertaken(), Changed(call=HELD))
    assert orders[-1] == Tell(document=snapshot(CALL), paused=False), "still everything"
    after(made, TellAnswered(status=200), TellAnswered(status=200))
    assert after(made, PauseWanted(), TellOvertaken())[-1] == Tell(document=snapshot(HELD), paused=True)
    assert after(made, ResumeWanted(), TellOvertaken()) == [Flow()], "it never knew of the pause"


@pytest.mark.parametrize("status", [408, 481])
def test_a_change_that_finds_nobody_moves_the_recording(status: int) -> None:
    """60."""
    made = recording()
    orders = after(made, Changed(call=HELD), TellAnswered(status=status))
    assert kinds(orders) == [Tell, HangUp, PassedOver, Ask]
    assert orders[-1] == Ask(target=TWO, document=snapshot(HELD), paused=False)
    assert after(made, Taken()) == [Flow()]


def test_a_snapshot_is_sent_at_once_when_it_is_asked_for() -> None:
    made = recording()
    assert after(made, SnapshotWanted()) == [Tell(document=snapshot(CALL), paused=False)]
    assert after(made, SnapshotWanted()) == []
    assert kinds(after(made, TellAnswered(status=200))) == [Flow, Tell]


def test_an_offerless_invite_gets_everything() -> None:
    made = recording()
    assert after(made, OfferWanted(request=7)) == [Offer(request=7, document=snapshot(CALL), paused=False)]


def test_an_offerless_invite_says_all_that_was_refused_before() -> None:
    """55: nothing is left to be told, and audio goes out again where that is what was offered."""
    made = recording()
    after(made, PauseWanted(), TellAnswered(status=200), ResumeWanted())
    assert after(made, TellAnswered(status=488)) == []
    assert made.next_timeout() is not None
    assert kinds(after(made, OfferWanted(request=1), now=1.5)) == [Offer, Flow]
    assert made.next_timeout() is None


def test_a_pause_stops_audio_before_it_is_told_and_a_resume_starts_it_after() -> None:
    made = recording()
    hold, told = after(made, PauseWanted())
    assert (hold, type(told)) == (Hold(), Tell)
    assert isinstance(told, Tell)
    assert told.paused
    assert after(made, TellAnswered(status=200)) == []
    (told,) = after(made, ResumeWanted())
    assert isinstance(told, Tell)
    assert not told.paused
    assert after(made, TellAnswered(status=200)) == [Flow()]


def test_what_is_paused_stays_paused_at_the_next_recorder() -> None:
    made = recording()
    after(made, PauseWanted(), TellAnswered(status=200))
    *_, ask = after(made, Lost(reason="gone"))
    assert isinstance(ask, Ask)
    assert ask.paused
    assert after(made, Taken()) == []


def test_one_that_recorded_long_is_asked_again_after_the_others() -> None:
    made = recording(ONE, TWO, THREE)
    asked = []
    for happening in (Lost(reason="gone"), Refused(status=503), Refused(status=503), Refused(status=503)):
        asked += [order.target for order in after(made, happening, now=60.0) if isinstance(order, Ask)]
    assert asked == [TWO, THREE, ONE]
    assert made.is_over


def test_one_that_takes_and_drops_at_once_does_not_go_on_for_ever() -> None:
    made = recording(ONE, TWO)
    orders = after(made, Lost(reason="gone"), Taken(), Lost(reason="gone"), now=1.0)
    assert isinstance(orders[-1], Over)


def test_a_goodbye_ends_it_and_one_that_tells_of_an_error_does_not() -> None:
    assert after(recording(), SaidGoodbye()) == [Over(reason="remote-closed")]
    assert kinds(after(recording(), SaidGoodbye(failed=True))) == [HangUp, PassedOver, Ask]


def test_a_stop_ends_it_in_any_state_once() -> None:
    for made in (session(), recording()):
        made.outputs()
        assert after(made, StopWanted(reason="call-ended"), StopWanted(), Lost(reason="late"), Taken()) == [
            HangUp(),
            Over(reason="call-ended"),
        ]


HAPPENINGS = st.sampled_from(
    [
        Taken(),
        Refused(status=503),
        Refused(status=302, targets=("sip:else@srs",)),
        Lost(reason="gone"),
        SaidGoodbye(failed=True),
        Changed(call=HELD),
        Changed(call=CALL),
        Changed(call=ALONE),
        Changed(call=replace(CALL, facts=replace(CALL.facts, siprec_sid=id_of(9)))),
        PauseWanted(),
        ResumeWanted(),
        SnapshotWanted(),
        OfferWanted(request=1),
        TellAnswered(status=200),
        TellAnswered(status=488),
        TellAnswered(status=481),
        TellOvertaken(),
        None,  # nothing happens until the next timeout
    ]
)


@given(st.lists(HAPPENINGS, max_size=40), st.floats(min_value=0.1, max_value=20), st.booleans())
def test_whatever_happens_in_any_order(happenings: list[Happening | None], step: float, patient: bool) -> None:
    """40, 41: One re-INVITE at a time, nothing partial before everything, one end, and nothing after it."""
    made = session(ONE, TWO, THREE)
    made.patient = patient
    orders: list[Order] = made.outputs()
    telling = knows = over = False
    for n, happening in enumerate([*happenings, StopWanted(), None]):
        if isinstance(happening, TellAnswered | TellOvertaken):
            telling = False
        if happening is None:
            now = max(n * step, made.next_timeout() or 0.0)
            made.handle_timeout(now)
            assert (made.next_timeout() or now + 1) > now, "it would be woken for ever"
            happened = made.outputs()
        else:
            happened = after(made, happening, now=n * step)
        for order in (*orders, *happened):
            assert not over
            match order:
                case Ask() | Offer():
                    assert order.document.mode == "complete"
                    telling, knows = (telling if isinstance(order, Offer) else False), True
                case Tell():
                    assert knows
                    assert not telling
                    assert order.document.labels in ((), ("1", "2"))
                    telling = True
                case Over():
                    over = True
                case _:
                    pass
        orders = []
    assert over


@pytest.mark.parametrize(
    "last",
    [TellAnswered(status=200), TellAnswered(status=500), TellOvertaken(), Lost(reason="gone"), SaidGoodbye(), None],
)
def test_a_goodbye_waits_a_moment_for_the_answer_to_the_last_change(last: Happening | None) -> None:
    """59: audio stops at once; what the recorder was told last is not cut off by the BYE."""
    made = recording()
    assert kinds(after(made, Changed(call=ALONE))) == [Tell]
    assert after(made, StopWanted(reason="call-ended"), now=2.0) == [Hold()]
    assert after(made, StopWanted(), Changed(call=CALL), ResumeWanted(), SnapshotWanted(), now=2.1) == []
    assert made.next_timeout() == 3.0
    if last is None:
        made.handle_timeout(2.9)
        assert made.outputs() == []
        made.handle_timeout(3.0)
    else:
        made.handle(last, 2.5)
    assert made.outputs() == [HangUp(), Over(reason="call-ended")]
    assert made.is_over
