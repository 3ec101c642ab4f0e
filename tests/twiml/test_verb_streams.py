"""What Start, Stop and Connect ask for, and where the answers lead."""

import pytest

from bridgetap.flow.effects import (
    EffectId,
    Hangup,
    Say,
    StartStream,
    StopStream,
)
from bridgetap.flow.events import (
    StreamCreated,
    StreamRefused,
    StreamStopped,
)
from bridgetap.flow.stream_options import StreamOptions
from bridgetap.flow.stream_url import StreamUrl
from bridgetap.ids import StreamSid
from bridgetap.twiml.effects import (
    Callback,
    ConnectStream,
    FetchDocument,
    StartStreamWithCallback,
)
from bridgetap.twiml.events import ConnectEnded

from .call import Call, only

TWO = EffectId(2)  # the first is the fetch
MZ = StreamSid("MZ" + "1" * 32)
A = StreamUrl.parse("wss://a.test/x")


FULL = """<Stream name="n" url="wss://a.test/x" track="both_tracks"><Parameter name="k" value="v"/>
    <Parameter name="k" value="w"/></Stream>"""


def test_a_plain_stream_is_a_flows() -> None:
    call = Call()
    assert call.begin(f"<Start>{FULL}</Start><Say>Hi</Say>") == [
        StartStream(
            id=TWO, name="n", transport="websocket", url=A, tracks=("inbound", "outbound"), parameters=(("k", "w"),)
        )
    ]
    assert call.logged == [("warning", 0, "Response/Start/Stream/Parameter[2]")]
    assert call.tell(StreamCreated(effect=TWO, sid=MZ, name="n")) == [Say(id=EffectId(3), text="Hi")]


def test_our_own_options_are_attributes() -> None:
    call = Call()
    noun = "<Stream url='wss://a.test/x' resume='true' maxLagMs='700' bearerToken='{token}'/>"
    (effect,) = call.begin(f"<Start>{noun.format(token='abc')}</Start><Say>Hi</Say>")
    options = StreamOptions(resume=True, max_lag_ms=700, bearer_token="abc")
    assert effect == StartStream(id=TWO, transport="websocket", url=A, options=options)
    assert call.logged == []


def test_an_option_that_cannot_be_used_keeps_the_stream_from_starting() -> None:
    call = Call()
    noun = "<Stream url='wss://a.test/x' overflow='some'/>"
    assert call.begin(f"<Start>{noun}</Start><Say>Hi</Say>") == [Say(id=TWO, text="Hi")]
    assert call.logged == [("error", 12200, "Response/Start/Stream/@overflow")]


def test_several_streams_are_started_together_and_the_call_goes_on_with_the_last() -> None:
    call = Call()
    nouns = "<Stream url='/in' statusCallback='cb' statusCallbackMethod='GET'/><Siprec connectorName='srs' name='r'/>"
    assert call.begin(f"<Start>{nouns}</Start><Say>Hi</Say>") == [
        StartStreamWithCallback(
            start=StartStream(id=TWO, transport="websocket", url=StreamUrl.parse("wss://app.test/in")),
            status=Callback(url="https://app.test/voice/cb", method="GET"),
        ),
        StartStream(id=EffectId(3), name="r", transport="siprec", connector="srs"),
    ]
    assert call.tell(StreamCreated(effect=EffectId(3), sid=MZ, name="r")) == []
    assert call.tell(StreamCreated(effect=EffectId(3), sid=MZ, name="r")) == []
    assert call.tell(StreamCreated(effect=TWO, sid=MZ, name="n")) == [Say(id=EffectId(4), text="Hi")]


@pytest.mark.parametrize(
    ("noun", "code", "place"),
    [
        ("<Stream/>", 31923, "/@url"),
        ("<Stream url='ws://a.test'/>", 31922, "/@url"),
        ("<Stream url='https://a.test'/>", 31922, "/@url"),
        ("<Stream url='wss://u:p@a.test'/>", 31923, "/@url"),
        ("<Stream url='wss://a.test' track='mixed_track'/>", 31941, "/@track"),
        ("<Stream url='wss://a.test'><Parameter name='' value='v'/></Stream>", 12200, "/Parameter"),
        ("<Stream url='wss://a.test'><Parameter name='k' value=''/></Stream>", 12200, "/Parameter"),
        (f"<Stream url='wss://a.test'><Parameter name='k' value='{'v' * 499}'/></Stream>", 12200, "/Parameter"),
        ("<Siprec/>", 31940, "/@connectorName"),
    ],
)
def test_a_bad_stream_is_told_and_the_call_goes_on(noun: str, code: int, place: str) -> None:
    call = Call()
    assert call.begin(f"<Start>{noun}</Start><Say>Hi</Say>") == [Say(id=TWO, text="Hi")]
    kind = "Siprec" if "Siprec" in noun else "Stream"
    assert call.logged == [("error", code, f"Response/Start/{kind}{place}")]
    assert "u:p" not in call.log[0].message


def test_a_good_stream_beside_a_bad_one_is_started() -> None:
    (effect,) = Call().begin("<Start><Stream url='ws://a.test'/><Stream url='wss://a.test/x'/></Start>")
    assert effect == StartStream(id=TWO, transport="websocket", url=A)


@pytest.mark.parametrize(("allow_query", "path"), [(False, "/x"), (True, "/x?q=1")])
def test_the_query_of_a_stream(*, allow_query: bool, path: str) -> None:
    call = Call(allow_query=allow_query)
    stream = only(call.begin("<Start><Stream url='wss://a.test/x?q=1'/></Start>"), StartStream)
    assert stream.url is not None
    assert stream.url.request_path == path
    assert len(call.log) == (0 if allow_query else 1)


@pytest.mark.parametrize(
    ("code", "level"), [(20409, "warning"), (20404, "warning"), (31941, "warning"), (31940, "error"), (31900, "error")]
)
def test_a_refused_stream_is_told_and_the_call_goes_on(code: int, level: str) -> None:
    call = Call()
    call.begin("<Start><Stream url='wss://a.test'/></Start><Say>Hi</Say>")
    assert call.tell(StreamRefused(effect=TWO, code=code, message="no")) == [Say(id=EffectId(3), text="Hi")]
    assert call.logged == [(level, code, "Response/Start")]


def test_stop() -> None:
    call = Call()
    assert call.begin("<Stop><Stream name='n'/><Siprec/></Stop>") == [
        StopStream(id=TWO, name="n", transport="websocket"),
        StopStream(id=EffectId(3), name=None, transport="siprec"),
    ]
    assert call.logged == [("warning", 0, "Response/Stop/Siprec")]
    assert call.tell(StreamStopped(effect=TWO)) == []
    assert call.tell(StreamRefused(effect=EffectId(3), code=20404, message="none")) == [Hangup()]


def test_connect() -> None:
    call = Call()
    inner = """<Connect><Stream url='wss://a.test/x' name='n' statusCallback='/cb'>
        <Parameter name='k' value='v'/></Stream></Connect><Say>Hi</Say>"""
    assert call.begin(inner) == [
        ConnectStream(id=TWO, name="n", url=A, parameters=(("k", "v"),), status=Callback(url="https://app.test/cb"))
    ]
    assert call.tell(ConnectEnded(effect=TWO, sid=MZ, name="n")) == [Say(id=EffectId(3), text="Hi")]
    assert call.log == []


@pytest.mark.parametrize("error", ["", "31921 the far end closed"])
def test_connect_with_an_action(error: str) -> None:
    call = Call()
    call.begin("<Connect action='/after' method='GET'><Stream url='wss://a.test/x'/></Connect><Say>never</Say>")
    fetch = only(call.tell(ConnectEnded(effect=TWO, sid=MZ, name="n", error=error)), FetchDocument)
    assert (fetch.url, fetch.method) == ("https://app.test/after", "GET")
    assert dict(fetch.parameters) == {"StreamSid": MZ, "StreamName": "n"} | ({"StreamError": error} if error else {})


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        ("<Stream url='wss://a.test' track='both_tracks'/>", 31941),
        ("<Stream url='wss://a.test' track='outbound_track'/>", 31941),
        ("<Stream url='ws://a.test'/>", 31922),
        ("", 12200),
    ],
)
def test_connecting_to_nothing_goes_on(stream: str, code: int) -> None:
    call = Call()
    assert call.begin(f"<Connect>{stream}</Connect><Say>Hi</Say>") == [Say(id=TWO, text="Hi")]
    assert [line[1] for line in call.logged] == [code]
    assert only(Call().begin(f"<Connect action='/a'>{stream}</Connect>"), FetchDocument).parameters == ()


def test_a_refused_connection_goes_on() -> None:
    call = Call()
    call.begin("<Connect action='/after'><Stream url='wss://a.test/x'/></Connect>")
    fetch = only(call.tell(StreamRefused(effect=TWO, code=31900, message="no")), FetchDocument)
    assert (fetch.url, fetch.parameters) == ("https://app.test/after", ())
    assert call.logged == [("error", 31900, "Response/Connect")]


def test_a_line_in_the_log_is_never_as_long_as_its_document() -> None:
    call = Call()
    call.begin(f"<Start><Stream url='ws://{'x' * 60_000}'/></Start>")
    assert [line.code for line in call.log] == [31922]
    assert len(call.log[0].message) <= 500
