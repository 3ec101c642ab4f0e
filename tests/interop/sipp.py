"""sipp: many calls at once, with our own scenarios beside this file."""

import csv
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


def command(
    scenario: str,
    *,
    remote: str,
    local_port: int | None = None,
    calls: int = 1,
    rate: int = 10,
    transport: str = "u1",
    service: str = "+15551230000",
    extra: tuple[str, ...] = (),
) -> list[str]:
    """A sipp command line. `transport`: u1 (UDP), t1 (TCP); `remote`: host:port of the server."""
    sipp = need("sipp")
    local = "::1" if remote.startswith("[") else "127.0.0.1"
    kind = socket.SOCK_DGRAM if transport.startswith("u") else socket.SOCK_STREAM
    line = [
        sipp,
        remote,
        *("-sf", str(SCENARIOS / f"{scenario}.xml")),
        *("-i", local, "-mi", local, "-p", str(local_port or free_port(kind, host=local))),
        *("-t", transport, "-s", service),
        *("-m", str(calls), "-r", str(rate), "-l", str(calls)),
        *("-ci", "127.0.0.1", "-cp", str(free_port())),
        *("-nostdin", "-timeout", "90", "-timeout_error", "-trace_stat", "-fd", "1", "-trace_err"),
        *extra,
    ]
    return line


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
