"""A recording over the fake core, in virtual time (checklist 1 to 4, 9, 14, 15, 42, 50 to 57, 59 to 63, 65, 66)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import pytest

from bridgetap.engine import (
    CallAnswered,
    CallEnded,
    Cause,
    DialogId,
    EngineError,
    ReofferAnswered,
    ReofferReceived,
    RequestId,
    RequestReceived,
    TlsIdentity,
)
from bridgetap.engine.fake import Command, FakeLeg, fake_core
from bridgetap.engine.virtual_loop import LoopClock, run_virtual
from bridgetap.sdp import parse
from bridgetap.siprec.document import read
from bridgetap.siprec.happenings import Changed, PauseWanted, ResumeWanted, StopWanted
from bridgetap.siprec.metadata import NameId, Recording
from bridgetap.siprec.multipart import METADATA, SDP, compose, find, split
from bridgetap.siprec.orders import Over, PassedOver, Started
from bridgetap.siprec.recorder_uri import parse_recorder
from bridgetap.streams.connectors import Connector
from bridgetap.streams.siprec import RecordingParts, SiprecRecording
from tests.siprec.calls import ALICE, CALL

ONE, TWO = (parse_recorder(f"sip:rec@{host}.example:5060", place="") for host in ("one", "two"))
HELD = CALL.with_party(replace(ALICE, sends=()))
RECORDER = "v=0\r\no=- 1 1 IN IP4 198.51.100.5\r\ns=-\r\nc=IN IP4 198.51.100.5\r\nt=0 0\r\n"


def sdp(*lines: tuple[int, str]) -> bytes:
    """A recorder's description: port and direction of each line."""
    return (RECORDER + "".join(f"m=audio {port} RTP/AVP 0\r\na={way}\r\n" for port, way in lines)).encode()


TAKES = sdp((5000, "recvonly"), (5002, "recvonly"))


@dataclass(frozen=True)
class _Address:
    bind: str = "127.0.0.1"
    advertised: str = "192.0.2.10"


class _Addresses:
    async def towards(self, host: str) -> _Address:
        assert host.endswith(".example")
        return _Address()


class Desk:
    """One recording, whose recorders the test plays."""

    def __init__(self, **changes: Any) -> None:
        self.core, self.fake = fake_core()
        self.core.start()
        self.leg = self.core.media.open_leg(address="127.0.0.1")
        self.told: list[Any] = []
        random = count(1)
        connector = Connector(name="srs", recorders=(ONE, TWO), header=("X-Auth-Token", "s3cret"))
        self.recording = SiprecRecording(
            parts=RecordingParts(
                core=self.core,
                addresses=_Addresses(),
                clock=LoopClock(),
                entropy=lambda size: next(random).to_bytes(size, "big"),
            ),
            connector=replace(connector, **changes),
            call=CALL,
            leg=self.leg,
            tracks=(("1", "inbound"), ("2", "outbound")),
            headers=(("X-tenant", "42"),),
            told=self.told.append,
        )

    async def turn(self) -> None:
        await asyncio.sleep(0.01)

    async def happen(self, *events: Any) -> None:
        self.fake.push(*events)
        await self.turn()

    async def take(self, body: bytes = TAKES, kind: str = SDP) -> DialogId:
        """The recorder asked last answers 200."""
        await self.turn()
        dialog = DialogId(self.fake.sent("invite")[-1].of or 0)
        answered = CallAnswered(
            dialog=dialog, headers=[], content_type=kind, body=body, needs_ack=False, contact="", source=""
        )
        await self.happen(answered)
        return dialog

    async def refuse(self, status: int, headers: list[tuple[str, str]] | None = None) -> None:
        await self.turn()
        dialog = DialogId(self.fake.sent("invite")[-1].of or 0)
        self.fake.sip.open.discard(dialog)
        await self.happen(_ended(dialog, "rejected", status, headers))

    @property
    def lines(self) -> list[tuple[str, str]]:
        """Where each open leg toward a recorder sends, and whether it may."""
        legs = [leg for leg in self.fake.media.legs[1:] if not leg.closed and leg.media is not None]
        return [(leg.media.remote, leg.media.direction) for leg in legs if leg.media is not None]


def _ended(dialog: DialogId, cause: Cause, status: int = 0, headers: list[tuple[str, str]] | None = None) -> CallEnded:
    return CallEnded(dialog=dialog, cause=cause, status=status, reason="", headers=headers or [])


def run(test: Callable[[Desk], Awaitable[None]], **changes: Any) -> Desk:
    """Play a test's part while the recording runs; nothing may be left open behind it."""

    async def main() -> Desk:
        desk = Desk(**changes)
        task = asyncio.create_task(desk.recording.run())
        await test(desk)
        desk.recording.tell(StopWanted())
        await asyncio.wait_for(task, 60)
        assert all(leg.closed for leg in desk.fake.media.legs[1:])
        assert not desk.fake.sip.open
        assert sum(isinstance(told, Over) for told in desk.told) == 1
        return desk

    return run_virtual(main())


def values(command: Command, name: str) -> list[str]:
    return [value for key, value in command["headers"] if key == name]


def document(command: Command) -> Recording:
    part = find(split(values(command, "Content-Type")[0], command["body"]), METADATA)
    assert part is not None
    return read(part.content)


def offer(command: Command) -> Any:
    kind = values(command, "Content-Type")[0]
    part = find(split(kind, command["body"]), SDP)
    assert part is not None
    return parse(part.content)


def test_the_invite_says_what_it_is_and_audio_waits_for_the_answer() -> None:
    """18."""

    async def scene(desk: Desk) -> None:
        await desk.turn()
        (invite,) = desk.fake.sent("invite")
        assert invite["target"] == "sip:rec@one.example:5060;transport=tcp"
        assert values(invite, "Contact") == ["<sip:bridgetap@192.0.2.10>;+sip.src"]
        assert values(invite, "Require") == ["siprec"]
        assert values(invite, "Date") == ["Thu, 01 Jan 2026 00:00:00 GMT"]
        assert values(invite, "X-Auth-Token") == ["s3cret"]
        assert values(invite, "X-tenant") == ["42"]
        assert invite["reliable"] == "off"
        assert document(invite).mode == "complete"
        labels = [media.values("label")[0] for media in offer(invite).media]
        assert labels == list(document(invite).labels) == ["1", "2"]
        assert (desk.lines, desk.fake.sent("copy")) == ([], [])
        await desk.take()
        assert desk.lines == [("198.51.100.5:5000", "sendonly"), ("198.51.100.5:5002", "sendonly")]
        assert [(copy.of, copy["track"]) for copy in desk.fake.sent("copy")] == [(1, "inbound"), (1, "outbound")]

    desk = run(scene)
    assert desk.told == [Started(target=str(ONE)), Over(reason="stopped")]
    assert "s3cret" not in repr(desk.recording._connector)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (TAKES, SDP),
        (compose(TAKES, b"<recording/>", boundary="x")[1], "multipart/mixed;boundary=x"),
        (TAKES, "application/sdp; charset=utf-8"),
    ],
)
def test_an_answer_is_taken_plain_and_in_parts(body: bytes, kind: str) -> None:
    """50."""

    async def scene(desk: Desk) -> None:
        await desk.take(body, kind)
        assert [direction for _, direction in desk.lines] == ["sendonly", "sendonly"]

    run(scene)


def test_a_track_that_was_not_taken_is_not_sent() -> None:
    """42."""

    async def scene(desk: Desk) -> None:
        await desk.take(sdp((5000, "recvonly")))
        assert desk.lines == [("198.51.100.5:5000", "sendonly")]
        assert [copy["track"] for copy in desk.fake.sent("copy")] == ["inbound"]

    run(scene)


def test_an_answer_that_cannot_be_used_passes_the_recorder_over() -> None:
    async def scene(desk: Desk) -> None:
        await desk.take(b"nothing")
        first, second = desk.fake.sent("invite")
        assert second["target"] == str(TWO)
        assert document(second).streams == document(first).streams
        assert offer(second).origin != offer(first).origin
        await desk.take()

    desk = run(scene)
    assert [type(told) for told in desk.told] == [PassedOver, Started, Over]


def test_refusals_lead_from_one_to_the_next_and_to_one_failure() -> None:
    async def scene(desk: Desk) -> None:
        await desk.refuse(503)
        await desk.refuse(486)
        assert len(desk.fake.sent("invite")) == 2

    desk = run(scene)
    assert desk.told[-1] == Over(reason="failed", detail=f"{TWO}: 486 rejected", status=486)


def test_a_redirect_is_followed_without_what_only_the_connectors_own_host_may_know() -> None:
    """64: to another host go neither the credentials header nor the digest password."""

    async def scene(desk: Desk) -> None:
        await desk.refuse(302, [("Contact", '"SRS" <sip:rec@else.example;transport=tcp>;q=1')])
        elsewhere = desk.fake.sent("invite")[-1]
        assert elsewhere["target"] == "sip:rec@else.example;transport=tcp"
        assert values(elsewhere, "X-Auth-Token") == []
        assert elsewhere["credentials"] is None
        await desk.refuse(302, [("Contact", "<sip:other@one.example:5090>")])
        back = desk.fake.sent("invite")[-1]
        assert back["target"] == "sip:other@one.example:5090;transport=tcp"
        assert values(back, "X-Auth-Token") == ["s3cret"]
        assert back["credentials"] is not None
        await desk.take()

    run(scene, username="rec", password="pw")


@pytest.mark.parametrize(
    "contact",
    [
        "<sip:rec@one.example:5060;transport=tcp>",  # it was just asked
        "<sip:REC@127.0.0.1:5060>",
        "<sip:rec@else.example;transport=udp>",
        "<sip:rec@127.0.0.1;transport=tcp>",
        "<sip:rec@[::1];transport=tcp>",
        "<sip:rec@169.254.1.1;transport=tcp>",
        "<sip:rec@0.0.0.0;transport=tcp>",
        "<sip:rec@224.0.0.1;transport=tcp>",
        "<tel:+15551230000>",
        "<sip:rec@else.example;transport=sctp>",
        "sip:",
    ],
)
def test_where_a_redirect_may_not_lead(contact: str) -> None:
    """12, 64: loops, weaker transports and addresses that mean something here alone."""

    async def scene(desk: Desk) -> None:
        await desk.refuse(302, [("Contact", contact)])
        assert desk.fake.sent("invite")[-1]["target"] == str(TWO)
        await desk.take()

    run(scene)


def test_a_redirect_from_tls_stays_on_tls() -> None:
    async def scene(desk: Desk) -> None:
        contacts = "<sip:a@else.example;transport=tcp>, <sip:b@else.example>"
        await desk.refuse(302, [("Contact", contacts)])
        assert desk.fake.sent("invite")[-1]["target"] == "sip:b@else.example;transport=tls"
        await desk.take()

    secure = parse_recorder("sip:rec@one.example;transport=tls", place="")
    run(scene, recorders=(secure,))


OURS = TlsIdentity(trusted_ca="ca.pem", client_certificate="us.pem", client_key="us.key")
FILES = {"trusted_ca": "ca.pem", "client_certificate": "us.pem", "client_key": "us.key"}


def test_a_connectors_certificate_goes_to_its_own_recorders_over_tls_alone() -> None:
    """64: to a host that it was redirected to no certificate, and no more trust than to its own."""

    async def scene(desk: Desk) -> None:
        await desk.refuse(302, [("Contact", "<sip:rec@else.example;transport=tls>")])
        await desk.refuse(302, [("Contact", "<sip:other@one.example:5090>")])
        await desk.refuse(503)
        await desk.refuse(503)
        await desk.take()
        assert [(invite["target"], invite["identity"]) for invite in desk.fake.sent("invite")] == [
            ("sip:rec@one.example;transport=tls", OURS),
            ("sip:rec@else.example;transport=tls", TlsIdentity(trusted_ca="ca.pem")),
            ("sip:other@one.example:5090;transport=tls", OURS),
            ("sip:rec@two.example;transport=tls", OURS),
            ("sip:rec@three.example;transport=tcp", None),
        ]

    ways = ("one.example;transport=tls", "two.example;transport=tls", "three.example;transport=tcp")
    run(scene, recorders=tuple(parse_recorder(f"sip:rec@{way}", place="") for way in ways), **FILES)


def test_without_files_of_its_own_a_connector_is_who_the_server_is() -> None:
    async def scene(desk: Desk) -> None:
        await desk.refuse(302, [("Contact", "<sip:rec@else.example;transport=tls>")])
        await desk.take()
        assert [invite["identity"] for invite in desk.fake.sent("invite")] == [None, None]

    run(scene, recorders=(parse_recorder("sip:rec@one.example;transport=tls", place=""),))


def test_files_that_are_gone_are_told_as_a_broken_connector() -> None:
    async def scene(desk: Desk) -> None:
        desk.fake.sip.unusable.add(OURS)
        await desk.turn()

    desk = run(scene, recorders=(parse_recorder("sip:rec@one.example;transport=tls", place=""),), **FILES)
    passed, over = desk.told
    assert (passed.code, over.code) == (31942, 31942)
    assert passed.reason == "trusted_ca: gone.pem: No such file or directory"


def test_why_tls_failed_is_told_at_the_start_and_in_the_middle() -> None:
    def failed(dialog: DialogId) -> CallEnded:
        return replace(_ended(dialog, "transport", 503), trouble="certificate of one refused: it", tls_failed=True)

    async def scene(desk: Desk) -> None:
        await desk.turn()
        dialog = DialogId(desk.fake.sent("invite")[-1].of or 0)
        desk.fake.sip.open.discard(dialog)
        await desk.happen(failed(dialog))
        dialog = await desk.take()
        desk.fake.sip.open.discard(dialog)
        await desk.happen(failed(dialog))

    desk = run(scene)
    why = "certificate of one refused: it"
    first, started, second, over = desk.told
    assert first == PassedOver(target=str(ONE), reason=why, code=31910)
    assert started == Started(target=str(TWO))
    assert second == PassedOver(target=str(TWO), reason=why, code=31910)
    assert over == Over(reason="failed", detail=f"{TWO}: {why}", code=31910)


def test_a_secure_recorder_is_offered_a_key_for_each_line_and_must_give_one_back() -> None:
    """24: and the next recorder gets others."""

    async def scene(desk: Desk) -> None:
        await desk.take()  # an answer without keys
        assert desk.fake.sent("invite")[-1]["target"] == "sip:rec@two.example;transport=tls"
        assert desk.lines == []

    hosts = ("one.example", "two.example")
    desk = run(scene, recorders=tuple(parse_recorder(f"sip:rec@{host};secure=true", place="") for host in hosts))
    offers = [media for invite in desk.fake.sent("invite") for media in offer(invite).media]
    assert {media.protocol for media in offers} == {"RTP/SAVP"}
    assert len({key for media in offers for key in media.values("crypto")}) == 4


def test_a_recorder_that_says_nothing_is_passed_over_after_its_time() -> None:
    async def scene(desk: Desk) -> None:
        await asyncio.sleep(3.9)
        assert len(desk.fake.sent("invite")) == 1
        await asyncio.sleep(0.2)
        assert len(desk.fake.sent("invite")) == 2
        await desk.take()

    run(scene)


def test_a_change_is_a_re_invite_with_both_parts() -> None:
    """2, 22, 41."""

    async def scene(desk: Desk) -> None:
        dialog = await desk.take()
        desk.recording.tell(Changed(call=HELD))
        await desk.turn()
        (told,) = desk.fake.sent("reoffer")
        assert (told["method"], document(told).mode) == ("INVITE", "partial")
        assert values(told, "Contact") == ["<sip:bridgetap@192.0.2.10>;+sip.src"]
        assert offer(told).origin == offer(desk.fake.sent("invite")[0]).origin
        await desk.happen(ReofferAnswered(dialog=dialog, status=200, reason="OK", body=TAKES))
        assert [direction for _, direction in desk.lines] == ["sendonly", "sendonly"]

    run(scene)


def test_a_pause_stops_audio_before_the_recorder_hears_of_it() -> None:
    """57."""

    async def scene(desk: Desk) -> None:
        dialog = await desk.take()
        desk.recording.tell(PauseWanted())
        await desk.turn()
        names = desk.fake.names()
        assert names.index("reoffer") > max(n for n, name in enumerate(names) if name == "configure")
        assert [direction for _, direction in desk.lines] == ["inactive", "inactive"]
        assert all(media.attribute("inactive") for media in offer(desk.fake.sent("reoffer")[0]).media)
        silent = sdp((5000, "inactive"), (5002, "inactive"))
        await desk.happen(ReofferAnswered(dialog=dialog, status=200, reason="", body=silent))
        desk.recording.tell(ResumeWanted())
        await desk.turn()
        assert [direction for _, direction in desk.lines] == ["inactive", "inactive"]
        await desk.happen(ReofferAnswered(dialog=dialog, status=200, reason="", body=TAKES))
        assert [direction for _, direction in desk.lines] == ["sendonly", "sendonly"]

    run(scene)


def test_the_recorder_pauses_moves_and_resumes() -> None:
    """51."""

    async def scene(desk: Desk) -> None:
        dialog = await desk.take()

        async def reoffer(number: int, body: bytes) -> Command:
            event = ReofferReceived(
                dialog=dialog, request=RequestId(number), method="INVITE", headers=[("Content-Type", SDP)], body=body
            )
            await desk.happen(event)
            return desk.fake.sent("respond")[-1]

        answer = await reoffer(1, sdp((5000, "inactive"), (5002, "inactive")))
        assert (answer["status"], values(answer, "Contact")) == (200, ["<sip:bridgetap@192.0.2.10>;+sip.src"])
        assert [direction for _, direction in desk.lines] == ["inactive", "inactive"]
        await reoffer(2, sdp((7000, "recvonly"), (5002, "recvonly")))
        assert desk.lines == [("198.51.100.5:7000", "sendonly"), ("198.51.100.5:5002", "sendonly")]
        answer = await reoffer(3, b"v=0\r\nm=broken\r\n")
        assert answer["status"] == 400
        assert len(desk.lines) == 2

    run(scene)


SNAPSHOT = b'<?xml version="1.0"?><requestsnapshot xmlns="urn:ietf:params:xml:ns:recording:1"/>'


@pytest.mark.parametrize("kind", ["application/rs-metadata", METADATA, "application/rs-metadata-request"])
def test_a_snapshot_request_is_answered_and_then_met(kind: str) -> None:
    """52."""

    async def scene(desk: Desk) -> None:
        dialog = await desk.take()
        asked = RequestReceived(
            dialog=dialog, request=RequestId(9), method="UPDATE", headers=[], content_type=kind, body=SNAPSHOT
        )
        await desk.happen(asked)
        assert desk.fake.names()[-2:] == ["respond", "reoffer"]
        assert document(desk.fake.sent("reoffer")[0]).mode == "complete"

    run(scene)


def test_an_offerless_re_invite_gets_the_offer_and_everything() -> None:
    """53."""

    async def scene(desk: Desk) -> None:
        dialog = await desk.take()
        await desk.happen(ReofferReceived(dialog=dialog, request=RequestId(9), method="INVITE", headers=[], body=b""))
        answer = desk.fake.sent("respond")[0]
        assert (answer["status"], document(answer).mode) == (200, "complete")
        assert [media.port for media in offer(answer).media] == [20004, 20006]

    run(scene)


def test_what_it_does_not_know_is_405() -> None:
    async def scene(desk: Desk) -> None:
        dialog = await desk.take()
        await desk.happen(
            RequestReceived(
                dialog=dialog, request=RequestId(9), method="INFO", headers=[], content_type="x/y", body=b"z"
            )
        )
        assert desk.fake.sent("respond")[0]["status"] == 405

    run(scene)


def test_a_goodbye_ends_the_recording_alone() -> None:
    """66."""

    async def scene(desk: Desk) -> None:
        dialog = await desk.take()
        desk.fake.sip.open.discard(dialog)
        await desk.happen(_ended(dialog, "bye"))
        assert desk.lines == []

    desk = run(scene)
    assert desk.told[-1] == Over(reason="remote-closed")
    assert not desk.leg.closed  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("cause", "headers"), [("timeout", []), ("transport", []), ("bye", [("Reason", "SIP;cause=503;text=full")])]
)
def test_a_recorder_that_is_lost_has_its_place_taken(cause: Cause, headers: list[tuple[str, str]]) -> None:
    async def scene(desk: Desk) -> None:
        dialog = await desk.take()
        desk.fake.sip.open.discard(dialog)
        await desk.happen(_ended(dialog, cause, headers=headers))
        second = desk.fake.sent("invite")[-1]
        assert (second["target"], document(second).mode) == (str(TWO), "complete")
        await desk.take()
        assert [direction for _, direction in desk.lines] == ["sendonly", "sendonly"]

    desk = run(scene)
    assert [type(told) for told in desk.told] == [Started, PassedOver, Over]


HOLD = (
    b"v=0\r\no=- 1 1 IN IP4 198.51.100.5\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
    b"m=audio 5000 RTP/AVP 0\r\na=recvonly\r\nm=audio 5002 RTP/AVP 0\r\na=recvonly\r\n"
)


def test_a_hold_of_the_old_kind_keeps_the_address() -> None:
    """51: `c=0.0.0.0` says nothing of where audio goes after it."""

    async def scene(desk: Desk) -> None:
        dialog = await desk.take()
        held = ReofferReceived(
            dialog=dialog, request=RequestId(1), method="INVITE", headers=[("Content-Type", SDP)], body=HOLD
        )
        await desk.happen(held)
        assert desk.lines == [("198.51.100.5:5000", "inactive"), ("198.51.100.5:5002", "inactive")]
        back = ReofferReceived(
            dialog=dialog, request=RequestId(2), method="INVITE", headers=[("Content-Type", SDP)], body=TAKES
        )
        await desk.happen(back)
        assert [direction for _, direction in desk.lines] == ["sendonly", "sendonly"]

    run(scene)


def test_a_recorder_that_begins_with_a_hold_of_the_old_kind_gets_audio_once_it_says_where() -> None:
    async def scene(desk: Desk) -> None:
        dialog = await desk.take(HOLD)
        assert (desk.lines, desk.fake.sent("copy")) == ([], [])
        back = ReofferReceived(
            dialog=dialog, request=RequestId(2), method="INVITE", headers=[("Content-Type", SDP)], body=TAKES
        )
        await desk.happen(back)
        assert [direction for _, direction in desk.lines] == ["sendonly", "sendonly"]

    run(scene)


@pytest.mark.parametrize("when", ["at the answer", "at a re-INVITE"])
def test_what_the_core_refuses_moves_the_recording_and_no_more(when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: FakeLeg, media: object) -> None:
        raise EngineError("remote: not an address")

    async def scene(desk: Desk) -> None:
        if when == "at a re-INVITE":
            dialog = await desk.take()
            with monkeypatch.context() as broken:
                broken.setattr(FakeLeg, "configure", refuse)
                event = ReofferReceived(
                    dialog=dialog, request=RequestId(1), method="INVITE", headers=[("Content-Type", SDP)], body=TAKES
                )
                await desk.happen(event)
        else:
            with monkeypatch.context() as broken:
                broken.setattr(FakeLeg, "configure", refuse)
                await desk.take()
        assert desk.fake.sent("invite")[-1]["target"] == str(TWO)
        await desk.take()

    desk = run(scene)
    assert any(isinstance(told, PassedOver) and "not an address" in told.reason for told in desk.told)


def test_cancelled_it_leaves_nothing_and_says_so() -> None:
    async def main() -> None:
        desk = Desk()
        task = asyncio.create_task(desk.recording.run())
        await desk.take()
        task.cancel()
        await asyncio.wait([task])
        assert all(leg.closed for leg in desk.fake.media.legs[1:])
        assert not desk.fake.sip.open
        assert [type(told) for told in desk.told] == [Started, Over]

    run_virtual(main())


@pytest.mark.parametrize("breaks", ["invite", "reoffer"])
def test_a_fault_of_ours_is_an_end_like_any_other(breaks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        desk = Desk()

        def fault(**_: Any) -> None:
            raise RuntimeError("a bug")

        if breaks == "invite":
            monkeypatch.setattr(desk.fake.sip, "invite", fault)
        task = asyncio.create_task(desk.recording.run())
        await desk.turn()
        if breaks == "reoffer":
            await desk.take()
            monkeypatch.setattr(desk.fake.sip, "reoffer", fault)
            desk.recording.tell(Changed(call=HELD))
        await asyncio.wait_for(task, 10)
        assert all(leg.closed for leg in desk.fake.media.legs[1:])
        assert not desk.fake.sip.open
        (over,) = [told for told in desk.told if isinstance(told, Over)]
        assert over.reason == "failed"

    run_virtual(main())


def test_names_that_xml_cannot_carry_are_told_without_what_it_cannot() -> None:
    async def scene(desk: Desk) -> None:
        await desk.take()
        odd = replace(ALICE, names=(NameId(aor="sip:al\x00ice@x.example", name="Al\x0bice\ud800\uffff"),))
        desk.recording.tell(Changed(call=CALL.with_party(odd)))
        await desk.turn()
        (told,) = document(desk.fake.sent("reoffer")[0]).participants
        assert told.names == (NameId(aor="sip:alice@x.example", name="Alice"),)

    run(scene)
