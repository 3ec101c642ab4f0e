"""sipp: many calls at once, with our own scenarios beside this file."""

import csv
import re
import socket
from dataclasses import dataclass
from pathlib import Path

from .programs import Running, free_port, need

SCENARIOS = Path(__file__).parent / "sipp"


@dataclass(frozen=True, slots=True)
class Result:
    """What sipp counted at its end."""

    successful: int
    failed: int
    retransmissions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One sipp: which scenario it plays, and what of it a test may change."""

    scenario: str
    calls: int
    rate: int = 50
    stay_ms: int = 0
    """The caller talks for so long; the callee still answers a repeated BYE for so long."""
    echo: bool = False
    """Send back the audio that arrives, instead of a tone of its own."""
    lost_percent: int = 0
    """Of its SIP messages, each way."""
    forgiving: bool = False
    """A message that comes too early is passed over, and heard when it comes again; else the call has failed."""
    transport: str = "u1"
    """u1: UDP; t1: TCP."""

    def command(
        self, folder: Path, *, server: str, port: int | None = None, service: str = "+15551230000"
    ) -> list[str]:
        """A command line to run in `folder`; `server` is the address (host:port) of what it calls or is called by."""
        local = "::1" if server.startswith("[") else "127.0.0.1"
        kind = socket.SOCK_DGRAM if self.transport.startswith("u") else socket.SOCK_STREAM
        # This sipp has no range of RTP ports: streams take free even ports from the media port up.
        media_port = free_port(socket.SOCK_DGRAM, host=local) & ~1
        return [
            need("sipp"),
            server,
            *("-sf", str(self._written(folder))),
            *("-i", local, "-mi", local, "-p", str(port or free_port(kind, host=local)), "-mp", str(media_port)),
            *("-t", self.transport, "-s", service, "-d", str(self.stay_ms)),
            *("-m", str(self.calls), "-r", str(self.rate), "-l", str(self.calls)),
            *("-ci", "127.0.0.1", "-cp", str(free_port(socket.SOCK_DGRAM))),
            *("-nostdin", "-timeout", "60", "-timeout_error", "-trace_stat", "-fd", "1", "-trace_err", "-trace_logs"),
            *(("-default_behaviors", "all,-abortunexp") if self.forgiving else ()),
            *(("-rtp_echo",) if self.echo else ()),
            *(("-lost", str(self.lost_percent)) if self.lost_percent else ()),
        ]

    def _written(self, folder: Path) -> Path:
        """The scenario as this party plays it."""
        text = (SCENARIOS / f"{self.scenario}.xml").read_text()
        if self.echo:
            # sipp echoes on its one media port only, and only what no stream of its own is sent from.
            text = re.sub(r" *<nop>.*rtp_stream=.*\n", "", text).replace("[rtpstream_audio_port]", "[media_port]")
        written = folder / f"{self.scenario}.xml"
        written.write_text(text)
        return written


def said(folder: Path) -> list[str]:
    """What a scenario has written to its log until now."""
    return [line for file in sorted(folder.glob("*_logs.log")) for line in file.read_text().splitlines()]


def answers(port: int) -> bool:
    """Whether a program has taken that port, on any address: a probe of ours could take it from sipp."""
    tables = [Path("/proc/net") / name for name in ("udp", "udp6", "tcp", "tcp6")]
    lines = [line.split() for table in tables for line in table.read_text().splitlines()[1:]]
    return any(line[1].endswith(f":{port:04X}") for line in lines)


def result(program: Running, folder: Path) -> Result:
    """Read the statistics sipp left in its working folder."""
    files = sorted(folder.glob("*_.csv"))
    assert files, f"sipp wrote no statistics:\n{program.text()[-3000:]}"
    with files[-1].open() as lines:
        last = list(csv.DictReader(lines, delimiter=";"))[-1]
    return Result(
        successful=int(last["SuccessfulCall(C)"]),
        failed=int(last["FailedCall(C)"]),
        retransmissions=int(last["Retransmissions(C)"]),
    )
