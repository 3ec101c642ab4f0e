"""What a Dial asks for, and where what became of it leads."""

import pytest

from bridgetap.flow.effects import (
    ClientTarget,
    Dial,
    EffectId,
    NumberTarget,
    Say,
    SipTarget,
)
from bridgetap.flow.events import (
    CallerHungUp,
    DialEnded,
    DialResult,
    DialStatus,
)
from bridgetap.ids import CallSid
from bridgetap.twiml.effects import (
    Callback,
    CallCallback,
    DialledParty,
    DialWithOptions,
    FetchDocument,
    NotifyAction,
)

from .call import URL, Call, only

TWO = EffectId(2)  # the first is the fetch


def test_a_plain_dial_is_a_flows() -> None:
    call = Call()
    dial = """<Dial timeout='9' timeLimit='60' callerId='+1555' record='true'>+1
        <Sip username='u' password='p'>a@b</Sip><Client>c</Client></Dial>"""
    assert call.begin(dial) == [
        Dial(
            id=TWO,
            targets=(
                NumberTarget(number="+1"),
                SipTarget(uri="sip:a@b", username="u", password="p"),
                ClientTarget(identity="c"),
            ),
            caller_id="+1555",
            timeout_s=9,
            time_limit_s=60,
            record=True,
        )
    ]


@pytest.mark.parametrize(
    ("inner", "effect"),
    [
        (
            "<Dial hangupOnStar='true'>1</Dial>",
            DialWithOptions(
                dial=Dial(id=TWO, targets=(NumberTarget(number="1"),)), parties=(DialledParty(),), hangup_on_star=True
            ),
        ),
        (
            "<Dial answerOnBridge='true' sequential='true' ringTone='de'>1<Number>2</Number></Dial>",
            DialWithOptions(
                dial=Dial(id=TWO, targets=(NumberTarget(number="1"), NumberTarget(number="2"))),
                parties=(DialledParty(), DialledParty()),
                answer_on_bridge=True,
                sequential=True,
                ring_tone="de",
            ),
        ),
        (
            """<Dial><Number sendDigits="w1" url="whisper" method="GET" statusCallback="/cb"
            statusCallbackEvent="ringing completed">1</Number>
            <Client>c<Parameter name="k" value="v"/><Parameter name="" value="x"/></Client></Dial>""",
            DialWithOptions(
                dial=Dial(id=TWO, targets=(NumberTarget(number="1"), ClientTarget(identity="c"))),
                parties=(
                    DialledParty(
                        send_digits="w1",
                        screen=Callback(url="https://app.test/voice/whisper", method="GET"),
                        status=CallCallback(url="https://app.test/cb", events=("ringing", "completed")),
                    ),
                    DialledParty(parameters=(("k", "v"),)),
                ),
            ),
        ),
    ],
)
def test_what_only_twiml_can_say_of_a_dial(inner: str, effect: DialWithOptions) -> None:
    (found,) = Call().begin(inner)
    assert found == effect
    assert effect.id == TWO


def test_one_target_has_no_sequence() -> None:
    assert only(Call().begin("<Dial sequential='true'>1</Dial>"), Dial).id == TWO


def test_a_callback_that_leads_nowhere_is_left_out() -> None:
    call = Call()
    call.begin("<Dial><Number statusCallback='ftp://a'>1</Number></Dial>")
    assert call.logged == [("error", 11100, "Response/Dial/Number/@statusCallback")]


CALL_SID = CallSid("CA" + "2" * 32)


@pytest.mark.parametrize(
    ("result", "parameters"),
    [
        (
            DialResult(status="completed", call_sid=CALL_SID, duration_s=7, recording_url="https://r.test/1"),
            {
                "DialCallStatus": "completed",
                "DialCallSid": CALL_SID,
                "DialCallDuration": "7",
                "DialBridged": "true",
                "RecordingUrl": "https://r.test/1",
            },
        ),
        *[
            (
                DialResult(status=status),
                {"DialCallStatus": status, "DialCallDuration": "0", "DialBridged": "false"},
            )
            for status in ("busy", "no-answer", "failed", "canceled")
        ],
    ],
)
def test_the_action_is_told_what_became_of_the_dial(result: DialResult, parameters: dict[str, str]) -> None:
    call = Call()
    call.begin("<Dial action='/done' method='GET'>1</Dial><Say>never</Say>")
    fetch = only(call.tell(DialEnded(effect=TWO, result=result)), FetchDocument)
    assert (fetch.url, fetch.method, dict(fetch.parameters)) == ("https://app.test/done", "GET", parameters)


def test_an_empty_action_is_this_document() -> None:
    call = Call()
    call.begin("<Dial action=''>1</Dial>")
    assert only(call.tell(DialEnded(effect=TWO, result=DialResult(status="busy"))), FetchDocument).url == URL


@pytest.mark.parametrize("status", ["completed", "busy"])
def test_without_an_action_the_next_verb_follows(status: DialStatus) -> None:
    call = Call()
    call.begin("<Dial>1</Dial><Say>Bye</Say>")
    assert call.tell(DialEnded(effect=TWO, result=DialResult(status=status))) == [Say(id=EffectId(3), text="Bye")]


def test_nobody_to_call_is_a_failed_dial() -> None:
    call = Call()
    fetch = only(call.begin("<Dial action='/done'><Conference>x</Conference></Dial>"), FetchDocument)
    assert dict(fetch.parameters)["DialCallStatus"] == "failed"
    assert [code for _, code, _ in call.logged] == [0, 12200]
    assert Call().begin("<Dial/><Say>Hi</Say>") == [Say(id=TWO, text="Hi")]


def test_a_caller_who_leaves_a_dial_is_told_to_its_action() -> None:
    call = Call()
    call.begin("<Dial action='/done'>1</Dial>")
    notify = only(call.tell(CallerHungUp(dial=DialResult(status="completed", duration_s=3))), NotifyAction)
    assert notify.url == "https://app.test/done"
    assert dict(notify.parameters)["DialCallDuration"] == "3"
    assert call.execution.end_reason == "caller hung up"


@pytest.mark.parametrize("inner", ["<Dial>1</Dial>", "<Say>Hi</Say>", "<Gather action='/a'/>", "<Redirect/>"])
def test_any_other_caller_just_leaves(inner: str) -> None:
    call = Call()
    call.begin(inner)
    assert call.tell(CallerHungUp()) == []
    assert call.execution.ended
