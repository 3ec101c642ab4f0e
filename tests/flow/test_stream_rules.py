"""The rules of a stream request, as the seed gives them."""

import pytest

from bridgetap.flow.effects import StartStream, StopStream
from bridgetap.flow.stream_rules import Judgement, Parameter, Places, StreamFields, judge
from bridgetap.flow.stream_url import StreamUrl

URL = "wss://media.example/in"


def verdict(*, allow_query: bool = False, **fields: object) -> Judgement:
    return judge(StreamFields(**fields), Places(), allow_query=allow_query)  # type: ignore[arg-type]


def parameter(key: str, value: str | None) -> Parameter:
    return Parameter(key=key, value=value, place=f"stream_parameters[{key}].value")


def test_a_start_says_everything_the_stream_needs() -> None:
    found = verdict(
        name="tap",
        transport="websocket",
        url=URL,
        track="both_tracks",
        connector="ignored",
        parameters=[parameter("b", "2"), parameter("a", "1")],
    )
    assert found.asked == StartStream(
        name="tap",
        transport="websocket",
        url=StreamUrl.parse(URL),
        tracks=("inbound", "outbound"),
        parameters=(("b", "2"), ("a", "1")),
    )
    assert not found.problems
    assert not found.warnings


@pytest.mark.parametrize(
    ("track", "tracks"),
    [
        ("", ("inbound",)),
        ("inbound_track", ("inbound",)),
        ("outbound_track", ("outbound",)),
        ("both_tracks", ("inbound", "outbound")),
    ],
)
def test_an_absent_track_is_the_inbound_one(track: str, tracks: tuple[str, ...]) -> None:
    asked = verdict(url=URL, track=track).asked
    assert isinstance(asked, StartStream)
    assert asked.tracks == tracks


def test_siprec_takes_a_connector_and_no_url() -> None:
    asked = verdict(transport="siprec", connector="Gridspace_1", url=URL).asked
    assert asked == StartStream(transport="siprec", connector="Gridspace_1", tracks=("inbound",))


def test_without_a_type_a_lone_connector_means_siprec() -> None:
    asked = verdict(connector="Gridspace_1").asked
    assert asked == StartStream(transport="siprec", connector="Gridspace_1")


@pytest.mark.parametrize(
    ("fields", "place", "code"),
    [
        ({"action": "pause"}, "stream_action", None),
        ({"action": "Start", "url": URL}, "stream_action", None),
        ({"action": ""}, "stream_action", None),
        ({"transport": "udp", "url": URL}, "stream_transport_type", None),
        ({"transport": "websocket"}, "stream_url", 31923),
        ({"transport": "siprec"}, "stream_connector", 31940),
        ({"url": "ws://media.example"}, "stream_url", 31922),
        ({"url": "wss://u:p@media.example"}, "stream_url", 31923),
        ({"url": "wss://media.example/#x"}, "stream_url", 31923),
        ({"url": URL, "track": "mixed_track"}, "stream_track", 31941),
        ({"url": URL, "parameters": [parameter("", "v")]}, "stream_parameters[].value", None),
        ({"url": URL, "parameters": [parameter("k", "")]}, "stream_parameters[k].value", None),
        ({"url": URL, "parameters": [parameter("k", "v" * 499)]}, "stream_parameters[k].value", None),
    ],
)
def test_a_broken_rule_is_told_with_its_place(fields: dict[str, object], place: str, code: int | None) -> None:
    found = verdict(**fields)
    assert found.asked is None
    assert [(problem.place, problem.code) for problem in found.problems] == [(place, code)]


def test_key_and_value_may_have_499_characters_together() -> None:
    assert verdict(url=URL, parameters=[parameter("k", "v" * 498)]).asked is not None


def test_every_broken_rule_is_told() -> None:
    found = verdict(url="ws://x", track="none", parameters=[parameter("k", "")])
    assert [problem.place for problem in found.problems] == [
        "stream_parameters[k].value",
        "stream_track",
        "stream_url",
    ]


def test_a_query_is_dropped_with_a_warning_unless_allowed() -> None:
    dropped = verdict(url=f"{URL}?token=1")
    assert isinstance(dropped.asked, StartStream)
    assert str(dropped.asked.url) == URL
    assert [warning.place for warning in dropped.warnings] == ["stream_url"]
    assert "token" not in str(dropped.warnings[0])
    kept = verdict(url=f"{URL}?token=1", allow_query=True)
    assert isinstance(kept.asked, StartStream)
    assert str(kept.asked.url) == f"{URL}?token=1"
    assert not kept.warnings


def test_of_two_parameters_with_one_key_the_last_is_sent() -> None:
    found = verdict(url=URL, parameters=[parameter("k", "1"), parameter("j", "2"), parameter("k", "3")])
    assert isinstance(found.asked, StartStream)
    assert found.asked.parameters == (("k", "3"), ("j", "2"))
    assert len(found.warnings) == 1


def test_a_stop_needs_nothing_but_a_nameless_one_is_warned_of() -> None:
    assert verdict(action="stop", name="tap").asked == StopStream(name="tap", transport="websocket")
    found = verdict(action="stop", transport="siprec", url="ws://ignored")
    assert found.asked == StopStream(name=None, transport="siprec")
    assert [warning.place for warning in found.warnings] == ["stream_action"]


@pytest.mark.parametrize(
    "fields",
    [
        {"action": None, "url": "ws://never judged"},
        {"url": None},
        {"url": URL, "track": None},
        {"url": URL, "name": None},
        {"transport": None},
        {"transport": "siprec", "connector": None},
        {"url": URL, "parameters": [parameter("k", None)]},
    ],
)
def test_what_is_not_known_yet_is_not_judged(fields: dict[str, object]) -> None:
    found = verdict(**fields)
    assert found.asked is None
    assert not found.problems
