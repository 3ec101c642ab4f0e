"""Start, Stop and Connect, as read."""

from typing import Any

import pytest

from bridgetap.twiml import Document
from bridgetap.twiml.verbs import Connect, Parameter, Siprec, Start, Stop, Stream, Verb


def read(inner: str) -> tuple[Verb, list[tuple[int, str]]]:
    document = Document.parse_text(f"<Response>{inner}</Response>")
    (verb,) = document.verbs
    return verb, [(problem.code, problem.place.removeprefix("Response/")) for problem in document.warnings]


FULL = """<Stream name="n" statusCallback="https://a.test/cb" statusCallbackMethod="get" track="both_tracks"
  url=" wss://a.test/x "><Parameter name="k" value=" v " /><Parameter name="l" value=""/></Stream>"""


@pytest.mark.parametrize(
    ("inner", "verb"),
    [
        ("<Start><Stream url='wss://a.test'/></Start>", Start(nouns=(Stream(url="wss://a.test"),))),
        (
            f"<Start>{FULL}<Siprec connectorName='srs' name='r' track='both_tracks'/></Start>",
            Start(
                nouns=(
                    Stream(
                        url="wss://a.test/x",
                        name="n",
                        track="both_tracks",
                        status_callback="https://a.test/cb",
                        status_callback_method="GET",
                        parameters=(Parameter(name="k", value=" v "), Parameter(name="l", value="")),
                    ),
                    Siprec(name="r", connector_name="srs", track="both_tracks"),
                )
            ),
        ),
        ("<Stop><Stream name='n'/><Siprec name='r'/></Stop>", Stop(nouns=(Stream(name="n"), Siprec(name="r")))),
        ("<Connect><Stream url='wss://a.test'/></Connect>", Connect(stream=Stream(url="wss://a.test"))),
        (
            "<Connect action='' method='GET'><Stream url='wss://a.test'/></Connect>",
            Connect(stream=Stream(url="wss://a.test"), action="", method="GET"),
        ),
    ],
)
def test_good(inner: str, verb: Verb) -> None:
    assert read(inner) == (verb, [])


@pytest.mark.parametrize(
    ("inner", "verb", "problems"),
    [
        ("<Start/>", Start(), [(12200, "Start")]),
        ("<Stop/>", Stop(), [(12200, "Stop")]),
        ("<Connect/>", Connect(), [(12200, "Connect")]),
        ("<Connect><Room>r</Room></Connect>", Connect(), [(0, "Connect/Room"), (12200, "Connect")]),
        (
            "<Connect><Stream url='wss://a'/><Stream url='wss://b'/></Connect>",
            Connect(stream=Stream(url="wss://a")),
            [(12200, "Connect/Stream[2]")],
        ),
        (
            "<Start action='/a'><Stream url='wss://a'/></Start>",
            Start(nouns=(Stream(url="wss://a"),)),
            [(0, "Start/@action")],
        ),
        (
            "<Start><Recording/><Stream url='wss://a'/></Start>",
            Start(nouns=(Stream(url="wss://a"),)),
            [(0, "Start/Recording")],
        ),
        (
            "<Start><Stream url='wss://a' audioFormat='L16' sampleRate='16000'/></Start>",
            Start(nouns=(Stream(url="wss://a"),)),
            [(0, "Start/Stream/@audioFormat"), (0, "Start/Stream/@sampleRate")],
        ),
        ("<Start><Stream Url='wss://a'/></Start>", Start(nouns=(Stream(),)), [(12200, "Start/Stream/@Url")]),
        (
            "<Start><Stream url='wss://a'><Parameter key='a' value='b'/></Stream></Start>",
            Start(nouns=(Stream(url="wss://a", parameters=(Parameter(name="", value="b"),)),)),
            [(12200, "Start/Stream/Parameter/@key")],
        ),
        (
            "<Start><Say>x</Say><Stream url='wss://a'/></Start>",
            Start(nouns=(Stream(url="wss://a"),)),
            [(12200, "Start/Say")],
        ),
    ],
)
def test_bad(inner: str, verb: Verb, problems: list[Any]) -> None:
    assert read(inner) == (verb, problems)
