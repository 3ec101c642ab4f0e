"""The recorder over the fake core, in virtual time: what goes wrong with one recording is that one's alone."""

import asyncio
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bridgetap.engine import CallEnded, DialogId, IncomingCall, LegHandle, ReofferReceived, RequestId
from bridgetap.engine.fake import Fake, FakeLeg, fake_core
from bridgetap.engine.handles import FlowId
from bridgetap.engine.ports import EngineError
from bridgetap.engine.virtual_loop import run_virtual
from bridgetap.recorder import Recorder, RecorderConfig, judge
from bridgetap.sdp import Media, parse
from bridgetap.sdp.crypto import KEY_LENGTH, Crypto, read_crypto
from bridgetap.siprec import changes, snapshot
from bridgetap.siprec.document import write
from bridgetap.siprec.multipart import METADATA, compose
from tests.siprec.calls import CALL

OFFER = b"".join(
    line + b"\r\n"
    for line in (
        b"v=0",
        b"o=src 1 1 IN IP4 192.0.2.10",
        b"s=-",
        b"c=IN IP4 192.0.2.10",
        b"t=0 0",
        *(b"m=audio 40000 RTP/AVP 0", b"a=label:1", b"a=sendonly"),
        *(b"m=audio 40002 RTP/AVP 0", b"a=label:2", b"a=sendonly"),
    )
)
DOCUMENT = write(snapshot(CALL))


def invite(number: int) -> IncomingCall:
    """An INVITE as our client sends it."""
    content_type, body = compose(OFFER, DOCUMENT, boundary="b0undary")
    return IncomingCall(
        dialog=DialogId(number),
        trunk="anybody",
        user=None,
        request_uri="sip:recorder@127.0.0.1",
        from_="<sip:bridgetap@192.0.2.10>",
        to="<sip:recorder@127.0.0.1>",
        contact="<sip:bridgetap@192.0.2.10>;+sip.src",
        call_id=f"call-{number}",
        headers=[("Require", "siprec"), ("Contact", "<sip:bridgetap@192.0.2.10>;+sip.src")],
        content_type=content_type,
        body=body,
        transport="tcp",
        source="192.0.2.10:5060",
        local="127.0.0.1:5060",
        flow=FlowId(1),
    )


class Desk:
    """A recorder whose callers the test plays."""

    def __init__(self, folder: Path) -> None:
        self.core, self.fake = fake_core()
        self.core.start()
        self.recorder = Recorder(self.core, RecorderConfig(folder=folder))
        self.running = asyncio.create_task(self.recorder.run())

    async def happen(self, *events: IncomingCall | CallEnded | ReofferReceived) -> None:
        self.fake.push(*events)
        await asyncio.sleep(0.01)

    async def hang_up(self, number: int) -> None:
        self.fake.sip.open.discard(DialogId(number))
        await self.happen(CallEnded(dialog=DialogId(number), cause="bye", status=0, reason="", headers=[]))

    async def stop(self) -> None:
        self.running.cancel()
        await asyncio.wait([self.running])


def open_legs(fake: Fake) -> list[FakeLeg]:
    return [leg for leg in fake.media.legs if not leg.closed]


def test_a_recording_that_cannot_be_written_ends_no_other(tmp_path: Path) -> None:
    async def main() -> None:
        desk = Desk(tmp_path)
        await desk.happen(invite(1))
        first = desk.recorder.recordings[0]
        (tmp_path / "recording-2" / "metadata-1.xml").mkdir(parents=True)  # where the second one's document goes
        await desk.happen(invite(2))
        assert desk.recorder.recordings[1].done.is_set()
        assert not desk.running.done()
        assert not first.done.is_set()
        await desk.happen(invite(3))
        for number in (1, 3):
            await desk.hang_up(number)
        assert [recording.end is not None for recording in desk.recorder.recordings] == [True, False, True]
        assert [len(recording.tracks) for recording in desk.recorder.recordings] == [2, 0, 2]
        assert [command.of for command in desk.fake.sent("hang_up")] == [2]
        assert any("metadata-1.xml" in fault for fault in desk.recorder.recordings[1].faults)
        await desk.stop()
        assert not open_legs(desk.fake)

    run_virtual(main())


def test_a_recording_that_gets_no_second_port_is_over_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        desk = Desk(tmp_path)
        opened = desk.core.media.open_leg

        def open_leg(*, address: str, label: str = "") -> LegHandle:
            if desk.fake.media.legs:
                raise EngineError("no free port")
            return opened(address=address, label=label)

        desk.fake.media.open_leg = open_leg  # type: ignore[method-assign]
        before = asyncio.get_running_loop().time()
        await desk.happen(invite(1))
        recording = desk.recorder.recordings[0]
        await recording.done.wait()
        assert asyncio.get_running_loop().time() - before < 1.0
        (track,) = recording.tracks
        assert track.stats is not None
        assert [command["status"] for command in desk.fake.sent("reject")] == [488]
        assert recording.ended == "refused"
        await desk.stop()

    run_virtual(main())


def test_a_recorder_that_ends_says_goodbye_and_hears_its_legs_out(tmp_path: Path) -> None:
    async def main() -> None:
        desk = Desk(tmp_path)
        await desk.happen(invite(1))
        await desk.stop()
        recording = desk.recorder.recordings[0]
        assert recording.done.is_set()
        assert [command.of for command in desk.fake.sent("hang_up")] == [1]
        assert recording.ended == "closed", "whatever its own goodbye is answered"
        assert all(track.stats is not None for track in recording.tracks)

    run_virtual(main())


def test_a_core_that_says_nothing_more_keeps_no_recording_open(tmp_path: Path) -> None:
    async def main() -> None:
        desk = Desk(tmp_path)
        await desk.happen(invite(1))
        for leg in desk.fake.media.legs:
            leg.closed = True  # and its last word never comes
        await desk.hang_up(1)
        async with asyncio.timeout(60):
            await desk.recorder.recordings[0].done.wait()
        await desk.stop()

    run_virtual(main())


@given(
    content=st.binary(max_size=300),
    kind=st.sampled_from([METADATA, "application/sdp", "multipart/mixed;boundary=b", ""]),
)
def test_whatever_comes_is_judged_and_never_raises(content: bytes, kind: str) -> None:
    assert judge([], kind, content, first=True)
    _, body = compose(OFFER, content, boundary="b0undary")
    assert all(isinstance(fault, str) for fault in judge([], "multipart/mixed;boundary=b0undary", body, first=False))


def test_an_update_of_metadata_alone_is_taken(tmp_path: Path) -> None:
    async def main() -> None:
        desk = Desk(tmp_path)
        await desk.happen(invite(1))
        without_labels = replace(CALL.parties[0], sends=())
        document = changes(CALL, CALL.with_party(without_labels))
        assert document is not None
        headers = [
            ("Contact", "<sip:bridgetap@192.0.2.10>;+sip.src"),
            ("Content-Type", METADATA),
            ("Content-Disposition", "recording-session"),
        ]
        update = ReofferReceived(
            dialog=DialogId(1), request=RequestId(7), method="UPDATE", headers=headers, body=write(document)
        )
        await desk.happen(update)
        (answer,) = desk.fake.sent("respond")
        assert (answer["status"], answer["body"]) == (200, b"")
        assert len(desk.recorder.recordings[0].documents) == 2
        await desk.stop()

    run_virtual(main())


def test_a_line_that_is_secure_again_has_another_key(tmp_path: Path) -> None:
    """Its numbers begin again then, and no two packets may be sealed alike: RFC 3711 §9.1."""

    def offered(number: int, line: bytes) -> ReofferReceived:
        head, sdp = OFFER.split(b"m=", 1)[0], [("Content-Type", "application/sdp"), ("Contact", "<sip:a@192.0.2.10>")]
        return ReofferReceived(
            dialog=DialogId(1), request=RequestId(number), method="INVITE", headers=sdp, body=head + line
        )

    async def main() -> None:
        desk = Desk(tmp_path)
        await desk.happen(invite(1))
        secure = Crypto(tag=1, key=bytes(KEY_LENGTH)).attribute.value
        line = b"m=audio 40000 %s 0\r\na=label:1\r\na=sendonly\r\n"
        sealed = line % b"RTP/SAVP" + f"a=crypto:{secure}\r\n".encode()
        for number, body in enumerate((sealed, sealed, line % b"RTP/AVP", sealed)):
            await desk.happen(offered(number, body))
        answers = [parse(answer["body"]).media[0] for answer in desk.fake.sent("respond")]
        keys = [crypto.key if crypto is not None else None for crypto in (_key_of(media) for media in answers)]
        assert keys[0] == keys[1]
        assert keys[2] is None
        assert keys[3] not in (None, keys[0])
        await desk.stop()

    run_virtual(main())


def _key_of(media: Media) -> Crypto | None:
    return read_crypto(media.values("crypto"))


def test_more_lines_than_it_takes_are_refused(tmp_path: Path) -> None:
    async def main() -> None:
        desk = Desk(tmp_path)
        line = b"m=audio 40000 RTP/AVP 0\r\na=label:1\r\na=sendonly\r\n"
        head = OFFER.split(b"m=", 1)[0]
        content_type, body = compose(head + 20 * line, DOCUMENT, boundary="b0undary")
        await desk.happen(replace(invite(1), content_type=content_type, body=body))
        (answer,) = desk.fake.sent("answer")
        ports = [media.port for media in parse(answer["body"]).media]
        assert (len(ports), sum(port > 0 for port in ports), len(desk.fake.media.legs)) == (20, 16, 16)
        await desk.stop()

    run_virtual(main())
