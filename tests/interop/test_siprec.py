"""Our recording client at a recorder that nobody here wrote (checklist 1, 2, 8, 16 to 21, 42 to 45, 49, 57, 59, 68)."""

import asyncio
from pathlib import Path

from bridgetap.siprec.happenings import PauseWanted, ResumeWanted
from bridgetap.siprec.orders import Over, Started
from tests.recorder.stage import assert_unhurt, speaking, until

from . import sipp
from .certificates import Authority
from .parties import parties, talk
from .recorder import assert_whole, foreign_recorder, own_recorder, sipp_recorder
from .rtpengine import steps

CONNECTORS = """
[[connectors]]
name = "srs"
recorders = ["{recorder}"]
mirrors = ["copy"]

[[connectors]]
name = "copy"
recorders = ["{mirror}"]
ping_s = 1
"""
BEGINNING = "complete 1,2 sip:+15551230001@pstn.example.net,sip:bob@voice.example.com"


async def test_each_track_is_the_right_party_and_every_packet_is_there(
    tmp_path: Path, authority: Authority, localhost: tuple[Path, Path]
) -> None:
    """43, 44, 45, 47, 49: four recordings of one call at once, over UDP, TCP and TLS, the last also encrypted; two
    are paused for a while."""
    certificate, key = localhost
    with foreign_recorder(tmp_path, calls=4, certificate=certificate, key=key) as there:
        async with speaking(trusted_ca=str(authority.path)) as caller:
            running = {way: caller.record(there.uri(way)) for way in ("udp", "tcp", "tls", "srtp")}
            await until(lambda: sum(isinstance(told, Started) for told in caller.told) == 4)

            async def hear(packets: int) -> None:
                enough = len(caller.heard) + packets
                await until(lambda: len(caller.heard) >= enough)

            await hear(50)
            for way in ("tcp", "srtp"):
                running[way].recording.tell(PauseWanted())
            await until(lambda: (len(there.messages("tcp")), len(there.messages("tls"))) == (2, 3))
            await hear(25)
            for way in ("tcp", "srtp"):
                running[way].recording.tell(ResumeWanted())
            await until(lambda: (len(there.messages("tcp")), len(there.messages("tls"))) == (3, 4))
            await hear(50)
            for one in running.values():
                await one.stop()
            await until(lambda: len(there.recordings()) == 4)
            assert_unhurt(caller)
        result = there.result()
        assert (result.successful, result.failed) == (4, 0)
        assert there.messages("udp") == [BEGINNING]
        assert there.messages("tcp") == [BEGINNING] * 3
        assert there.messages("tls") == [BEGINNING] * 4
        assert there.offers() == ["RTP/AVP"] * 5 + ["RTP/SAVP"] * 3
        pauses = [sum(by != 160 for _, by in steps(tracks[0].packets)) for tracks in there.recordings()]
        assert sorted(pauses) == [0, 0, 1, 1]
        for tracks, count in zip(there.recordings(), pauses, strict=True):
            assert_whole(tracks, pauses=count)
    assert caller.told[-4:] == [Over(reason="stopped")] * 4


async def test_a_recorder_that_wants_a_certificate_gets_it_from_the_connector_that_has_one(
    tmp_path: Path, authority: Authority, localhost: tuple[Path, Path]
) -> None:
    """68: from the INVITE to the BYE; without one, with a stranger's and from a redirect it is refused in words."""
    certificate, key = localhost
    us, strangers = tmp_path / "us", tmp_path / "strangers"
    us.mkdir()
    strangers.mkdir()
    clients, others = Authority.make(us, "clients CA"), Authority.make(strangers, "others CA")
    shown, unknown = clients.issue(us, "us", names=("us",)), others.issue(strangers, "them", names=("them",))

    def files(pair: tuple[Path, Path]) -> dict[str, str]:
        """The server's authority is trusted for this connector alone."""
        certificate, key = map(str, pair)
        return {"trusted_ca": str(authority.path), "client_certificate": certificate, "client_key": key}

    with foreign_recorder(tmp_path, calls=1, certificate=certificate, key=key, client_ca=clients.path) as there:
        async with speaking() as caller:
            bare = caller.record(there.uri("tls"), trusted_ca=str(authority.path))
            await bare.over()
            stranger = caller.record(there.uri("tls"), **files(unknown))
            await stranger.over()
            untrusted = caller.record(there.uri("tls"))
            await untrusted.over()
            refused = [told for told in caller.told if isinstance(told, Over)]
            assert [over.code for over in refused] == [31910] * 3
            assert "certificate of localhost refused" in refused[2].detail
            caller.told.clear()
            ours = caller.record(there.uri("tls"), **files(shown))
            await until(lambda: any(isinstance(told, Started) for told in caller.told))
            late = caller.record(
                there.uri("tls"), trusted_ca=str(authority.path)
            )  # a connection stands that is not its
            await late.over()
            assert [told.code for told in caller.told if isinstance(told, Over)] == [31910]
            await until(lambda: len(caller.heard) >= 100)
            await ours.stop()
            await until(lambda: len(there.recordings()) == 1)
            assert_unhurt(caller)
        result = there.result()
        assert (result.successful, result.failed) == (1, 0)
        assert there.messages("tls") == [BEGINNING]
        assert_whole(there.recordings()[0])
    assert caller.told[-1] == Over(reason="stopped")


async def test_lost_signalling_costs_no_recording(tmp_path: Path) -> None:
    """40 recordings at a sipp that loses 5 % of what it sends and of what it is sent: each begins and ends once."""
    count = 40
    with sipp_recorder(tmp_path / "sipp", calls=count, lost_percent=5) as (port, callee):
        async with speaking() as caller:
            uri = f"sip:recorder@127.0.0.1:{port};transport=udp"
            running = [caller.record(uri, answer_s=15.0) for _ in range(count)]
            await until(lambda: sum(isinstance(told, Started) for told in caller.told) == count)
            for one in running:
                await one.stop()
            await asyncio.to_thread(callee.wait, within_s=40)
            assert_unhurt(caller)
            repeated = caller.core.sip.stats()["retransmissions"]
        result = sipp.result(callee, tmp_path / "sipp")
    assert (result.successful, result.failed) == (count, 0)
    assert [type(told) for told in caller.told] == [Started] * count + [Over] * count
    assert repeated + result.retransmissions > 0, "nothing was lost: the test showed nothing"


async def test_a_real_call_recorded_twice_of_which_one_recorder_is_killed(
    tmp_path: Path, authority: Authority, localhost: tuple[Path, Path]
) -> None:
    """A server's own call goes encrypted to the recorder of others, and to a mirror, `bridgetap recorder`. That is
    killed in the middle and never comes back: the other's recording is complete, and the call has lost nothing."""
    certificate, key = localhost
    with (
        foreign_recorder(tmp_path, calls=1, certificate=certificate, key=key) as there,
        own_recorder(tmp_path / "own") as (own, uri),
    ):
        settings = CONNECTORS.format(recorder=there.uri("srtp"), mirror=uri)
        trusting = f'trusted_ca = "{authority.path}"\n'
        async with parties(tmp_path, connector="srs", settings=settings, sip=trusting, certificate=localhost) as (
            server,
            caller,
            callee,
        ):
            talking = asyncio.create_task(talk(caller, callee, seconds=2.0))
            await until(lambda: "metadata 2, partial" in own.text())  # that somebody has joined
            own.process.kill()
            sent = await talking
            await until(lambda: len(there.recordings()) == 1)
            (row,) = server.streams().values()
            assert (row["end_reason"], row["code"]) == ("stopped", None)
            assert caller.missing() == callee.missing() == 0
            assert [len(phone.packets) >= count for phone, count in ((callee, sent[0]), (caller, sent[1]))] == [
                True
            ] * 2
        assert there.result() == sipp.Result(successful=1, failed=0, retransmissions=0)
        (tracks,) = there.recordings()
        assert_whole(tracks)
        assert set(there.offers()) == {"RTP/SAVP"}
        first, *later = there.messages("tls")
        assert first.startswith("complete 1,2 ")
        assert {message.split()[0] for message in later} == {"partial"}
