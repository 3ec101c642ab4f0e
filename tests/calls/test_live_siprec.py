"""Recordings on real calls, through every door, at our own recorder: what it hears and is told, and that a recorder
which is dead, silent or hostile costs the call nothing (checklist 43, 48, 58, 61)."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from twilio.rest import Client

import bridgetap
from bridgetap.engine import CallAnswered, CallProgress
from bridgetap.recorder import Conduct, Recorder, RecorderConfig, Recording, open_recorder
from bridgetap.siprec.document import read
from bridgetap.siprec.metadata import Recording as Document
from tests.interop.tones import CALLEE_HZ, CALLER_HZ
from tests.recorder.stage import seconds_of

from .blocking_sdk import ask, refused
from .callback_server import CallbackServer, callback_server
from .live import PATIENCE_S, TOKEN, Live, LiveCall, live, until
from .stage import connect, fork, stop_fork

pytest.importorskip("bridgetap._engine", reason="the compiled core was not built")

CAROL_HZ, DAVE_HZ = 1300, 1700
SIPREC = {"stream_transport_type": "siprec", "stream_connector": "srs", "stream_name": "rec"}
CONNECTORS = """
status_callback = "{callbacks}"
[[connectors]]
name = "srs"
recorders = [{recorders}]
answer_timeout_s = 2
{more}
"""


@dataclass
class Studio:
    """A server with a connector, its recorder, and who is called back."""

    stage: Live
    recorder: Recorder
    callbacks: CallbackServer
    client: Client

    async def recording(self, number: int = 0) -> Recording:
        async with asyncio.timeout(PATIENCE_S):
            return await self.recorder.recording(number)

    def told(self) -> list[str]:
        return [form["SiprecEvent"] for form in self.callbacks.taken]


@asynccontextmanager
async def studio(
    folder: Path,
    flow: Callable[[list[str]], list[dict[str, Any]]],
    *conducts: Conduct,
    recorders: Callable[[Recorder], list[str]] = lambda recorder: [recorder.uri()],
    more: str = "",
    **options: Any,
) -> AsyncIterator[Studio]:
    config = RecorderConfig(folder=folder / "recordings", conducts=conducts or (Conduct(),))
    with callback_server(TOKEN) as callbacks:
        async with open_recorder(config) as recorder:
            uris = ", ".join(f'"{uri}"' for uri in recorders(recorder))
            connectors = CONNECTORS.format(callbacks=callbacks.url, recorders=uris, more=more)
            listen = '"udp://127.0.0.1:0", "tcp://127.0.0.1:0"'  # recorders ask for something too
            async with live(folder, flow, more=connectors, listen=listen, **options) as stage:
                url = f"http://{stage.server.http_address}"
                client = Client(
                    stage.server.account.sid, TOKEN, http_client=bridgetap.twilio_http_client(url, timeout=30)
                )
                yield Studio(stage, recorder, callbacks, client)
    assert callbacks.unsigned == 0


def widget(uris: list[str]) -> list[dict[str, Any]]:
    """Record, connect, and when the callee has left stop and speak on for a moment."""
    start = fork(then="two", stream_url="", **SIPREC)
    stop = stop_fork(then=None, stream_transport_type="siprec", stream_name="rec")
    return [start, connect("two", noun="sip", sip_endpoint=uris[0], then="stop"), stop]


def talk_only(uris: list[str]) -> list[dict[str, Any]]:
    return [connect("one", noun="sip", sip_endpoint=uris[0])]


async def talk(studio: Studio) -> tuple[LiveCall, LiveCall]:
    caller, callee = await studio.stage.talk()
    caller.play(CALLER_HZ)
    callee.play(CALLEE_HZ)
    return caller, callee


async def heard(recording: Recording, seconds: float) -> None:
    def packets() -> list[int]:
        return [(track.leg.stats() or track.stats) is not None for track in recording.tracks] and [
            stats.packets_received for track in recording.tracks if (stats := track.leg.stats()) is not None
        ]

    await until(lambda: len(packets()) > 0 and min(packets()) >= 50 * seconds, f"{seconds} s of every track")


async def over(recording: Recording) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await recording.done.wait()


def documents(recording: Recording) -> list[Document]:
    return [read(document) for document in recording.documents]


async def unhurt(*calls: LiveCall) -> None:
    """48: what a party hears has every sequence number."""
    for call in calls:
        await until(lambda call=call: call.stats().packets_received > 20, "the party hears something")  # type: ignore[misc]
        stats = call.stats()
        assert (stats.lost, stats.malformed) == (0, 0)


# -- doors --


async def test_a_widget_records_a_call_and_every_change_of_it(tmp_path: Path) -> None:
    """43, 58: each track is its party; a join, a hold, a resume and a leave are told as they happen."""
    start = {
        "stream_track": "both_tracks",
        "stream_parameters": [{"key": "tenant", "value": "{{contact.channel.address}}"}],
    }

    def flow(uris: list[str]) -> list[dict[str, Any]]:
        first, *rest = widget(uris)
        first["properties"] |= start
        return [first, *rest]

    async with studio(tmp_path, flow) as room:
        caller, callee = await talk(room)
        recording = await room.recording()
        await heard(recording, 2.0)
        await until(lambda: len(recording.documents) >= 2, "the callee's joining was told")
        told = len(recording.documents)
        await caller.reoffer(direction="sendonly")
        await until(lambda: len(recording.documents) > told, "the hold was told")
        told = len(recording.documents)
        await caller.reoffer(direction="sendrecv")
        await until(lambda: len(recording.documents) > told, "the end of the hold was told")
        await unhurt(caller, callee)
        callee.hang_up()
        await over(recording)
        await room.stage.over()
        rows = await room.stage.streams()
        await until(lambda: len(room.told()) == 2, "its life was told")
    assert recording.faults == []
    first, *news = documents(recording)
    assert first.mode == "complete"
    assert first.participants[0].names[0].aor == "tel:+15559998888"
    assert {document.mode for document in news} == {"partial"}
    names = [p.names[0].aor for document in [first, *news] for p in document.participants]
    assert any(name.startswith("sip:phone@") for name in names)
    alice = first.participants[0].id
    said = [
        bool(v.sends) for document in [first, *news] for v in document.participant_streams if v.participant == alice
    ]
    assert said[0]
    assert False in said, "on hold the caller says nothing"
    (session,) = first.sessions
    assert session.call is not None
    assert session.call.parameters == (("tenant", "+15559998888"),)
    assert ("X-tenant", "+15559998888") in [(name, value) for name, value in recording.headers]
    inbound, outbound = recording.tracks
    assert seconds_of(inbound.wav, CALLER_HZ) >= 1.0
    assert seconds_of(outbound.wav, CALLEE_HZ) >= 1.0
    assert [(row.end_reason, row.transport, row.connector) for row in rows] == [("stopped", "siprec", "srs")]
    assert room.told() == ["siprec-started", "siprec-stopped"]


async def test_twilios_sdk_starts_pauses_and_stops_a_recording(tmp_path: Path) -> None:
    async with studio(tmp_path, talk_only) as room:
        caller, callee = await talk(room)
        sid = (await room.stage.rows())[0].sid
        siprec = room.client.calls(sid).siprec
        made = await ask(
            lambda: siprec.create(
                connector_name="srs",
                name="rec",
                track="both_tracks",
                status_callback=room.callbacks.url,
                parameter1_name="tenant",
                parameter1_value="42",
            )
        )
        assert (made.name, made.status, made.call_sid, made.sid[:2]) == ("rec", "in-progress", sid, "SR")
        recording = await room.recording()
        await heard(recording, 1.0)
        assert await refused(lambda: siprec.create(connector_name="srs", name="rec")) == (409, 20409)
        assert await refused(lambda: siprec.create(connector_name="other")) == (400, 31940)
        via = {"parameter1_name": "Via", "parameter1_value": "x"}
        assert await refused(lambda: siprec.create(connector_name="srs", **via)) == (400, 32113)
        assert await refused(lambda: siprec("other").update(status="stopped")) == (404, 20404)
        paused = await ask(lambda: siprec("rec").update(status="paused"))
        assert paused.status == "paused"
        await until(lambda: recording.documents and len(recording.documents) >= 2, "the pause was told")
        counted = [track.leg.stats() for track in recording.tracks]
        await asyncio.sleep(0.4)
        now = [track.leg.stats() for track in recording.tracks]
        assert [s and s.packets_received for s in now] == [s and s.packets_received for s in counted]
        await ask(lambda: siprec("rec").update(status="in-progress"))
        await heard(recording, 2.0)
        stopped = await ask(lambda: siprec("rec").update(status="stopped"))
        assert (stopped.sid, stopped.status) == (made.sid, "stopped")
        await over(recording)
        await unhurt(caller, callee)
        await until(lambda: len(room.callbacks.taken) == 2, "who asked was told")
        assert list(room.callbacks.taken[0]) == [
            "AccountSid",
            "CallSid",
            "SiprecSid",
            "SiprecName",
            "SiprecEvent",
            "Timestamp",
        ]
        assert room.told() == ["siprec-started", "siprec-stopped"]
    assert recording.faults == []


async def test_a_document_starts_and_stops_a_recording(tmp_path: Path) -> None:
    document = (
        "<Response><Start><Siprec name='rec' connectorName='srs' track='both_tracks'>"
        "<Parameter name='tenant' value='42'/></Siprec></Start>"
        "<Pause length='2'/><Stop><Siprec name='rec'/></Stop><Pause length='30'/></Response>"
    )
    async with studio(tmp_path, talk_only) as room:
        phone = room.stage.callees[0]
        calling = asyncio.create_task(
            ask(lambda: room.client.calls.create(to=phone.uri, from_="+15551230000", twiml=document))
        )
        callee = await phone.next_call()
        callee.answer()
        callee.play(CALLEE_HZ)
        await calling
        recording = await room.recording()
        await over(recording)
        assert recording.end is not None
        assert recording.end.cause == "bye"
        assert not any(type(event).__name__ == "CallEnded" for event in callee.events), "the call goes on"
        callee.hang_up()
        await room.stage.over()
    assert recording.faults == []
    (session,) = documents(recording)[0].sessions
    assert session.call is not None
    assert (session.call.direction, session.call.parameters) == ("outbound", (("tenant", "42"),))
    assert seconds_of(recording.tracks[0].wav, CALLEE_HZ) >= 1.0


async def test_the_command_line_records(tmp_path: Path) -> None:
    async with studio(tmp_path, talk_only) as room:
        await talk(room)
        sid = (await room.stage.rows())[0].sid
        server = f"http://{room.stage.server.account.sid}:{TOKEN}@{room.stage.server.http_address}"

        async def command(*words: str) -> tuple[int, str]:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "bridgetap",
                "stream",
                *words,
                env={"BRIDGETAP_URL": server, "PYTHONPATH": "src", "PATH": ""},
                stdout=asyncio.subprocess.PIPE,
            )
            out, _ = await process.communicate()
            return process.returncode or 0, out.decode().strip()

        code, made = await command("start", sid, "--connector", "srs", "--name", "rec", "--track", "both_tracks")
        assert (code, made[:2]) == (0, "SR")
        recording = await room.recording()
        await heard(recording, 0.5)
        assert await command("pause", sid, "rec") == (0, made)
        assert await command("resume", sid, "rec") == (0, made)
        assert await command("stop", sid, "rec") == (0, made)
        await over(recording)
        code, listed = await command("list", sid, "--json")
        assert (code, json.loads(listed)["sid"], json.loads(listed)["connector"]) == (0, made, "srs")


async def test_transfers_by_either_side_are_told_and_heard(tmp_path: Path) -> None:
    """58: who takes whose place, on the same stream; the tracks go on."""

    def flow(uris: list[str]) -> list[dict[str, Any]]:
        first, *rest = widget(uris)
        first["properties"] |= {"stream_track": "both_tracks"}
        return [first, *rest]

    calls = 'transfer_by = "everybody"\ntransfer_to = ["sip"]'
    async with studio(tmp_path, flow, callees=3, calls=calls) as room:
        alice, bob = await talk(room)
        recording = await room.recording()
        await heard(recording, 1.0)

        async def transferred(by: LiveCall, to: int, hertz: int) -> LiveCall:
            referring = asyncio.ensure_future(by.refer(room.stage.callees[to].uri))
            new = await room.stage.callees[to].next_call()
            new.answer()
            new.play(hertz)
            assert (await referring)[-1] == "SIP/2.0 200 OK"
            await by.ended()
            enough = 50 + max(stats.packets_received for t in recording.tracks if (stats := t.leg.stats()) is not None)
            await heard(recording, enough / 50)
            return new

        carol = await transferred(bob, 1, CAROL_HZ)
        dave = await transferred(alice, 2, DAVE_HZ)
        await unhurt(carol, dave)
        dave.hang_up()
        await over(recording)
        await room.stage.over()
        (row,) = await room.stage.streams()
        assert row.end_reason in ("stopped", "call-ended")
    assert recording.faults == []
    told = documents(recording)
    assert {stream.id for document in told for stream in document.streams} == {s.id for s in told[0].streams}
    people = {person.id: person.names[0].aor for document in told for person in document.participants}
    assert len(people) == 5, "Alice, the service, Bob, Carol and Dave"
    left = {
        member.participant for document in told for member in document.participant_sessions if member.disassociated_ns
    }
    assert {told[0].participants[0].id} < left, "Alice has left, and so has Bob"
    inbound, outbound = recording.tracks
    for wav, first, then in ((inbound.wav, CALLER_HZ, DAVE_HZ), (outbound.wav, CALLEE_HZ, CAROL_HZ)):
        assert seconds_of(wav, first) >= 0.5
        assert seconds_of(wav, then) >= 0.5
    for track in recording.tracks:
        assert track.stats is not None
        assert (track.stats.lost, track.stats.malformed) == (0, 0), "43: every packet, through every transfer"


# -- recorders that cannot be relied on --


async def test_a_silent_recorder_delays_nothing_and_costs_the_call_nothing(tmp_path: Path) -> None:
    """48: The flow is two widgets further, and the two talk, before the recorder has said a word."""
    async with studio(tmp_path, widget, Conduct(silent=True)) as room:
        caller, callee = await talk(room)
        recording = await room.recording()
        assert recording.end is None
        assert [row.opened_ns for row in await _streams_now(room)] == [None]
        await caller.hears_a_tone()
        await callee.hears_a_tone()
        await until(lambda: room.told() == ["siprec-error"], "the recorder's time is up")
        await unhurt(caller, callee)
        callee.hang_up()
        await room.stage.over()
        assert [(row.end_reason, row.code) for row in await room.stage.streams()] == [("failed", 31901)]
    assert room.callbacks.taken[0]["SiprecErrorCode"] == "31901"


async def test_nobody_there_is_told_as_what_it_is(tmp_path: Path) -> None:
    async with studio(tmp_path, widget, recorders=lambda _: ["sip:rec@127.0.0.1:9;transport=tcp"]) as room:
        caller, callee = await talk(room)
        await until(lambda: room.told() == ["siprec-error"], "nobody is left to ask")
        await unhurt(caller, callee)
        assert [(row.end_reason, row.code) for row in await _streams_now(room)] == [("failed", 31904)]
        callee.hang_up()
        await room.stage.over()


async def test_nobody_there_and_then_somebody(tmp_path: Path) -> None:
    """61: the next recorder of the list."""

    def recorders(recorder: Recorder) -> list[str]:
        return ["sip:rec@127.0.0.1:9;transport=tcp", recorder.uri(), recorder.uri("udp")]

    async with studio(tmp_path, widget, Conduct(status=503), Conduct(), recorders=recorders) as room:
        caller, callee = await talk(room)
        recording = await room.recording(1)
        await heard(recording, 0.5)
        await unhurt(caller, callee)
        caller.hang_up()
        await over(recording)
        await room.stage.over()
        assert [row.end_reason for row in await room.stage.streams()] == ["call-ended"]
    assert recording.faults == []


async def test_a_recorder_that_is_lost_in_the_middle_has_its_place_taken(tmp_path: Path) -> None:
    conducts = (Conduct(fail_after_s=0.6), Conduct())
    async with studio(tmp_path, widget, *conducts, recorders=lambda r: [r.uri(), r.uri("udp")]) as room:
        caller, callee = await talk(room)
        later = await room.recording(1)
        await heard(later, 0.5)
        await unhurt(caller, callee)
        caller.hang_up()
        await over(later)
        await room.stage.over()
        first = await room.recording(0)
    assert documents(first)[0].sessions[0].id == documents(later)[0].sessions[0].id
    assert documents(later)[0].mode == "complete"


@pytest.mark.parametrize(
    "answer",
    [
        b"\x00\xff" * 4000,
        b"SIP/2.0 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"v" * 9000,
        b"SIP/2.0 999 ?\r\n\r\n" * 500,
        b"",
    ],
)
async def test_a_hostile_recorder_costs_the_call_nothing(tmp_path: Path, answer: bytes) -> None:
    """48."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        uri = f"sip:rec@127.0.0.1:{port};transport=tcp"
        async with studio(tmp_path, widget, recorders=lambda _: [uri]) as room:
            caller, callee = await talk(room)
            await until(lambda: room.told() == ["siprec-error"], "it was given up")
            await caller.hears_a_tone()
            await unhurt(caller, callee)
            callee.hang_up()
            await room.stage.over()
            assert [row.end_reason for row in await room.stage.streams()] == ["failed"]


async def test_two_mirrors_of_which_one_dies(tmp_path: Path) -> None:
    """The other's recording is complete."""

    def flow(uris: list[str]) -> list[dict[str, Any]]:
        first, *rest = widget(uris)
        first["properties"] |= {"stream_track": "both_tracks"}
        return [first, *rest]

    config = RecorderConfig(folder=tmp_path / "mirror", conducts=(Conduct(fail_after_s=0.6), Conduct(status=503)))
    async with open_recorder(config) as mirror:
        more = f'mirrors = ["copy"]\n[[connectors]]\nname = "copy"\nrecorders = ["{mirror.uri()}"]\n'
        async with studio(tmp_path, flow, more=more) as room:
            caller, callee = await talk(room)
            recording = await room.recording()
            async with asyncio.timeout(PATIENCE_S):
                dead = await mirror.recording(0)
            await over(dead)
            await heard(recording, 2.5)
            await unhurt(caller, callee)
            callee.hang_up()
            await over(recording)
            await room.stage.over()
            assert [row.end_reason for row in await room.stage.streams()] == ["stopped"]
            await until(lambda: len(room.told()) == 2, "its life was told once")
    assert recording.faults == []
    for track in recording.tracks:
        assert track.stats is not None
        assert (track.stats.lost, track.stats.malformed) == (0, 0)
    assert seconds_of(recording.tracks[0].wav, CALLER_HZ) >= 1.0
    assert room.told() == ["siprec-started", "siprec-stopped"]


# -- calls that must be recorded --


@pytest.mark.parametrize("conduct", [Conduct(status=603), Conduct(silent=True)])
async def test_a_call_that_must_be_recorded_and_is_not_is_refused(tmp_path: Path, conduct: Conduct) -> None:
    """It rings, is never answered, and nobody is rung for it."""
    async with studio(tmp_path, widget, conduct, more="mandatory = true") as room:
        caller = ring(room)
        ended = await caller.ended()
        rows = await room.stage.over()
        assert [row.end_reason for row in await room.stage.streams()] == ["failed"]
    assert (ended.cause, ended.status) == ("rejected", 503)
    assert [value for name, value in ended.headers if name == "Warning"] == [
        '399 bridgetap "The call cannot be recorded"'
    ]
    assert statuses(caller) == {180}
    assert not any(isinstance(event, CallAnswered) for event in caller.events)
    (row,) = rows
    assert (row.status, row.sip_status, row.answered_ns) == ("failed", 503, None)


async def test_a_call_that_must_be_recorded_is_answered_after_the_recorder_has_it(tmp_path: Path) -> None:
    """The first recorder keeps silent for its two seconds, the second takes it; not a word is missed of what is
    said from the answer on."""

    def flow(uris: list[str]) -> list[dict[str, Any]]:
        first, *rest = widget(uris)
        first["properties"] |= {"stream_track": "both_tracks"}
        return [first, *rest]

    conducts = (Conduct(silent=True), Conduct())
    twice = {"recorders": lambda recorder: [recorder.uri(), recorder.uri() + ";spare=1"]}
    async with studio(tmp_path, flow, *conducts, more="mandatory = true", **twice) as room:
        caller = ring(room)
        await room.recording(1)
        assert not any(isinstance(event, CallAnswered) for event in caller.events)
        await caller.until_answered()
        caller.play(CALLER_HZ)
        callee = await room.stage.callees[0].next_call()
        callee.answer()
        callee.play(CALLEE_HZ)
        recording = await room.recording(1)
        await heard(recording, 2.0)
        await unhurt(caller, callee)
        callee.hang_up()
        await over(recording)
        (row, _) = await room.stage.over()
        (stream,) = await room.stage.streams()
    assert stream.opened_ns is not None
    assert row.answered_ns is not None
    assert stream.opened_ns - stream.created_ns > 2e9, "the first one's time was up"
    assert 0 <= row.answered_ns - stream.opened_ns < 1e9
    assert statuses(caller) == {180}
    assert recording.faults == []
    assert seconds_of(recording.tracks[0].wav, CALLER_HZ) >= 1.0


async def test_a_call_that_was_answered_before_is_hung_up_where_it_cannot_be_recorded(tmp_path: Path) -> None:
    async with studio(tmp_path, talk_only, Conduct(status=603), more="mandatory = true") as room:
        caller, callee = await talk(room)
        sid = (await room.stage.rows())[0].sid
        await ask(lambda: room.client.calls(sid).siprec.create(connector_name="srs"))
        assert ((await caller.ended()).cause, (await callee.ended()).cause) == ("bye", "bye")
        await room.stage.over()
        assert [row.end_reason for row in await room.stage.streams()] == ["failed"]


def ring(room: Studio) -> LiveCall:
    """The caller rings, and nobody waits for the answer."""
    return room.stage.caller.ring(f"sip:+15551230000@{room.stage.server.sip_address}")


def statuses(call: LiveCall) -> set[int]:
    """The provisional answers it got, 100 left out."""
    return {event.status for event in call.events if isinstance(event, CallProgress)}


async def _streams_now(room: Studio) -> list[Any]:
    await room.stage.server.store.flush()
    store = room.stage.server.store.streams
    return [row for call in await room.stage.rows() for row in await store.of_call(call.sid)]
