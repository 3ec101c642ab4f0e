"""The streams of one call: started, refused, stopped, and each with exactly one end and its totals."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import pytest
import structlog

from bridgetap.engine import EngineError, ForkLagging, ForkOpened, ForkReconnecting, ForkResumed
from bridgetap.engine.fake import FakeLeg, fake_core
from bridgetap.engine.virtual_loop import LoopClock, run_virtual
from bridgetap.errors import Conflict, InvalidStream, NotFound
from bridgetap.flow import StreamUrl
from bridgetap.flow.stream_options import StreamOptions
from bridgetap.ids import AccountSid, CallSid
from bridgetap.store import StoreFull, StoreUnavailable, StreamRecord
from bridgetap.streams import CallStreams, Hold, Participant, StreamParts, StreamPolicy, StreamRequest, Streams
from bridgetap.webhooks import Callback, StatusCallback

ACCOUNT, CALL = AccountSid("AC" + "1" * 32), CallSid("CA" + "2" * 32)
URL = StreamUrl.parse("wss://media.example:8443/in")


class _Told:
    """Who tells other servers."""

    def __init__(self, desk: "Desk") -> None:
        self._desk = desk

    def put(self, callback: Callback) -> None:
        self._desk.told.append(callback)
        self._desk.order.append(dict(callback.parameters)["StreamEvent"])

    def gauges(self) -> dict[str, float]:
        return {}


class Desk:
    """One call's streams on a fake leg, with a store and a notification log in memory."""

    def __init__(self, policy: StreamPolicy | None = None) -> None:
        self.core, self.fake = fake_core()
        self.core.start()
        leg = self.core.media.open_leg(address="127.0.0.1")
        assert isinstance(leg, FakeLeg)
        self.leg = leg
        self.versions: list[StreamRecord] = []
        self.notes: list[tuple[str, int]] = []
        self.told: list[Callback] = []
        self.order: list[str] = []  # of what was put
        self.commit: Callable[[], Awaitable[None]] = lambda: asyncio.sleep(0)
        entropy = count(1)
        self.streams = Streams(
            StreamParts(
                core=self.core,
                records=self,
                notifier=self,
                callbacks=_Told(self),
                sealed=self,
                clock=LoopClock(),
                entropy=lambda size: next(entropy).to_bytes(size, "big"),
                sign=lambda url: f"signature of {url}",
                account_sid=ACCOUNT,
                policy=policy or StreamPolicy(),
            )
        )
        self.call: CallStreams = self.streams.of_call(CALL, leg)

    async def commit_now(self, record: StreamRecord) -> None:
        await self.commit()
        self.versions.append(record)

    def put(self, record: StreamRecord) -> None:
        self.versions.append(record)
        self.order.append("row")

    def close(self, to: StatusCallback) -> str:
        return f"sealed {to.url.shown}"

    def notify(self, *, level: str, code: int, **_: Any) -> None:
        self.notes.append((level, code))

    def rows(self) -> dict[str, StreamRecord]:
        """The last version of each row, by name."""
        return {record.name: record for record in self.versions}

    def ends(self) -> list[tuple[str, str | None]]:
        return [(record.name, record.end_reason) for record in self.versions if record.ended_ns is not None]

    async def start(self, name: str = "tap", **changes: Any) -> str:
        values: dict[str, Any] = {"transport": "websocket", "name": name, "url": URL}
        named = await self.call.start(StreamRequest(**(values | changes)))
        return str(named.sid)

    async def settle(self) -> None:
        await asyncio.sleep(0.001)


def virtual(scenario: Callable[[Desk], Awaitable[None]]) -> Callable[[], None]:
    """A test on a fresh desk, in virtual time."""

    def test() -> None:
        async def main() -> None:
            await scenario(Desk())

        run_virtual(main())

    test.__doc__ = scenario.__doc__
    return test


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


# -- trouble --


@virtual
async def test_a_store_without_room_refuses_and_leaves_nothing(desk: Desk) -> None:
    async def full() -> None:
        raise StoreFull(10)

    desk.commit = full
    with pytest.raises(Conflict):
        await desk.start()
    assert (desk.versions, desk.leg.forks, desk.streams.live) == ([], {}, 0)
    desk.commit = lambda: asyncio.sleep(0)
    await desk.start()


@virtual
async def test_a_store_that_does_not_answer_may_have_the_row_so_it_is_ended(desk: Desk) -> None:
    async def silent() -> None:
        raise StoreUnavailable("streams", 10.0)

    desk.commit = silent
    with pytest.raises(StoreUnavailable):
        await desk.start()
    assert (desk.ends(), desk.leg.forks) == ([("tap", "failed")], {})


@virtual
async def test_a_start_that_is_cancelled_ends_too(desk: Desk) -> None:
    desk.commit = lambda: asyncio.sleep(60)
    starting = asyncio.ensure_future(desk.start())
    await desk.settle()
    starting.cancel()
    await asyncio.wait([starting])
    assert desk.ends() == [("tap", "failed")]
    assert desk.streams.live == 0


def test_a_core_that_refuses_the_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        desk = Desk()

        def refuse(*_: object) -> None:
            raise EngineError("too many forks")

        monkeypatch.setattr(FakeLeg, "fork", refuse)
        await desk.start()
        assert desk.ends() == [("tap", "failed")]
        assert desk.notes == [("error", 31900)]

    run_virtual(main())


@virtual
async def test_dropped_audio_is_said_once(desk: Desk) -> None:
    await desk.start()
    (fork,) = desk.leg.forks
    for dropped_ms in (0, 0, 400, 800):
        desk.fake.push(ForkLagging(leg=desk.leg.id, fork=fork, lag_ms=4000, percent=90, dropped_ms=dropped_ms))
    await desk.settle()
    assert desk.notes == [("warning", 31930)]


@virtual
async def test_a_stream_that_is_resumed_says_so_and_ends_once(desk: Desk) -> None:
    await desk.start(options=StreamOptions.of(resume=True))
    (fork,) = desk.leg.forks
    leg = desk.leg.id

    def lost(code: int, detail: str) -> ForkReconnecting:
        return ForkReconnecting(leg=leg, fork=fork, endpoint=0, wait_ms=100, code=code, detail=detail, close_code=0)

    desk.fake.push(ForkOpened(leg=leg, fork=fork, connect_ms=1))
    for _ in range(2):
        desk.fake.push(lost(31903, "broken"))
        await desk.settle()
        desk.fake.push(lost(31902, "refused"))
        await desk.settle()
        desk.fake.push(
            ForkResumed(leg=leg, fork=fork, endpoint=0, down_ms=300, knows=True, frames_replayed=7, gap_ms=0)
        )
        await desk.settle()
    assert desk.rows()["tap"].reconnects == 2
    assert desk.rows()["tap"].is_open
    assert desk.notes == [("warning", 31903), ("warning", 31903)]
    desk.leg.end_fork(fork, reason="call-ended")
    await desk.settle()
    assert desk.ends() == [("tap", "call-ended")]


@virtual
async def test_a_stream_that_is_stopped_while_it_reconnects_ends_as_stopped(desk: Desk) -> None:
    await desk.start()
    (fork,) = desk.leg.forks
    desk.fake.push(ForkOpened(leg=desk.leg.id, fork=fork, connect_ms=1))
    desk.fake.push(
        ForkReconnecting(leg=desk.leg.id, fork=fork, endpoint=1, wait_ms=0, code=31921, detail="", close_code=1012)
    )
    await desk.settle()
    desk.call.stop("tap", "websocket")
    await desk.settle()
    assert desk.ends() == [("tap", "stopped")]


# -- the server's end --


@virtual
async def test_the_server_waits_for_what_drains(desk: Desk) -> None:
    await desk.start()
    (fork,) = desk.leg.forks
    closing = asyncio.ensure_future(desk.streams.close(patience_s=5))
    await asyncio.sleep(2)
    assert not closing.done()
    desk.leg.end_fork(fork, reason="call-ended")
    await desk.settle()
    assert closing.done()
    assert desk.ends() == [("tap", "call-ended")]


@virtual
async def test_what_does_not_end_in_time_ends_as_drained(desk: Desk) -> None:
    await desk.start("a")
    await desk.start("b")
    await desk.streams.close(patience_s=5)
    assert sorted(desk.ends()) == [("a", "drained"), ("b", "drained")]
    assert desk.streams.live == 0


@pytest.mark.parametrize("outcome", [None, StoreFull(1), StoreUnavailable("streams", 10.0)])
def test_what_the_server_ends_while_its_row_is_written_ends_once(outcome: Exception | None) -> None:
    async def main() -> None:
        desk = Desk()
        committed = asyncio.Event()

        async def slowly() -> None:
            await committed.wait()
            if outcome is not None:
                raise outcome

        desk.commit = slowly
        starting = asyncio.ensure_future(desk.start())
        await desk.settle()
        await desk.streams.close(patience_s=1)
        committed.set()
        await asyncio.wait([starting])
        assert type(starting.exception()) in (type(None), Conflict, StoreUnavailable)
        assert desk.ends() == [("tap", "drained")]
        assert desk.leg.forks == {}, "the core never hears of it"
        assert desk.streams.live == 0

    run_virtual(main())


@virtual
async def test_what_the_core_says_after_the_servers_end_is_not_heard(desk: Desk) -> None:
    await desk.start()
    (fork,) = desk.leg.forks
    await desk.streams.close(patience_s=1)
    with structlog.testing.capture_logs() as logs:
        desk.fake.push(ForkOpened(leg=desk.leg.id, fork=fork, connect_ms=1))
        desk.leg.end_fork(fork, reason="call-ended")
        await desk.settle()
    assert logs == []
    assert desk.ends() == [("tap", "drained")]
