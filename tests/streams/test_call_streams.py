"""The streams of one call: started, refused, stopped, and each with exactly one end and its totals."""

import asyncio
from typing import Any

import pytest

from bridgetap.engine import ForkOpened
from bridgetap.engine.virtual_loop import run_virtual
from bridgetap.errors import Conflict, InvalidStream, NotFound
from bridgetap.flow import StreamUrl
from bridgetap.flow.stream_options import StreamOptions
from bridgetap.streams import Hold, Participant

from .desk import ACCOUNT, CALL, Desk, virtual


@virtual
async def test_what_the_core_is_told(desk: Desk) -> None:
    sid = await desk.start(tracks=("inbound", "outbound"), parameters=(("k", "v"),))
    (target,) = desk.leg.forks.values()
    assert (target.stream_sid, target.call_sid, target.account_sid) == (sid, CALL, ACCOUNT)
    (endpoint,) = target.endpoints
    assert (endpoint.host, endpoint.port, endpoint.path) == ("media.example", 8443, "/in")
    assert target.tracks == ("inbound", "outbound")
    assert target.parameters == (("k", "v"),)
    assert endpoint.headers == (("X-Twilio-Signature", "signature of wss://media.example:8443/in"),)


@virtual
async def test_a_stream_is_told_the_events_it_asked_for(desk: Desk) -> None:
    await desk.start("all", options=StreamOptions.of(events=("dtmf", "hold", "participant")))
    await desk.start("holds", options=StreamOptions.of(events=("hold",)))
    await desk.start("none")
    every, holds, _ = desk.leg.forks
    desk.call.tell(Hold(track="outbound", held=True))
    desk.call.tell(Participant(joined=True, call_sid=CALL, address="+49301234567"))
    desk.call.tell(Participant(joined=False))
    told = [(command["fork"], command["event"], command["body"]) for command in desk.fake.sent("tell_fork")]
    assert told == [
        (every, "hold", {"track": "outbound", "held": True}),
        (holds, "hold", {"track": "outbound", "held": True}),
        (
            every,
            "participant",
            {"track": "outbound", "action": "joined", "callSid": CALL, "address": "+49301234567"},
        ),
        (every, "participant", {"track": "outbound", "action": "left"}),
    ]
    assert [target.events for target in desk.leg.forks.values()] == [
        ("dtmf", "hold", "participant"),
        ("hold",),
        (),
    ]


@virtual
async def test_the_shape_that_was_asked_for_goes_to_the_core(desk: Desk) -> None:
    shape = StreamOptions.of(
        format="l16-16000", channels="stereo", framing="binary", frame_ms=100, wall_clock=True, events=("hold",)
    )
    await desk.start("plain", tracks=("inbound",))
    await desk.start("shaped", tracks=("inbound", "outbound"), options=shape)
    await desk.start("alone", tracks=("outbound",), options=shape)
    plain, shaped, alone = (
        (one.format, one.channels, one.framing, one.frame_ms, one.wall_clock, one.events)
        for one in desk.leg.forks.values()
    )
    assert plain == ("mulaw", "separate", "json", 20, False, ())
    assert shaped == ("l16-16000", "stereo", "binary", 100, True, ("hold",))
    assert alone[1] == "separate", "where a configuration asks for stereo, one track has nothing to go with"


@virtual
async def test_a_url_without_a_path_asks_for_the_root(desk: Desk) -> None:
    await desk.start(url=StreamUrl.parse("wss://cool.process.io"))
    (target,) = desk.leg.forks.values()
    assert (target.endpoints[0].port, target.endpoints[0].path) == (443, "/")


@virtual
async def test_the_row_is_committed_before_the_core_has_the_stream(desk: Desk) -> None:
    committed = asyncio.Event()

    async def slowly() -> None:
        await committed.wait()

    desk.commit = slowly
    starting = asyncio.ensure_future(desk.start())
    await desk.settle()
    assert desk.leg.forks == {}
    committed.set()
    await starting
    assert len(desk.leg.forks) == 1


@virtual
async def test_a_stream_has_a_row_with_its_life(desk: Desk) -> None:
    sid = await desk.start(parameters=(("secret", "value"),), url=StreamUrl.parse("wss://h.example/p?token=secret"))
    row = desk.rows()["tap"]
    assert (row.sid, row.url, row.parameter_names, row.opened_ns) == (sid, "wss://h.example/p", ("secret",), None)
    (fork,) = desk.leg.forks
    desk.fake.push(ForkOpened(leg=desk.leg.id, fork=fork, connect_ms=12.5))
    await desk.settle()
    assert desk.rows()["tap"].opened_ns is not None
    desk.call.stop("tap", "websocket")
    await desk.settle()
    row = desk.rows()["tap"]
    assert (row.end_reason, row.code, row.frames_sent, row.ms_sent, row.lag_max_ms) == ("stopped", None, 100, 2000, 20)
    assert desk.ends() == [("tap", "stopped")]
    assert desk.notes == []


@virtual
async def test_without_a_name_it_is_named_by_its_sid(desk: Desk) -> None:
    sid = await desk.start("")
    assert desk.call.running()[0].name == sid
    assert desk.call.stop(sid, "websocket").sid == sid


@virtual
async def test_a_name_is_taken_until_its_stream_takes_no_more_audio(desk: Desk) -> None:
    first = await desk.start()
    with pytest.raises(Conflict) as refused:
        await desk.start()
    assert refused.value.code == 20409
    with pytest.raises(Conflict):
        await desk.start(first)  # a SID is a name too
    desk.call.stop("tap", "websocket")
    assert await desk.start() != first, "stopped, though it may still drain"
    assert len(desk.versions) >= 2


@virtual
async def test_four_tracks_at_a_time(desk: Desk) -> None:
    await desk.start("a", tracks=("inbound", "outbound"))
    await desk.start("b")
    await desk.start("c", tracks=("outbound",))
    with pytest.raises(InvalidStream, match="4 of 4 tracks") as refused:
        await desk.start("d")
    assert refused.value.code == 31941
    desk.call.stop("b", "websocket")
    await desk.start("d")
    with pytest.raises(InvalidStream):
        await desk.start("e", tracks=("inbound", "outbound"))
    assert [named.name for named in desk.call.running()] == ["a", "c", "d"]


@virtual
async def test_two_starts_at_once_cannot_share_the_last_track(desk: Desk) -> None:
    await desk.start("a", tracks=("inbound", "outbound"))
    await desk.start("b")
    results = await asyncio.gather(desk.start("c"), desk.start("d"), return_exceptions=True)
    assert [isinstance(result, InvalidStream) for result in results] == [False, True]


@pytest.mark.parametrize("tracks", [(), ("inbound", "inbound")])
def test_tracks_that_make_no_sense(tracks: tuple[str, ...]) -> None:
    async def main() -> None:
        with pytest.raises(InvalidStream) as refused:
            await Desk().start(tracks=tracks)
        assert refused.value.code == 31941

    run_virtual(main())


@virtual
async def test_a_stop_without_a_name_ends_the_newest(desk: Desk) -> None:
    await desk.start("a")
    await desk.start("b")
    assert desk.call.stop(None, "websocket").name == "b"
    assert desk.call.stop(None, "websocket").name == "a"
    with pytest.raises(NotFound):
        desk.call.stop(None, "websocket")


@virtual
async def test_what_is_not_there_cannot_be_stopped(desk: Desk) -> None:
    await desk.start("tap")
    for name, transport in (("other", "websocket"), ("tap", "siprec")):
        with pytest.raises(NotFound) as refused:
            desk.call.stop(name, transport)  # type: ignore[arg-type]
        assert refused.value.code == 20404


@virtual
async def test_siprec_has_no_connector(desk: Desk) -> None:
    with pytest.raises(InvalidStream) as refused:
        await desk.start(transport="siprec", connector="Gridspace_1", url=None)
    assert (refused.value.code, desk.versions) == (31940, [])


@virtual
async def test_a_websocket_needs_a_url(desk: Desk) -> None:
    with pytest.raises(InvalidStream) as refused:
        await desk.start(url=None)
    assert refused.value.code == 31923
    await desk.start()  # and the name is still free


# -- ends --


@pytest.mark.parametrize(
    ("end", "note"),
    [
        ({"reason": "failed", "code": 31901}, ("error", 31901)),
        ({"reason": "failed", "code": 31910, "detail": "certificate has expired"}, ("error", 31910)),
        ({"reason": "failed"}, ("error", 31900)),
        ({"reason": "remote-closed", "code": 31921, "close_code": 1011}, ("error", 31921)),
        ({"reason": "remote-closed", "close_code": 1000}, None),
        ({"reason": "call-ended"}, None),
    ],
)
def test_an_end_that_is_an_error_is_said_with_its_code(end: dict[str, Any], note: tuple[str, int] | None) -> None:
    async def main() -> None:
        desk = Desk()
        await desk.start()
        (fork,) = desk.leg.forks
        desk.leg.end_fork(fork, **end)
        await desk.settle()
        row = desk.rows()["tap"]
        assert (row.end_reason, row.code) == (end["reason"], end.get("code"))
        assert desk.notes == ([note] if note else [])
        await desk.start()  # name and tracks are free again

    run_virtual(main())


@virtual
async def test_a_stop_that_crosses_with_the_far_ends_close_ends_once(desk: Desk) -> None:
    await desk.start()
    (fork,) = desk.leg.forks
    desk.leg.end_fork(fork, reason="remote-closed", close_code=1000)
    desk.call.stop("tap", "websocket")
    await desk.settle()
    assert desk.ends() == [("tap", "remote-closed")]


@virtual
async def test_opened_after_it_was_stopped(desk: Desk) -> None:
    """The 101 was on its way up while the stop went down."""
    await desk.start()
    (fork,) = desk.leg.forks
    desk.fake.push(ForkOpened(leg=desk.leg.id, fork=fork, connect_ms=1.0))
    desk.call.stop("tap", "websocket")
    await desk.settle()
    assert desk.ends() == [("tap", "stopped")]


@virtual
async def test_the_calls_end_ends_its_streams(desk: Desk) -> None:
    await desk.start("a")
    await desk.start("b")
    desk.call.end_of_call()
    desk.leg.close()
    await desk.settle()
    assert desk.ends() == [("a", "call-ended"), ("b", "call-ended")]
    with pytest.raises(Conflict) as refused:
        await desk.start("c")
    assert refused.value.code == 21220


@pytest.mark.parametrize(("what", "reason"), [("stop", "stopped"), ("end", "call-ended")])
def test_what_happens_while_the_row_is_written_is_not_lost(what: str, reason: str) -> None:
    async def main() -> None:
        desk = Desk()
        committed = asyncio.Event()

        async def slowly() -> None:
            await committed.wait()

        desk.commit = slowly
        starting = asyncio.ensure_future(desk.start())
        await desk.settle()
        if what == "stop":
            desk.call.stop("tap", "websocket")
        else:
            desk.call.end_of_call()
        committed.set()
        await starting
        assert desk.leg.forks == {}, "the core never hears of it"
        assert desk.ends() == [("tap", reason)]

    run_virtual(main())
