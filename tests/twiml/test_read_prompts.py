"""Say, Play, Pause and Gather, as read."""

from typing import Any

import pytest

from bridgetap.twiml import Document
from bridgetap.twiml.verbs import Gather, Pause, Play, Say, Verb


def read(inner: str) -> tuple[Verb, list[tuple[int, str]]]:
    document = Document.parse_text(f"<Response>{inner}</Response>")
    (verb,) = document.verbs
    return verb, [(problem.code, problem.place.removeprefix("Response/")) for problem in document.warnings]


@pytest.mark.parametrize(
    ("inner", "verb"),
    [
        ("<Say>Hello</Say>", Say(text="Hello")),
        (
            "<Say voice='alice' language='de-DE' loop='3'>Hallo</Say>",
            Say(text="Hallo", voice="alice", language="de-DE", loop=3),
        ),
        ("<Say loop=' 0 '>x</Say>", Say(text="x", loop=0)),
        ("<Say>a<emphasis level='strong'>b</emphasis></Say>", Say(text='a<emphasis level="strong">b</emphasis>')),
        ("<Play>http://a.test/x.wav</Play>", Play(url="http://a.test/x.wav")),
        ("<Play loop='0'>\n x.wav \n</Play>", Play(url="x.wav", loop=0)),
        ("<Play digits='1w2W#*A'/>", Play(digits="1w2W#*A")),
        ("<Pause/>", Pause()),
        ("<Pause length='10'/>", Pause(length_s=10)),
        ("<Pause length='+3'/>", Pause(length_s=3)),
        ("<Pause length=''/>", Pause()),
        ("<Pause length='0'/>", Pause(length_s=0)),
        ("<Gather/>", Gather()),
        ("<Gather input='speech'/>", Gather(input=("speech",))),
        ("<Gather input='speech dtmf'/>", Gather(input=("dtmf", "speech"))),
        ("<Gather finishOnKey=''/>", Gather(finish_on_key="")),
        ("<Gather finishOnKey='*#'/>", Gather(finish_on_key="*#")),
        ("<Gather speechTimeout='auto'/>", Gather(speech_timeout="auto")),
        ("<Gather speechTimeout='3'/>", Gather(speech_timeout=3)),
        ("<Gather hints='yes, no , ,I do not know'/>", Gather(hints=("yes", "no", "I do not know"))),
        ("<Gather actionOnEmptyResult='TRUE'/>", Gather(action_on_empty_result=True)),
        (
            """<Gather action='/a' method='GET' timeout='3' numDigits='4' language='fr-FR' maxSpeechTime='10'
            profanityFilter='false' bargeIn='false' speechModel='phone_call' partialResultCallback='/p'
            partialResultCallbackMethod='get'><Say>Hi</Say><Pause/><Play>x.mp3</Play></Gather>""",
            Gather(
                action="/a",
                method="GET",
                timeout_s=3,
                num_digits=4,
                language="fr-FR",
                max_speech_s=10,
                profanity_filter=False,
                barge_in=False,
                speech_model="phone_call",
                partial_result_callback="/p",
                partial_result_callback_method="GET",
                prompts=(Say(text="Hi"), Pause(), Play(url="x.mp3")),
            ),
        ),
    ],
)
def test_good(inner: str, verb: Verb) -> None:
    assert read(inner) == (verb, [])


@pytest.mark.parametrize(
    ("inner", "verb", "problems"),
    [
        ("<Say/>", Say(text=""), [(12200, "Say")]),
        ("<Say loop='many'>x</Say>", Say(text="x"), [(12200, "Say/@loop")]),
        ("<Say loop='-1'>x</Say>", Say(text="x", loop=0), [(12200, "Say/@loop")]),
        ("<Say loop='99999999999999999999'>x</Say>", Say(text="x", loop=1000), [(12200, "Say/@loop")]),
        ("<Say lang='de'>x</Say>", Say(text="x"), [(12200, "Say/@lang")]),
        ("<Play/>", Play(), [(12200, "Play")]),
        ("<Play digits='12x'/>", Play(), [(12200, "Play/@digits")]),
        ("<Play digits='1'>x.wav</Play>", Play(digits="1"), [(12200, "Play")]),
        ("<Play><Say>x</Say></Play>", Play(), [(12200, "Play/Say"), (12200, "Play")]),
        ("<Pause length='1.5'/>", Pause(), [(12200, "Pause/@length")]),
        ("<Pause length='1e3'/>", Pause(), [(12200, "Pause/@length")]),
        ("<Pause length='²'/>", Pause(), [(12200, "Pause/@length")]),
        ("<Pause length='-+2'/>", Pause(), [(12200, "Pause/@length")]),
        ("<Pause>x</Pause>", Pause(), [(12200, "Pause")]),
        ("<Gather input='voice'/>", Gather(), [(12200, "Gather/@input")]),
        ("<Gather timeout='auto'/>", Gather(), [(12200, "Gather/@timeout")]),
        ("<Gather numDigits='0'/>", Gather(num_digits=1), [(12200, "Gather/@numDigits")]),
        ("<Gather numDigits='four'/>", Gather(), [(12200, "Gather/@numDigits")]),
        ("<Gather finishOnKey='hash'/>", Gather(), [(12200, "Gather/@finishOnKey")]),
        ("<Gather speechTimeout='soon'/>", Gather(speech_timeout=5), [(12200, "Gather/@speechTimeout")]),
        ("<Gather bargeIn='maybe'/>", Gather(), [(12200, "Gather/@bargeIn")]),
        ("<Gather enhanced='true'/>", Gather(), [(0, "Gather/@enhanced")]),
        ("<Gather>Press 1</Gather>", Gather(), [(12200, "Gather")]),
        ("<Gather><Dial>1</Dial></Gather>", Gather(), [(12200, "Gather/Dial")]),
        ("<Gather><Play digits='1'/></Gather>", Gather(), [(12200, "Gather/Play/@digits")]),
    ],
)
def test_bad(inner: str, verb: Verb, problems: list[Any]) -> None:
    assert read(inner) == (verb, problems)
