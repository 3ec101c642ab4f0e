"""rtpengine as a recorder's media server: it answers for the audio, and writes down every packet that it takes."""

import itertools
import re
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .far_end import linear
from .programs import Running, free_port, need, running

SPAN = 400  # ports that it may use
SENDER_REPORT, DESCRIPTION, GOODBYE = 200, 202, 203  # RFC 3550 §12.1


@dataclass(frozen=True, slots=True)
class Packet:
    """One RTP packet as it was recorded, decrypted where it came encrypted."""

    marker: bool
    number: int
    timestamp: int
    ssrc: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Report:
    """What one RTCP packet said of its sender."""

    packets: int
    octets: int
    cname: str
    goodbye: bool


@dataclass(frozen=True, slots=True)
class Track:
    """One m-line of a recording."""

    label: str
    packets: list[Packet]
    reports: list[Report]


@contextmanager
def rtpengine(folder: Path) -> Iterator[tuple[int, Running]]:
    """Yields its control port. One thread: two write packets down out of order. A call is on disk a second after its
    BYE, which may be quicker than the last of its packets."""
    binary = need("rtpengine")
    folder.mkdir(parents=True)
    control, first = free_port(socket.SOCK_DGRAM), min(free_port(socket.SOCK_DGRAM), 65_000) & ~1
    command = [
        binary,
        *("--config-file=none", "--table=-1", "--foreground", "--log-stderr", "--log-level=5"),
        *("--interface=127.0.0.1", f"--listen-ng=127.0.0.1:{control}", "--num-threads=1"),
        *(f"--port-min={first}", f"--port-max={first + SPAN}"),
        *("--recording-method=pcap", "--recording-format=raw", f"--recording-dir={folder}", "--delete-delay=1"),
    ]
    with running(command, folder / "rtpengine.log") as program:
        program.wait_for(lambda: _answers(control), "rtpengine's control port")
        yield control, program


def _answers(port: int) -> bool:
    """Whether it says pong (NG protocol: a cookie, then bencode)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.5)
        try:
            probe.sendto(b"c0 d7:command4:pinge", ("127.0.0.1", port))
            return b"4:pong" in probe.recv(200)
        except OSError:
            return False


def recordings(folder: Path) -> list[list[Track]]:
    """What of each call is on disk: its tracks in the order of the m-lines."""
    return [_recording(path.read_text()) for path in sorted((folder / "metadata").glob("*.txt"))]


def _recording(told: str) -> list[Track]:
    """`told` names the pcap file, then has every offer and answer as it left rtpengine."""
    offer, answer = (told.split(f"SDP mode: {mode}", 1)[1].split("\nTimestamp", 1)[0] for mode in ("offer", "answer"))
    labels = re.findall(r"a=label:(\S+)", offer)
    ports = [int(port) for port in re.findall(r"m=audio (\d+)", answer)]
    assert len(labels) == len(ports)
    datagrams = list(_datagrams(Path(told.split("\n", 1)[0].strip()).read_bytes()))
    return [
        Track(
            label=label,
            packets=[_rtp(data) for to, data in datagrams if to == port],
            reports=[_rtcp(data) for to, data in datagrams if to == port + 1],
        )
        for label, port in zip(labels, ports, strict=True)
    ]


def _datagrams(pcap: bytes) -> Iterator[tuple[int, bytes]]:
    """Port and data of each UDP packet in a pcap file of raw IPv4."""
    order = "<" if pcap[:4] == b"\xd4\xc3\xb2\xa1" else ">"
    at = 24
    while at + 16 <= len(pcap):
        (size,) = struct.unpack_from(f"{order}I", pcap, at + 8)
        frame = pcap[at + 16 : at + 16 + size]
        at += 16 + size
        udp = frame[(frame[0] & 0x0F) * 4 :]
        yield struct.unpack_from("!H", udp, 2)[0], udp[8:]


def _rtp(data: bytes) -> Packet:
    number, timestamp, ssrc = struct.unpack_from("!HII", data, 2)
    return Packet(bool(data[1] & 0x80), number, timestamp, ssrc, data[12:])


def _rtcp(data: bytes) -> Report:
    """Of a compound packet: the sender's counts, its name, and whether it leaves (RFC 3550 §6)."""
    packets = octets = 0
    cname, goodbye = "", False
    for kind, body in _chunks(data):
        if kind == SENDER_REPORT:
            packets, octets = struct.unpack_from("!II", body, 20)
        elif kind == DESCRIPTION and body[8] == 1:
            cname = body[10 : 10 + body[9]].decode()
        goodbye = goodbye or kind == GOODBYE
    return Report(packets, octets, cname, goodbye)


def _chunks(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= 4:
        size = (struct.unpack_from("!H", data, 2)[0] + 1) * 4
        yield data[1], data[:size]
        data = data[size:]


def steps(packets: Sequence[Packet]) -> list[tuple[int, int]]:
    """From each packet to the next: by how much number and timestamp rise."""
    return [
        ((later.number - before.number) & 0xFFFF, (later.timestamp - before.timestamp) & 0xFFFFFFFF)
        for before, later in itertools.pairwise(packets)
    ]


def samples(packets: Sequence[Packet]) -> list[int]:
    """Their audio, without the pauses."""
    return [sample for packet in packets for sample in linear(packet.payload)]
