"""Our recording client at a recorder that nobody here wrote (checklist 1, 2, 8, 16 to 21, 42 to 45, 49, 57, 59, 68)."""

from pathlib import Path

from bridgetap.siprec.happenings import PauseWanted, ResumeWanted
from bridgetap.siprec.orders import Over, Started
from tests.recorder.stage import assert_unhurt, speaking, until

from .certificates import Authority
from .recorder import assert_whole, foreign_recorder
from .rtpengine import steps

BEGINNING = "complete 1,2 sip:+15551230001@pstn.example.net,sip:bob@voice.example.com"


async def test_each_track_is_the_right_party_and_every_packet_is_there(
    tmp_path: Path, authority: Authority, localhost: tuple[Path, Path]
) -> None:
    """Three recordings of one call at once, over UDP, TCP and TLS; the one by TCP is paused for a while."""
    certificate, key = localhost
    with foreign_recorder(tmp_path, calls=3, certificate=certificate, key=key) as there:
        async with speaking(trusted_ca=str(authority.path)) as caller:
            running = {way: caller.record(there.uri(way)) for way in ("udp", "tcp", "tls")}
            await until(lambda: sum(isinstance(told, Started) for told in caller.told) == 3)

            async def hear(packets: int) -> None:
                enough = len(caller.heard) + packets
                await until(lambda: len(caller.heard) >= enough)

            await hear(50)
            running["tcp"].recording.tell(PauseWanted())
            await until(lambda: len(there.messages("tcp")) == 2)
            await hear(25)
            running["tcp"].recording.tell(ResumeWanted())
            await until(lambda: len(there.messages("tcp")) == 3)
            await hear(50)
            for one in running.values():
                await one.stop()
            await until(lambda: len(there.recordings()) == 3)
            assert_unhurt(caller)
        result = there.result()
        assert (result.successful, result.failed) == (3, 0)
        assert there.messages("udp") == there.messages("tls") == [BEGINNING]
        assert there.messages("tcp") == [BEGINNING] * 3
        pauses = [sum(by != 160 for _, by in steps(tracks[0].packets)) for tracks in there.recordings()]
        assert sorted(pauses) == [0, 0, 1]
        for tracks, count in zip(there.recordings(), pauses, strict=True):
            assert_whole(tracks, pauses=count)
    assert caller.told[-3:] == [Over(reason="stopped")] * 3
