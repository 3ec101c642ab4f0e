"""Streams to recorders among a call's streams: started and stopped like the others, told what happens on the call,
and nothing that a recorder does is seen by anybody else (checklist 15, 21, 31, 33, 34, 37, 38, 58, 61, 63, 66, 69)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from bridgetap.engine import CallAnswered, CallEnded, DialogId, EngineError, ReofferAnswered
from bridgetap.engine.fake import Command, FakeLeg
from bridgetap.engine.virtual_loop import LoopClock, run_virtual
from bridgetap.errors import Conflict, InvalidStream, NotFound
from bridgetap.ids import CallSid
from bridgetap.siprec.metadata import Recording
from bridgetap.siprec.multipart import SDP
from bridgetap.siprec.recorder_uri import parse_recorder
from bridgetap.store import StoreFull, StoreUnavailable
from bridgetap.streams import (
    CallAbout,
    Connector,
    Connectors,
    Hold,
    Participant,
    RecorderParts,
    Recorders,
    RecordingParts,
    StreamRequest,
    Streams,
)
from bridgetap.webhooks import StatusCallback, WebhookUrl

from .desk import CALL, Desk
from .test_siprec import TAKES, _Addresses, document, offer, values

BOB, CAROL = CallSid("CA" + "3" * 32), CallSid("CA" + "4" * 32)
ABOUT = CallAbout(
    sid=CALL,
    group=CALL,
    party="+15551230001",
    party_name="Alice",
    dialled="+15559870002",
    started_ns=1_767_225_600 * 10**9,
)
STATUS = StatusCallback(url=WebhookUrl.parse("https://app.example/recorded"), method="POST")


def connector(name: str, *hosts: str, **changes: Any) -> Connector:
    uris = tuple(parse_recorder(f"sip:rec@{host}.example", place="") for host in hosts or (name,))
    return replace(Connector(name=name, recorders=uris), **changes)


class Room(Desk):
    """A call's streams, with recorders that the test plays."""

    def __init__(self, *connectors: Connector) -> None:
        super().__init__()
        entropy = count(1)
        self.ended_calls = 0
        self.recorders = Recorders(
            RecorderParts(
                connectors=Connectors({one.name: one for one in connectors}),
                recording=RecordingParts(
                    core=self.core,
                    addresses=_Addresses(),
                    clock=LoopClock(),
                    entropy=lambda size: next(entropy).to_bytes(size, "big"),
                ),
                domain="voice.example",
            )
        )
        self.streams = Streams(replace(self.streams._parts, recorders=self.recorders))
        self.call = self.streams.of_call(CALL, self.leg, about=ABOUT, unrecorded=self._end_call)

    def _end_call(self) -> None:
        self.ended_calls += 1

    async def record(self, name: str = "rec", **changes: Any) -> str:
        request: dict[str, Any] = {"connector": "srs", "tracks": ("inbound", "outbound"), "status": STATUS}
        named = await self.call.start(StreamRequest(transport="siprec", name=name, **(request | changes)))
        return str(named.sid)

    def invites(self) -> list[Command]:
        return self.fake.sent("invite")

    async def take(self, number: int = -1) -> DialogId:
        """One of the recorders that were asked answers 200."""
        await self.settle()
        dialog = DialogId(self.invites()[number].of or 0)
        self.fake.push(
            CallAnswered(
                dialog=dialog, headers=[], content_type=SDP, body=TAKES, needs_ack=False, contact="", source=""
            )
        )
        await self.settle()
        return dialog

    async def lose(self, number: int = -1, *, status: int = 503) -> None:
        await self.settle()
        dialog = DialogId(self.invites()[number].of or 0)
        self.fake.sip.open.discard(dialog)
        self.fake.push(CallEnded(dialog=dialog, cause="rejected", status=status, reason="No", headers=[]))
        await self.settle()

    async def cannot_reach(self, **why: Any) -> None:
        await self.settle()
        dialog = DialogId(self.invites()[-1].of or 0)
        self.fake.sip.open.discard(dialog)
        self.fake.push(CallEnded(dialog=dialog, cause="transport", status=503, reason="No", headers=[], **why))
        await self.settle()

    async def told_at(self, dialog: DialogId) -> Recording:
        """The document of the re-INVITE that is out, which is answered then."""
        await self.settle()
        command = [one for one in self.fake.sent("reoffer") if one.of == dialog][-1]
        self.fake.push(ReofferAnswered(dialog=dialog, status=200, reason="OK", body=TAKES))
        await self.settle()
        return document(command)

    async def settle(self) -> None:
        await asyncio.sleep(0.01)

    def callbacks(self) -> list[dict[str, str]]:
        return [dict(callback.parameters) for callback in self.told]


def play(scenario: Callable[[Room], Awaitable[None]], *connectors: Connector) -> Room:
    async def main() -> Room:
        room = Room(*(connectors or (connector("srs", "one", "two"),)))
        running = asyncio.create_task(room.recorders.run())
        await asyncio.sleep(0)
        await scenario(room)
        room.call.end_of_call()
        room.leg.close()
        await room.settle()
        running.cancel()
        await asyncio.wait([running])
        assert all(leg.closed for leg in room.fake.media.legs[1:]), "no leg is left behind"
        assert not room.fake.sip.open, "and no dialog"
        assert room.streams.live == 0
        return room

    return run_virtual(main())


# -- doors and names --


def test_it_is_created_before_any_recorder_has_said_a_word() -> None:
    async def scenario(room: Room) -> None:
        sid = await room.record()
        assert room.invites() == []
        assert sid.startswith("SR")
        assert [named.sid for named in room.call.running()] == [sid]
        row = room.rows()["rec"]
        assert (row.transport, row.connector, row.url, row.opened_ns) == ("siprec", "srs", "", None)

    play(scenario)


def test_its_life_is_told_in_twilios_words() -> None:
    async def scenario(room: Room) -> None:
        sid = await room.record()
        await room.take()
        room.call.stop("rec", "siprec")
        await room.settle()
        started, stopped = room.callbacks()
        common = {"AccountSid": room.rows()["rec"].account_sid, "CallSid": CALL, "SiprecSid": sid, "SiprecName": "rec"}
        for told, event in ((started, "siprec-started"), (stopped, "siprec-stopped")):
            assert told.pop("Timestamp").startswith("2026-01-01T00:00:0")
            assert told == common | {"SiprecEvent": event}
        assert room.ends() == [("rec", "stopped")]

    play(scenario)


@pytest.mark.parametrize(
    ("why", "code"),
    [({}, 31904), ({"trouble": "cannot connect"}, 31904), ({"trouble": "it has expired", "tls_failed": True}, 31910)],
)
def test_recorders_that_cannot_be_reached_are_told_with_the_code_of_why(why: dict[str, Any], code: int) -> None:
    async def scenario(room: Room) -> None:
        await room.record()
        await room.cannot_reach(**why)
        await room.cannot_reach(**why)

    room = play(scenario)
    row = room.rows()["rec"]
    assert (row.end_reason, row.code) == ("failed", code)
    assert ("error", code) in room.notes
    assert str(code) in room.callbacks()[-1]["SiprecErrorCode"]
    assert ("warning", code) in room.notes


@pytest.mark.parametrize(("status", "code"), [(503, 31902), (603, 31902), (401, 32106), (408, 31901), (0, 31904)])
def test_recorders_that_all_refuse_are_one_error_with_its_code(status: int, code: int) -> None:
    """61, 63: the last recorder's answer and its words are in the callback."""

    async def scenario(room: Room) -> None:
        await room.record()
        await room.lose(status=503)
        await room.lose(status=status)
        (error,) = room.callbacks()
        assert (error["SiprecEvent"], error["SiprecErrorCode"]) == ("siprec-error", str(code))
        assert "two.example" in error["SiprecError"]
        assert ("error", code) in room.notes
        assert ("warning", 31902) in room.notes
        assert room.ends() == [("rec", "failed")]
        await room.record()  # name and tracks are free again

    play(scenario)


def test_a_recorders_goodbye_is_a_stop_and_no_error() -> None:
    """66."""

    async def scenario(room: Room) -> None:
        await room.record()
        dialog = await room.take()
        for line in room.fake.media.legs[1:]:
            line.packets_sent = 150
        room.fake.sip.open.discard(dialog)
        room.fake.push(CallEnded(dialog=dialog, cause="bye", status=0, reason="", headers=[]))
        await room.settle()
        assert [told["SiprecEvent"] for told in room.callbacks()] == ["siprec-started", "siprec-stopped"]
        assert room.ends() == [("rec", "remote-closed")]
        assert not room.leg.closed
        assert room.rows()["rec"].frames_sent == 2 * 150

    play(scenario)


def test_both_kinds_share_names_and_the_budget_and_nothing_else() -> None:
    """69."""

    async def scenario(room: Room) -> None:
        await room.start("tap")
        await room.record("rec")
        with pytest.raises(Conflict):
            await room.record("tap")
        with pytest.raises(Conflict):
            await room.start("rec")
        await room.start("other")
        with pytest.raises(InvalidStream, match="4 of 4 tracks") as refused:
            await room.record("more", tracks=("inbound",))
        await room.settle()
        assert (refused.value.code, len(room.invites())) == (31941, 1)
        with pytest.raises(NotFound):
            room.call.stop("rec", "websocket")
        with pytest.raises(NotFound):
            room.call.stop("tap", "siprec")
        assert room.call.stop(None, "siprec").name == "rec"
        assert room.call.stop(None, "websocket").name == "other"

    play(scenario)


@pytest.mark.parametrize(("name", "code"), [("nobody", 31940), ("bad", 31942)])
def test_a_connector_that_is_not_there_or_broken_starts_nothing(name: str, code: int) -> None:
    async def scenario(room: Room) -> None:
        with pytest.raises(InvalidStream) as refused:
            await room.record(connector=name)
        assert refused.value.code == code
        assert (room.versions, room.invites(), room.call.running()) == ([], [], [])

    play(scenario, connector("srs"), connector("bad", broken=("recorders[0]: is no URI",)))


def test_the_server_that_drains_says_so() -> None:
    async def scenario(room: Room) -> None:
        await room.record()
        await room.take()
        room.call.end_of_call(drained=True)
        await room.settle()
        assert room.ends() == [("rec", "drained")]

    play(scenario)


def test_it_ends_with_its_call_also_where_nobody_has_answered() -> None:
    async def scenario(room: Room) -> None:
        await room.record("asked")
        await room.settle()
        room.call.end_of_call()
        await room.settle()
        assert room.ends() == [("asked", "call-ended")]

    play(scenario)


def test_a_recorder_that_cannot_be_opened_costs_the_call_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(room: Room) -> None:
        def full(**_: object) -> FakeLeg:
            raise EngineError("media.ports: none is free")

        with monkeypatch.context() as broken:
            broken.setattr(room.fake.media, "open_leg", full)
            await room.record()
            await room.settle()
        assert room.ends() == [("rec", "failed")]
        assert room.invites() == []

    play(scenario)


# -- parameters --


@pytest.mark.parametrize(("as_", "headers", "metadata"), [("both", 1, 1), ("headers", 1, 0), ("metadata", 0, 1)])
def test_parameters_go_where_the_connector_wants_them(as_: str, headers: int, metadata: int) -> None:
    """37, 38."""

    async def scenario(room: Room) -> None:
        await room.record(parameters=(("tenant", "4\r\nTo: x"), ("Call-Info", "<http://a>")))
        await room.settle()
        (invite,) = room.invites()
        assert values(invite, "X-tenant") == ["4%0D%0ATo: x"] * headers
        assert values(invite, "Call-Info") == ["<http://a>"] * headers
        (session,) = document(invite).sessions
        assert session.call is not None
        told = (("tenant", "4\r\nTo: x"), ("Call-Info", "<http://a>"))
        assert session.call.parameters == told * metadata
        assert room.rows()["rec"].parameter_names == ("tenant", "Call-Info")

    play(scenario, connector("srs", parameters_as=as_))


@pytest.mark.parametrize("key", ["Via", "contact", "X-Twilio-Secret", "Content-Length"])
def test_a_header_of_sips_own_starts_nothing(key: str) -> None:
    async def scenario(room: Room) -> None:
        with pytest.raises(InvalidStream) as refused:
            await room.record(parameters=(("fine", "1"), (key, "v")))
        assert (refused.value.code, refused.value.place) == (32113, "parameters[1].name")
        assert (room.versions, room.call.running()) == ([], [])

    play(scenario)


def test_a_connectors_credentials_are_in_the_invite_and_nowhere_else() -> None:
    """15."""

    async def scenario(room: Room) -> None:
        await room.record()
        await room.take()
        (invite,) = room.invites()
        assert values(invite, "X-Auth-Token") == ["s3cret"]
        assert "s3cret" not in repr((room.versions, room.told, room.notes))

    play(scenario, connector("srs", header=("X-Auth-Token", "s3cret")))


# -- who is who --


def test_labels_and_parties_are_the_tracks() -> None:
    """21, 33, 34: label 1 is what the caller says; each stream is sent by one and heard by the other."""

    async def scenario(room: Room) -> None:
        await room.record()
        await room.settle()
        told = document(room.invites()[0])
        assert [(p.names[0].aor, p.names[0].name) for p in told.participants] == [
            ("tel:+15551230001", "Alice"),
            ("tel:+15559870002", ""),
        ]
        inbound, outbound = told.streams
        alice, service = told.participant_streams
        assert (inbound.label, alice.sends, alice.receives) == ("1", (inbound.id,), (outbound.id,))
        assert (outbound.label, service.sends, service.receives) == ("2", (outbound.id,), (inbound.id,))
        assert [media.values("label") for media in offer(room.invites()[0]).media] == [["1"], ["2"]]

    play(scenario)


def test_the_order_of_labels_can_be_the_other_one() -> None:
    """21."""

    async def scenario(room: Room) -> None:
        await room.record()
        await room.take()
        told = document(room.invites()[0])
        alice = told.participant_streams[0]
        labels = {stream.id: stream.label for stream in told.streams}
        assert labels[alice.sends[0]] == "2"
        assert [copy["track"] for copy in room.fake.sent("copy")] == ["outbound", "inbound"]

    play(scenario, connector("srs", outbound_first=True))


def test_hold_resume_join_leave_and_transfer_are_each_one_update() -> None:
    """31, 58: everybody keeps the id they had."""

    async def scenario(room: Room) -> None:
        await room.record()
        dialog = await room.take()
        before = document(room.invites()[0])
        alice, service = (participant.id for participant in before.participants)
        inbound, outbound = (stream.id for stream in before.streams)

        room.call.tell(Participant(joined=True, call_sid=BOB, address="+15550000003"))
        joined = await room.told_at(dialog)
        (bob,) = joined.participants
        assert bob.names[0].aor == "tel:+15550000003"
        assert {(m.participant, m.disassociated_ns is None) for m in joined.participant_sessions} == {
            (bob.id, True),
            (service, False),
        }
        (voice,) = joined.participant_streams
        assert (voice.participant, voice.sends, voice.receives) == (bob.id, (outbound,), (inbound,))

        room.call.tell(Hold(track="outbound", held=True))
        held = {voice.participant: voice for voice in (await room.told_at(dialog)).participant_streams}
        assert (held[bob.id].sends, held[bob.id].receives) == ((), ())
        assert (held[alice].sends, held[alice].receives) == ((inbound,), ())

        room.call.tell(Hold(track="outbound", held=False))
        resumed = {voice.participant: voice for voice in (await room.told_at(dialog)).participant_streams}
        assert (resumed[bob.id].sends, resumed[bob.id].receives) == ((outbound,), (inbound,))
        assert (resumed[alice].sends, resumed[alice].receives) == ((inbound,), (outbound,))

        room.call.tell(Participant(joined=False, call_sid=BOB, address="+15550000003"))
        room.call.tell(Participant(joined=True, call_sid=CAROL, address="sip:carol@voice.example"))
        documents = [await room.told_at(dialog), await room.told_at(dialog)]
        parties = {p.id: p.names[0].aor for told in documents for p in told.participants}
        assert "sip:carol@voice.example" in parties.values()
        left = [m.participant for told in documents for m in told.participant_sessions if m.disassociated_ns]
        assert bob.id in left

        room.call.tell(Participant(joined=False, call_sid=CAROL, address="sip:carol@voice.example"))
        alone = await room.told_at(dialog)
        back = [m.participant for m in alone.participant_sessions if m.disassociated_ns is None]
        assert back == [service]

    play(scenario)


def test_a_recording_that_begins_in_the_middle_knows_who_is_there() -> None:
    async def scenario(room: Room) -> None:
        room.call.tell(Participant(joined=True, call_sid=BOB, address="+15550000003"))
        room.call.tell(Hold(track="inbound", held=True))
        await room.record()
        await room.settle()
        told = document(room.invites()[0])
        assert [p.names[0].aor for p in told.participants] == ["tel:+15551230001", "tel:+15550000003"]
        assert [bool(voice.sends) for voice in told.participant_streams] == [False, True]

    play(scenario)


def test_what_happens_while_a_recorder_is_asked_is_told_once_it_takes_the_call() -> None:
    async def scenario(room: Room) -> None:
        await room.record()
        await room.settle()
        room.call.tell(Participant(joined=True, call_sid=BOB, address="+15550000003"))
        dialog = await room.take()
        assert [p.names[0].aor for p in (await room.told_at(dialog)).participants] == ["tel:+15550000003"]

    play(scenario)


# -- masking --


def test_a_pause_sends_nothing_and_is_told_and_a_resume_ends_it() -> None:
    async def scenario(room: Room) -> None:
        sid = await room.record()
        dialog = await room.take()
        assert room.call.pause("rec", paused=True).sid == sid
        assert room.call.paused() == {sid}
        await room.settle()
        assert all(leg.media is not None and leg.media.direction == "inactive" for leg in room.fake.media.legs[1:])
        assert all(media.attribute("inactive") for media in offer(room.fake.sent("reoffer")[-1]).media)
        await room.told_at(dialog)
        room.call.pause(sid, paused=False)
        assert room.call.paused() == frozenset()
        await room.told_at(dialog)
        assert all(leg.media is not None and leg.media.direction == "sendonly" for leg in room.fake.media.legs[1:])
        await room.start("tap")
        with pytest.raises(NotFound):
            room.call.pause("tap", paused=True)

    play(scenario)


def test_a_pause_that_comes_while_the_row_is_written_lets_nothing_out() -> None:
    async def scenario(room: Room) -> None:
        written = asyncio.Event()

        async def slowly() -> None:
            await written.wait()

        room.commit = slowly
        starting = asyncio.create_task(room.record())
        await room.settle()
        (named,) = room.call.running()
        room.call.pause(named.sid, paused=True)
        written.set()
        await starting
        dialog = await room.take()
        assert all(leg.media is not None and leg.media.direction == "inactive" for leg in room.fake.media.legs[1:])
        assert all(media.attribute("inactive") for media in offer(room.fake.sent("reoffer")[-1]).media)
        await room.told_at(dialog)

    play(scenario)


# -- mirrors, and calls that must be recorded --


MIRRORED = (connector("srs", mirrors=("copy",)), connector("copy", parameters_as="headers"))


def test_mirrors_record_the_same_each_on_its_own() -> None:
    async def scenario(room: Room) -> None:
        await room.record()
        await room.settle()
        first, second = room.invites()
        assert (document(first).streams, document(first).sessions) == (
            document(second).streams,
            document(second).sessions,
        )
        await room.take(0)
        assert len(room.callbacks()) == 1
        await room.take(1)
        assert len(room.callbacks()) == 1
        assert len(room.fake.sent("copy")) == 4
        assert len(room.call.running()) == 1

    play(scenario, *MIRRORED)


@pytest.mark.parametrize("dies", [0, 1])
def test_a_mirror_that_dies_is_a_warning_and_the_other_goes_on(dies: int) -> None:
    async def scenario(room: Room) -> None:
        await room.record()
        await room.take(0)
        other = await room.take(1)
        alive = DialogId(room.invites()[1 - dies].of or 0)
        dead = DialogId(room.invites()[dies].of or 0)
        assert other in (alive, dead)
        room.fake.sip.open.discard(dead)
        room.fake.push(CallEnded(dialog=dead, cause="transport", status=0, reason="", headers=[]))
        await room.settle()
        assert ("warning", 31903) in room.notes
        assert [told["SiprecEvent"] for told in room.callbacks()] == ["siprec-started"]
        room.call.tell(Hold(track="inbound", held=True))
        assert (await room.told_at(alive)).mode == "partial"
        room.call.stop("rec", "siprec")
        await room.settle()
        assert room.ends() == [("rec", "stopped")]

    play(scenario, *MIRRORED)


def test_a_broken_mirror_costs_the_other_nothing() -> None:
    async def scenario(room: Room) -> None:
        await room.record()
        await room.take()
        assert room.notes == [("warning", 31942)]
        assert [told["SiprecEvent"] for told in room.callbacks()] == ["siprec-started"]

    play(scenario, connector("srs", mirrors=("copy",)), connector("copy", broken=("recorders[0]: no",)))


@pytest.mark.parametrize("outcome", [StoreFull(1), StoreUnavailable("streams", 10.0)])
def test_a_call_that_must_be_recorded_ends_where_its_recording_cannot_be_written_down(outcome: Exception) -> None:
    async def scenario(room: Room) -> None:
        async def fail() -> None:
            raise outcome

        room.commit = fail
        with pytest.raises((Conflict, StoreUnavailable)):
            await room.record()
        assert room.ended_calls == 1

    play(scenario, connector("srs", mandatory=True))


def test_a_call_that_is_recorded_as_it_must_be_is_not_ended_by_a_second_try() -> None:
    async def scenario(room: Room) -> None:
        await room.record("rec")
        await room.take()
        await room.record("more")
        for name in ("rec", "third"):  # the name is taken; there are four tracks already
            with pytest.raises((Conflict, InvalidStream)):
                await room.record(name)
        assert room.ended_calls == 0

    play(scenario, connector("srs", mandatory=True))


def test_a_call_that_must_be_recorded_and_cannot_be_ends() -> None:
    async def scenario(room: Room) -> None:
        await room.record()
        await room.lose()
        assert room.ended_calls == 1
        with pytest.raises(InvalidStream):
            await room.record(connector="bad")
        assert room.ended_calls == 2
        await room.record(connector="free")
        await room.lose()
        assert room.ended_calls == 2

    play(
        scenario,
        connector("srs", mandatory=True),
        connector("bad", mandatory=True, broken=("no",)),
        connector("free"),
    )


def test_a_recording_that_is_stopped_or_over_with_its_call_ends_no_call() -> None:
    async def scenario(room: Room) -> None:
        await room.record("a")
        await room.take()
        room.call.stop("a", "siprec")
        await room.record("b")
        await room.take()
        room.call.end_of_call()
        await room.settle()
        assert room.ended_calls == 0

    play(scenario, connector("srs", mandatory=True))
