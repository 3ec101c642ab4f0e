"""A recorder that nobody here wrote: Kamailio reads the messages, rtpengine takes the audio, sipp answers."""

import re
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import rtpengine, sipp
from .kamailio import recorder_front
from .programs import Running, free_port, running
from .sipp import Party, Result
from .tones import CALLEE_HZ, CALLER_HZ, heard


@dataclass(frozen=True, slots=True)
class ForeignRecorder:
    """It runs; `uri` is where it is called."""

    port: int
    tls_port: int
    folder: Path
    front: Running
    callee: Running

    def uri(self, transport: str) -> str:
        """`srtp` is TLS with encrypted audio."""
        if transport == "srtp":
            return f"{self.uri('tls')};secure=true"
        place = f"localhost:{self.tls_port}" if transport == "tls" else f"127.0.0.1:{self.port}"
        return f"sip:recorder@{place};transport={transport}"

    def messages(self, transport: str) -> list[str]:
        """Of every INVITE and re-INVITE it took by that transport: mode, labels, addresses."""
        found = self.front.text().split(f"SIPREC {transport} ")[1:]
        return [text.split("\n", 1)[0].strip() for text in found]

    def offers(self) -> list[str]:
        """The profile of each offer that came, sorted."""
        return sorted(re.findall(r"SIPREC OFFERS (\S+)", self.front.text()))

    def recordings(self) -> list[list[rtpengine.Track]]:
        """Those that are over."""
        return rtpengine.recordings(self.folder / "rtpengine")

    def result(self) -> Result:
        """What sipp counted, once it has had all of its calls."""
        self.callee.wait(within_s=20)
        return sipp.result(self.callee, self.folder / "sipp")


@contextmanager
def foreign_recorder(
    folder: Path, *, calls: int, certificate: Path, key: Path, client_ca: Path | None = None
) -> Iterator[ForeignRecorder]:
    """Up until the block ends, for so many recordings."""
    with (
        rtpengine.rtpengine(folder / "rtpengine") as (control, _),
        sipp_recorder(folder / "sipp", calls=calls) as (target, callee),
        recorder_front(
            folder / "kamailio",
            certificate=certificate,
            key=key,
            client_ca=client_ca,
            rtpengine_port=control,
            target_port=target,
        ) as (port, tls_port, front),
    ):
        yield ForeignRecorder(port, tls_port, folder, front, callee)


@contextmanager
def sipp_recorder(folder: Path, *, calls: int, lost_percent: int = 0) -> Iterator[tuple[int, Running]]:
    """sipp alone: yields its UDP port. It takes so many recordings, hears none of them, and loses so much of its
    signalling, each way."""
    folder.mkdir(parents=True)
    port = free_port(socket.SOCK_DGRAM)
    # A repeated BYE comes 0.5 and 1.5 s after the first (RFC 3261 17.1.2.2).
    stay_ms = 2000 if lost_percent else 0
    # Under load a goodbye is here before sipp has answered what it was told last.
    party = Party(scenario="siprec", calls=calls, lost_percent=lost_percent, stay_ms=stay_ms, forgiving=True)
    with running(party.command(folder, server="127.0.0.1:9", port=port), folder / "sipp.log", cwd=folder) as callee:
        callee.wait_for(lambda: sipp.answers(port), "sipp")
        yield port, callee


@contextmanager
def own_recorder(folder: Path) -> Iterator[tuple[Running, str]]:
    """`bridgetap recorder` as a process of its own, and its URI."""
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "bridgetap", "recorder", "--listen", "tcp://127.0.0.1:0"]
    with running(command, folder / "recorder.log", cwd=folder) as program:
        program.wait_for(lambda: "listens on" in program.text(), "address")
        address = program.text().split("listens on tcp://", 1)[1].split()[0]
        yield program, f"sip:recorder@{address};transport=tcp"


def assert_whole(tracks: list[rtpengine.Track], *, pauses: int = 0) -> None:
    """Two tracks, each its party alone, and every packet that was sent: the sender's own last count."""
    assert [track.label for track in tracks] == ["1", "2"]
    for track, theirs, others in zip(tracks, (CALLER_HZ, CALLEE_HZ), (CALLEE_HZ, CALLER_HZ), strict=True):
        numbers = rtpengine.steps(track.packets)
        assert {by for by, _ in numbers} == {1}, "a packet is missing"
        jumps = [place for place, (_, by) in enumerate(numbers, 1) if by != 160]
        assert len(jumps) == pauses
        assert [place for place, packet in enumerate(track.packets) if packet.marker] == [0, *jumps]
        assert len({packet.ssrc for packet in track.packets}) == 1
        assert track.reports[-1].goodbye, "no goodbye"
        # Nobody who has sent nothing since the last one sends a sender's report (RFC 3550 §6.4).
        last = [report for report in track.reports if report.packets][-1]
        assert last.packets == len(track.packets), f"{len(track.packets)} packets came: {track.reports}"
        assert last.octets == 160 * len(track.packets)
        samples = rtpengine.samples(track.packets)
        assert sum(heard(samples, theirs)) >= 10, "a second of its party is not there"
        assert not any(heard(samples, others)), "the other party is heard"
    names = {report.cname for track in tracks for report in track.reports}
    assert len(names) == len(tracks)
    assert all(names)
