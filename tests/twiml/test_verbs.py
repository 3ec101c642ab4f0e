"""What a caller hears, what is gathered, and how a call ends: effects, and where their answers lead."""

import pytest

from bridgetap.flow.effects import (
    EffectId,
    Hangup,
    Play,
    PlayDigits,
    Say,
)
from bridgetap.flow.events import (
    Digits,
    PlayEnded,
    StreamCreated,
)
from bridgetap.ids import StreamSid
from bridgetap.twiml import TwimlEffect
from bridgetap.twiml.effects import (
    Callback,
    FetchDocument,
    Gather,
    Pause,
    Reject,
)
from bridgetap.twiml.events import GatherEnded

from .call import URL, Call, only

TWO = EffectId(2)  # the first is the fetch
MZ = StreamSid("MZ" + "1" * 32)


@pytest.mark.parametrize(
    ("inner", "effect"),
    [
        ("<Say>Hi</Say>", Say(id=TWO, text="Hi")),
        (
            "<Say voice='alice' language='de' loop='2'>Hi</Say>",
            Say(id=TWO, text="Hi", voice="alice", language="de", loop=2),
        ),
        ("<Play>https://b.test/x.wav</Play>", Play(id=TWO, url="https://b.test/x.wav")),
        ("<Play loop='0'>../x.wav</Play>", Play(id=TWO, url="https://app.test/x.wav", loop=0)),
        ("<Play digits='12'/>", PlayDigits(id=TWO, digits="12")),
        ("<Pause length='3'/>", Pause(id=TWO, length_s=3)),
    ],
)
def test_what_is_heard(inner: str, effect: TwimlEffect) -> None:
    call = Call()
    assert call.begin(inner + "<Pause length='9'/>") == [effect]
    assert call.tell(PlayEnded(effect=TWO)) == [Pause(id=EffectId(3), length_s=9)]
    assert call.tell(PlayEnded(effect=EffectId(3))) == [Hangup()]
    assert call.execution.end_reason == ""
    assert call.log == []


@pytest.mark.parametrize(
    "inner", ["<Say/>", "<Play/>", "<Play digits='x'/>", "<Play>file:///etc/passwd</Play>", "<Play>a b</Play>"]
)
def test_what_cannot_be_heard_is_gone_over(inner: str) -> None:
    call = Call()
    assert call.begin(f"{inner}<Say>Hi</Say>") == [Say(id=TWO, text="Hi")]
    assert len(call.log) == 1


def test_a_prompt_that_failed_is_told() -> None:
    call = Call()
    call.begin("<Play>https://b.test/x.wav</Play>")
    assert call.tell(PlayEnded(effect=TWO, error="no such file", code=11200)) == [Hangup()]
    assert call.logged == [("error", 11200, "Response/Play")]


# --- Gather ----------------------------------------------------------------------------------


def test_a_gather_asks_for_all_that_it_says() -> None:
    call = Call()
    gather = """<Gather input="dtmf speech" timeout="3" finishOnKey="*" numDigits="4" speechTimeout="auto"
        maxSpeechTime="9" language="fr-FR" hints="oui,non" speechModel="m" profanityFilter="false" bargeIn="false"
        partialResultCallback="/partial" partialResultCallbackMethod="GET">
        <Say>Hi</Say><Play>x.wav</Play><Pause/><Play digits="1"/><Play>ftp://no</Play></Gather>"""
    assert call.begin(gather) == [
        Gather(
            id=TWO,
            prompts=(Say(text="Hi"), Play(url="https://app.test/voice/x.wav"), Pause()),
            input=("dtmf", "speech"),
            timeout_s=3,
            finish_on_key="*",
            num_digits=4,
            speech_timeout_s=None,
            max_speech_s=9,
            language="fr-FR",
            hints=("oui", "non"),
            speech_model="m",
            profanity_filter=False,
            barge_in=False,
            partial_results=Callback(url="https://app.test/partial", method="GET"),
        )
    ]


@pytest.mark.parametrize(("written", "seconds"), [("", 7), ("speechTimeout='2'", 2), ("speechTimeout='auto'", None)])
def test_how_long_a_speaker_may_be_silent(written: str, seconds: int | None) -> None:
    gather = only(Call().begin(f"<Gather timeout='7' {written}/>"), Gather)
    assert gather.speech_timeout_s == seconds


@pytest.mark.parametrize(
    ("attributes", "event", "parameters"),
    [
        ("", GatherEnded(effect=TWO, digits="12"), (("Digits", "12"),)),
        ("", GatherEnded(effect=TWO, digits="12", finished_on_key="#"), (("Digits", "12"), ("FinishedOnKey", "#"))),
        (
            "input='speech'",
            GatherEnded(effect=TWO, speech="yes", confidence=0.5),
            (("SpeechResult", "yes"), ("Confidence", "0.5")),
        ),
        ("input='dtmf speech'", GatherEnded(effect=TWO, digits="1"), (("Digits", "1"),)),
        ("actionOnEmptyResult='true'", GatherEnded(effect=TWO), (("Digits", ""),)),
        ("actionOnEmptyResult='true' input='speech'", GatherEnded(effect=TWO), (("SpeechResult", ""),)),
        (
            "actionOnEmptyResult='true' input='dtmf speech'",
            GatherEnded(effect=TWO),
            (("Digits", ""), ("SpeechResult", "")),
        ),
    ],
)
def test_input_goes_to_the_action(attributes: str, event: GatherEnded, parameters: tuple[tuple[str, str], ...]) -> None:
    call = Call()
    call.begin(f"<Gather action='/keys' {attributes}/><Say>Nothing?</Say>")
    assert call.execution.current == "Response/Gather"
    (fetch,) = call.tell(event)
    assert fetch == FetchDocument(id=EffectId(3), url="https://app.test/keys", parameters=parameters)


def test_without_an_action_the_same_document_is_asked() -> None:
    call = Call()
    call.begin("<Gather method='GET'/>")
    fetch = only(call.tell(GatherEnded(effect=TWO, digits="1")), FetchDocument)
    assert (fetch.url, fetch.method) == (URL, "GET")


def test_no_input_goes_on_with_the_next_verb() -> None:
    call = Call()
    call.begin("<Gather action='/keys'/><Say>Nothing?</Say>")
    assert call.tell(GatherEnded(effect=TWO)) == [Say(id=EffectId(3), text="Nothing?")]


def test_keys_alone_change_nothing() -> None:
    call = Call()
    call.begin("<Gather/>")
    assert call.tell(Digits(digits="1")) == []
    assert call.execution.current == "Response/Gather"


# --- ends ------------------------------------------------------------------------------------


def test_hangup() -> None:
    call = Call()
    assert call.begin("<Hangup/><Say>never</Say>") == [Hangup()]
    assert (call.execution.ended, call.execution.end_reason) == (True, "hung up by the document")


def test_nothing_after_the_last_verb_hangs_up_although_a_stream_was_started() -> None:
    call = Call()
    call.begin("<Start><Stream url='wss://a.test'/></Start>")
    assert call.tell(StreamCreated(effect=TWO, sid=MZ, name=MZ)) == [Hangup()]


def test_reject_is_for_a_call_that_rings() -> None:
    assert Call().begin("<Reject reason='busy'/><Say>never</Say>") == [Reject(reason="busy")]
    call = Call()
    call.begin("<Pause length='2'/><Reject/>")  # a pause lets it ring
    assert call.tell(PlayEnded(effect=TWO)) == [Reject(reason="rejected")]
    assert call.execution.end_reason == "rejected"


def test_a_call_that_was_answered_can_only_be_hung_up() -> None:
    call = Call()
    call.begin("<Say>Hi</Say><Reject/>")
    assert call.tell(PlayEnded(effect=TWO)) == [Hangup()]
    assert call.execution.end_reason == "rejected"
