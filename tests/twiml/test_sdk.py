"""Documents as Twilio's own SDK writes them are read as they were meant."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twilio.twiml import TwiML, lower_camel
from twilio.twiml import voice_response as sdk
from twilio.twiml.voice_response import VoiceResponse

from bridgetap.twiml import Document, verbs

TEXT = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FFFF, exclude_categories=["C", "Z"]), min_size=1, max_size=12
)
WORDS = st.lists(TEXT, min_size=1, max_size=3).map(" ".join)
URLS = st.sampled_from(["https://a.test/x?a=1&b=2", "/next", "next.php", "http://[::1]:8080/"])
METHODS = st.sampled_from(["GET", "POST"])
DIGITS = st.text("0123456789ABCD#*wW", min_size=1, max_size=8)
NUMBERS = st.from_regex(r"\+[1-9][0-9]{5,14}", fullmatch=True)
LANGUAGES = st.sampled_from(["", "de-DE", "en-GB"])
MAYBE_URL = st.just("") | URLS
EVENTS = ("initiated", "ringing", "answered", "completed")

SAYS = st.builds(
    verbs.Say,
    text=WORDS,
    voice=st.sampled_from(["", "alice", "Polly.Joanna"]),
    language=LANGUAGES,
    loop=st.integers(0, 1000),
)
PLAYS = st.builds(verbs.Play, url=URLS, loop=st.integers(0, 1000))
SENT = st.builds(verbs.Play, digits=DIGITS, loop=st.integers(0, 3))
PAUSES = st.builds(verbs.Pause, length_s=st.integers(0, 3600))
GATHERS = st.builds(
    verbs.Gather,
    input=st.sampled_from([("dtmf",), ("speech",), ("dtmf", "speech")]),
    action=MAYBE_URL,
    method=METHODS,
    timeout_s=st.integers(0, 600),
    finish_on_key=st.sampled_from(["", "#", "*", "0", "*#"]),
    num_digits=st.none() | st.integers(1, 100),
    action_on_empty_result=st.booleans(),
    speech_timeout=st.none() | st.just("auto") | st.integers(1, 60),
    max_speech_s=st.integers(1, 60),
    language=LANGUAGES.filter(bool),
    hints=st.lists(TEXT.filter(lambda text: "," not in text), max_size=3).map(tuple),
    speech_model=st.sampled_from(["", "phone_call"]),
    profanity_filter=st.booleans(),
    barge_in=st.booleans(),
    partial_result_callback=MAYBE_URL,
    partial_result_callback_method=METHODS,
    prompts=st.lists(SAYS | PLAYS | PAUSES, max_size=3).map(tuple),
)
PARAMETERS = st.lists(st.builds(verbs.Parameter, name=TEXT, value=st.just("") | WORDS), max_size=3).map(tuple)
OPTIONS = st.builds(
    verbs.PartyOptions,
    url=MAYBE_URL,
    method=METHODS,
    status_callback=MAYBE_URL,
    status_callback_method=METHODS,
    status_callback_events=st.lists(st.sampled_from(EVENTS), min_size=1, unique=True).map(
        lambda found: tuple(event for event in EVENTS if event in found)
    ),
)
TARGETS = st.one_of(
    st.builds(verbs.Number, number=NUMBERS, send_digits=st.just("") | DIGITS, options=OPTIONS),
    st.builds(
        verbs.Sip,
        uri=st.sampled_from(["sip:a@b.test", "sips:a@b.test:5061;transport=tls?X-A=1&X-B=2"]),
        username=st.just("") | WORDS,
        password=st.just("") | WORDS,
        options=OPTIONS,
    ),
    st.builds(verbs.Client, identity=st.sampled_from(["alice", "bob-1"]), parameters=PARAMETERS, options=OPTIONS),
)
DIALS = st.builds(
    verbs.Dial,
    targets=st.lists(TARGETS, min_size=1, max_size=4).map(tuple),
    action=st.none() | MAYBE_URL,
    method=METHODS,
    timeout_s=st.integers(1, 600),
    time_limit_s=st.integers(1, 14_400),
    caller_id=st.just("") | NUMBERS,
    record=st.booleans(),
    hangup_on_star=st.booleans(),
    answer_on_bridge=st.booleans(),
    sequential=st.booleans(),
    ring_tone=st.sampled_from(["", "us", "at"]),
)
STREAMS = st.builds(
    verbs.Stream,
    url=st.sampled_from(["", "wss://a.test/x", "/media"]),
    name=st.just("") | WORDS,
    track=st.sampled_from(["", "inbound_track", "both_tracks"]),
    status_callback=MAYBE_URL,
    status_callback_method=METHODS,
    parameters=PARAMETERS,
)
SIPRECS = st.builds(
    verbs.Siprec,
    name=st.just("") | WORDS,
    connector_name=st.sampled_from(["", "srs"]),
    track=st.sampled_from(["", "outbound_track"]),
    status_callback=MAYBE_URL,
    status_callback_method=METHODS,
    parameters=PARAMETERS,
)
NOUNS = st.lists(STREAMS | SIPRECS, min_size=1, max_size=3).map(tuple)
VERBS: st.SearchStrategy[verbs.Verb] = st.one_of(
    SAYS,
    PLAYS,
    SENT,
    PAUSES,
    GATHERS,
    DIALS,
    st.builds(verbs.Start, nouns=NOUNS),
    st.builds(verbs.Stop, nouns=NOUNS),
    st.builds(verbs.Connect, stream=STREAMS, action=st.none() | MAYBE_URL, method=METHODS),
    st.builds(verbs.Redirect, url=MAYBE_URL, method=METHODS),
    st.just(verbs.Hangup()),
    st.builds(verbs.Reject, reason=st.sampled_from(["rejected", "busy"])),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(VERBS, max_size=6), st.booleans())
def test_what_the_sdk_wrote_is_read_as_meant(meant: list[verbs.Verb], declared: bool) -> None:
    response = VoiceResponse()
    for verb in meant:
        response.append(written(verb))
    document = Document.parse(
        response.to_xml(xml_declaration=declared).encode(), content_type="text/xml; charset=utf-8"
    )
    assert document.verbs == tuple(meant)
    assert document.warnings == ()


def written(verb: verbs.Verb | verbs.Target | verbs.StreamNoun | verbs.Parameter) -> TwiML:
    """A verb or noun as the SDK has it. What is "" is left out, as people do."""
    match verb:
        case verbs.Say():
            return sdk.Say(verb.text, voice=verb.voice or None, language=verb.language or None, loop=verb.loop)
        case verbs.Play():
            return sdk.Play(verb.url or None, digits=verb.digits or None, loop=verb.loop)
        case verbs.Pause():
            return sdk.Pause(length=verb.length_s)
        case verbs.Gather():
            return _with(_gather(verb), *verb.prompts)
        case verbs.Dial():
            return _with(_dial(verb), *verb.targets)
        case verbs.Number():
            return sdk.Number(verb.number, send_digits=verb.send_digits or None, **_options(verb.options))
        case verbs.Sip():
            secrets = {"username": verb.username or None, "password": verb.password or None}
            return sdk.Sip(verb.uri, **secrets, **_options(verb.options))
        case verbs.Client():
            return _with(sdk.Client(verb.identity, **_options(verb.options)), *verb.parameters)
        case verbs.Parameter():
            return sdk.Parameter(name=verb.name, value=verb.value)
        case verbs.Stream():
            return _with(sdk.Stream(url=verb.url or None, **_stream(verb)), *verb.parameters)
        case verbs.Siprec():
            return _with(sdk.Siprec(connector_name=verb.connector_name or None, **_stream(verb)), *verb.parameters)
        case verbs.Start():
            return _with(sdk.Start(), *verb.nouns)
        case verbs.Stop():
            return _with(sdk.Stop(), *verb.nouns)
        case verbs.Connect():
            assert verb.stream is not None
            return _with(sdk.Connect(action=verb.action, method=verb.method), verb.stream)
        case verbs.Redirect():
            return sdk.Redirect(verb.url, method=verb.method)
        case verbs.Hangup():
            return sdk.Hangup()
        case verbs.Reject():
            return sdk.Reject(reason=verb.reason)


def _with(parent: TwiML, *children: Any) -> TwiML:
    for child in children:
        parent.append(written(child))
    return parent


def _gather(verb: verbs.Gather) -> TwiML:
    return sdk.Gather(
        input=" ".join(verb.input),
        action=verb.action or None,
        method=verb.method,
        timeout=verb.timeout_s,
        speech_timeout=verb.speech_timeout,
        max_speech_time=verb.max_speech_s,
        profanity_filter=verb.profanity_filter,
        finish_on_key=verb.finish_on_key,
        num_digits=verb.num_digits,
        partial_result_callback=verb.partial_result_callback or None,
        partial_result_callback_method=verb.partial_result_callback_method,
        language=verb.language,
        hints=",".join(verb.hints) or None,
        barge_in=verb.barge_in,
        action_on_empty_result=verb.action_on_empty_result,
        speech_model=verb.speech_model or None,
    )


def _dial(verb: verbs.Dial) -> TwiML:
    return sdk.Dial(
        action=verb.action,
        method=verb.method,
        timeout=verb.timeout_s,
        hangup_on_star=verb.hangup_on_star,
        time_limit=verb.time_limit_s,
        caller_id=verb.caller_id or None,
        record=verb.record,
        answer_on_bridge=verb.answer_on_bridge,
        ring_tone=verb.ring_tone or None,
        sequential=verb.sequential,
    )


def _options(options: verbs.PartyOptions) -> dict[str, Any]:
    return {
        "url": options.url or None,
        "method": options.method,
        "status_callback": options.status_callback or None,
        "status_callback_method": options.status_callback_method,
        "status_callback_event": " ".join(options.status_callback_events),
    }


def _stream(noun: verbs.StreamNoun) -> dict[str, Any]:
    return {
        "name": noun.name or None,
        "track": noun.track or None,
        "status_callback": noun.status_callback or None,
        "status_callback_method": noun.status_callback_method,
    }


def test_markup_in_speech() -> None:
    say = sdk.Say("Room ", voice="Polly.Joanna")
    say.say_as("101", interpret_as="digits")
    say.append(" & ")
    say.break_(strength="x-weak", time="100ms")
    say.lang("ja < nein", xml_lang="de-DE")
    response = VoiceResponse()
    response.append(say)
    (verb,) = Document.parse(str(response).encode()).verbs
    assert verb == verbs.Say(
        text=(
            'Room <say-as interpret-as="digits">101</say-as> &amp; '
            '<break strength="x-weak" time="100ms"/><lang xml:lang="de-DE">ja &lt; nein</lang>'
        ),
        voice="Polly.Joanna",
    )


# Where each attribute of the SDK goes, and what else must be there for the document to be good.
PLACES: list[tuple[str, Callable[..., Any], str, set[str]]] = [
    ("<Say {}>x</Say>", VoiceResponse.say, "Say", {"message"}),
    ("<Play {}/>", VoiceResponse.play, "Play", {"url"}),
    ("<Pause {}/>", VoiceResponse.pause, "Pause", set()),
    ("<Gather {}/>", VoiceResponse.gather, "Gather", set()),
    ("<Dial {}>1</Dial>", VoiceResponse.dial, "Dial", {"number"}),
    ("<Redirect {}/>", VoiceResponse.redirect, "Redirect", {"url"}),
    ("<Hangup {}/>", VoiceResponse.hangup, "Hangup", set()),
    ("<Reject {}/>", VoiceResponse.reject, "Reject", set()),
    ("<Start {}><Stream/></Start>", VoiceResponse.start, "Start", set()),
    ("<Stop {}><Stream/></Stop>", VoiceResponse.stop, "Stop", set()),
    ("<Connect {}><Stream/></Connect>", VoiceResponse.connect, "Connect", set()),
    ("<Dial><Number {}>1</Number></Dial>", sdk.Dial.number, "Number", {"phoneNumber"}),
    ("<Dial><Sip {}>a@b</Sip></Dial>", sdk.Dial.sip, "Sip", {"sipUrl"}),
    ("<Dial><Client {}>a</Client></Dial>", sdk.Dial.client, "Client", {"identity"}),
    ("<Start><Stream {}/></Start>", sdk.Start.stream, "Stream", set()),
    ("<Start><Siprec {}/></Start>", sdk.Start.siprec, "Siprec", set()),
    ("<Start><Stream><Parameter {}/></Stream></Start>", sdk.Stream.parameter, "Parameter", set()),
]


@pytest.mark.parametrize(("template", "method", "name", "texts"), PLACES, ids=[name for _, _, name, _ in PLACES])
def test_every_attribute_of_the_sdk_is_known(
    template: str, method: Callable[..., Any], name: str, texts: set[str]
) -> None:
    """`texts` are those that the SDK writes as text."""
    attributes = attributes_of(method) - texts
    written = " ".join(f'{attribute}="1"' for attribute in sorted(attributes))
    document = Document.parse_text(f"<Response>{template.format(written)}</Response>")
    assert [str(problem) for problem in document.warnings if "unknown attribute" in problem.rule] == []
    nonsense = template.format("bogus='1'")
    bogus = Document.parse_text(f"<Response>{nonsense}</Response>")
    assert any("unknown attribute" in problem.rule for problem in bogus.warnings)


def attributes_of(method: Callable[..., Any]) -> set[str]:
    return {lower_camel(name) for name in inspect.signature(method).parameters} - {"self", "kwargs"}
