"""Our recording client and our recorder over real SIP and RTP: each track the right party, and no fault found
(checklist 1 to 9, 16 to 19, 27 to 34, 41 to 45, 49 to 54, 61, 63, 66)."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bridgetap.recorder import Conduct, RecorderConfig, Recording, Track, open_recorder
from bridgetap.siprec.document import read
from bridgetap.siprec.happenings import Changed, PauseWanted, ResumeWanted
from bridgetap.siprec.orders import Over, PassedOver, Started
from tests.interop.tones import CALLEE_HZ, CALLER_HZ
from tests.siprec.calls import ALICE, CALL

from .stage import PATIENCE_S, Stage, assert_unhurt, seconds_of, speaking, stage, until

NOBODY = "sip:rec@127.0.0.1:9;transport=tcp"


async def recorded(made: Stage, number: int = 0) -> Recording:
    async with asyncio.timeout(PATIENCE_S):
        return await made.recorder.recording(number)


async def done(recording: Recording) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await recording.done.wait()


async def hear(recording: Recording, seconds: float) -> None:
    """Until the recorder has got so much of every track."""
    await until(lambda: bool(recording.tracks) and all(_packets(track) >= 50 * seconds for track in recording.tracks))


def _packets(track: Track) -> int:
    stats = track.leg.stats()
    return 0 if stats is None else stats.packets_received


def assert_both_tracks(recording: Recording, *, seconds: float) -> None:
    first, second = recording.tracks
    assert (first.label, second.label) == ("1", "2")
    assert seconds_of(first.wav, CALLER_HZ) >= seconds
    assert seconds_of(second.wav, CALLEE_HZ) >= seconds
    for track in recording.tracks:
        assert track.stats is not None
        assert (track.stats.lost, track.stats.malformed) == (0, 0)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_each_track_is_the_right_party_and_nothing_is_wrong(tmp_path: Path, transport: str) -> None:
    async with stage(tmp_path) as made:
        running = made.record(made.recorder.uri(transport))
        recording = await recorded(made)
        await hear(recording, 1.5)
        await running.stop()
        await done(recording)
        assert_unhurt(made)
    assert recording.faults == []
    assert recording.acknowledged
    assert read(recording.documents[0]).mode == "complete"
    assert_both_tracks(recording, seconds=1.0)
    assert made.told[-1] == Over(reason="stopped")
    assert recording.end is not None
    assert recording.end.cause == "bye"


@pytest.mark.parametrize("conduct", [Conduct(), Conduct(inactive_first=True)])
async def test_a_secure_recording_is_read_with_the_keys_of_its_lines_alone(tmp_path: Path, conduct: Conduct) -> None:
    """24, 47."""
    async with stage(tmp_path, conduct) as made:
        running = made.record(made.recorder.uri("tcp") + ";secure=true")
        recording = await recorded(made)
        await hear(recording, 1.0)
        running.recording.tell(PauseWanted())
        running.recording.tell(ResumeWanted())
        so_far = max(_packets(track) for track in recording.tracks)
        await until(lambda: all(_packets(track) >= so_far + 50 for track in recording.tracks))
        await running.stop()
        await done(recording)
        assert_unhurt(made)
    assert recording.faults == []
    assert_both_tracks(recording, seconds=1.0)


@pytest.mark.parametrize("conduct", [Conduct(multipart=True), Conduct(labels=False), Conduct(inactive_first=True)])
async def test_recorders_with_manners_of_their_own(tmp_path: Path, conduct: Conduct) -> None:
    async with stage(tmp_path, conduct) as made:
        running = made.record()
        recording = await recorded(made)
        await hear(recording, 1.5)
        await running.stop()
        await done(recording)
        assert_unhurt(made)
    assert recording.faults == []
    assert_both_tracks(recording, seconds=1.0)


async def test_a_recorder_that_takes_one_line_gets_one(tmp_path: Path) -> None:
    async with stage(tmp_path, Conduct(lines=1)) as made:
        running = made.record()
        recording = await recorded(made)
        await hear(recording, 1.0)
        await running.stop()
        await done(recording)
    assert [track.label for track in recording.tracks] == ["1"]
    assert seconds_of(recording.tracks[0].wav, CALLER_HZ) >= 0.5


async def test_a_hold_a_pause_and_a_snapshot_request_are_told_in_valid_documents(tmp_path: Path) -> None:
    async with stage(tmp_path, Conduct(snapshot_after_s=0.3)) as made:
        running = made.record()
        recording = await recorded(made)
        await until(lambda: len(recording.documents) == 2)
        running.recording.tell(Changed(call=CALL.with_party(replace(ALICE, sends=()))))
        await until(lambda: len(recording.documents) == 3)
        await hear(recording, 0.2)
        running.recording.tell(PauseWanted())
        await until(lambda: len(recording.documents) == 4)
        masked = [_packets(track) for track in recording.tracks]
        await asyncio.sleep(0.5)
        assert [_packets(track) for track in recording.tracks] == masked, "57: not one packet of what is masked"
        running.recording.tell(ResumeWanted())
        await until(lambda: len(recording.documents) == 5)
        await until(lambda: all(_packets(t) > before for t, before in zip(recording.tracks, masked, strict=True)))
        await running.stop()
        await done(recording)
    assert recording.faults == []
    assert [read(document).mode for document in recording.documents][:3] == ["complete", "complete", "partial"]


@pytest.mark.parametrize("conduct", [Conduct(status=503), Conduct(status=603), Conduct(silent=True)])
async def test_a_recorder_that_will_not_is_passed_over(tmp_path: Path, conduct: Conduct) -> None:
    async with stage(tmp_path, conduct, Conduct()) as made:
        running = made.record(made.recorder.uri(), made.recorder.uri("udp"), answer_s=1.0)
        await until(lambda: any(isinstance(told, Started) for told in made.told))
        recording = await recorded(made, 1)
        await hear(recording, 1.0)
        await running.stop()
        await done(recording)
        assert_unhurt(made)
    assert [type(told) for told in made.told] == [PassedOver, Started, Over]
    assert_both_tracks(recording, seconds=0.5)
    first, second = (read(made.recorder.recordings[n].documents[0]) for n in (0, 1))
    assert first.streams == second.streams


async def test_nobody_there_is_one_failure_and_the_call_goes_on(tmp_path: Path) -> None:
    async with stage(tmp_path) as made:
        running = made.record(NOBODY, answer_s=1.0)
        await running.over()
        await asyncio.sleep(0.3)
        assert_unhurt(made)
    assert isinstance(made.told[-1], Over)
    assert made.told[-1].reason == "failed"


async def test_a_recorder_that_fails_mid_call_has_its_place_taken(tmp_path: Path) -> None:
    async with stage(tmp_path, Conduct(fail_after_s=0.5), Conduct()) as made:
        running = made.record(made.recorder.uri(), made.recorder.uri("udp"))
        later = await recorded(made, 1)
        await hear(later, 1.0)
        await running.stop()
        await done(later)
        assert_unhurt(made)
    assert read(later.documents[0]).mode == "complete"
    assert_both_tracks(later, seconds=0.5)


async def test_a_recorder_that_says_goodbye_ends_the_recording_alone(tmp_path: Path) -> None:
    async with stage(tmp_path, Conduct(leave_after_s=0.5)) as made:
        running = made.record()
        await running.over()
        await done(await recorded(made))
        await asyncio.sleep(0.3)
        assert_unhurt(made)
    assert made.told[-1] == Over(reason="remote-closed")


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_a_recorder_that_was_restarted_records_again(tmp_path: Path, transport: str) -> None:
    """61: it forgot all, and nobody says goodbye: whoever is asked whether it still records does."""
    async with speaking() as caller:
        before = RecorderConfig(folder=tmp_path / "before")
        async with open_recorder(before) as recorder:
            uri, listen = recorder.uri(transport), tuple(recorder.addresses)
            running = caller.record(uri, ping_s=0.2, patient=True)
            first = await recorder.recording(0)
            await hear(first, 0.5)
            recorder._core.sip.close()  # as if it were killed: it says nothing more
        async with open_recorder(replace(before, folder=tmp_path / "after", listen=listen)) as recorder:
            async with asyncio.timeout(PATIENCE_S):
                second = await recorder.recording(0)
            await hear(second, 1.0)
            await running.stop()
            await done(second)
            assert_unhurt(caller)
    assert second.faults == []
    assert_both_tracks(second, seconds=0.5)
    assert [type(told) for told in caller.told] == [Started, PassedOver, Over]
    assert read(first.documents[0]).streams == read(second.documents[0]).streams
