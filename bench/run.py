"""One pass: start sink, server and load, measure the server while the load's window is open."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cores import Cores
from bench.process import Program, cpu_ms, rss_kib, steal_ms
from bench.targets import Target, Workplace

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What one pass showed. Times in milliseconds, memory in KiB. `back_ms`: from the restarted receivers' listening
    to the last stream that went on."""

    target: str
    calls: int
    cpu_ms_per_s_per_call: float
    cpu_percent: float
    setup_cpu_ms_per_call: float
    fork_expected: int
    fork_missing: int
    fork_errors: int
    fork_p50_ms: float
    fork_p99_ms: float
    resumed: int
    back_ms: float
    rtp_missing: int
    rtp_p99_ms: float
    rss_per_call_kib: float
    steal_percent: float
    load_late_p99_ms: float
    failed: int

    def loss_free(self) -> bool:
        return self.fork_missing == 0 and self.fork_errors == 0 and self.rtp_missing == 0 and self.failed == 0


def measure(
    target: Target,
    work: Workplace,
    cores: Cores,
    *,
    calls: int,
    seconds: float,
    cps: float = 50,
    rtp: bool = True,
    stall_every: int = 0,
    restart_ms: int = 0,
) -> Pass:
    """Run one pass. Raises `RuntimeError` when a program ends early or no call comes up.

    `stall_every`: each so-manieth receiver stops reading after its 101. `restart_ms`: all receivers are gone for so
    long, a quarter into the window.
    """
    started: list[Program] = []
    try:
        sink, sink_port = start_sink(work, cores, "--stall-every", str(stall_every))
        started.append(sink)
        server = target.start(work, cores, sink_port=sink_port)
        started.append(server)
        idle_kib, idle_ms = rss_kib(server.pid), cpu_ms(server.pid)
        load = Program.start(
            cores.others,
            str(work.binary("load")),
            *("--server", f"127.0.0.1:{work.server_port}", "--sip-port", str(work.callee_port)),
            *("--calls", str(calls), "--cps", str(cps), "--settle", "2", "--duration", str(seconds)),
            *(() if rtp else ("--no-rtp", "1")),
        )
        started.append(load)
        up = event(load, "up")
        setup_ms = cpu_ms(server.pid) - idle_ms
        event(load, "window-start")
        before, stolen = cpu_ms(server.pid), steal_ms()
        if restart_ms:
            time.sleep(seconds / 4)
            sink.tell(f"restart {restart_ms}")
        event(load, "window-end")
        used, stolen = cpu_ms(server.pid) - before, steal_ms() - stolen
        held_kib = rss_kib(server.pid)
        at_end = cpu_ms(server.pid)
        report = event(load, "report")
        teardown_ms = cpu_ms(server.pid) - at_end
        heard = json.loads(sink.ask())
    finally:
        for program in reversed(started):
            program.stop()
    expected, missing = _forked(report, heard) if target.forks and rtp else (0, 0)
    return Pass(
        target=target.name,
        calls=up["calls"],
        cpu_ms_per_s_per_call=used / seconds / max(up["calls"], 1),
        cpu_percent=used / seconds / 10,
        setup_cpu_ms_per_call=(setup_ms + (0 if rtp else teardown_ms)) / max(up["calls"], 1),
        fork_expected=expected,
        fork_missing=missing,
        fork_errors=heard["sequence_errors"] + heard["chunk_errors"],
        fork_p50_ms=heard["latency"]["p50"],
        fork_p99_ms=heard["latency"]["p99"],
        resumed=heard["resumed"],
        back_ms=heard["back_ms"],
        rtp_missing=report["sent"] - report["heard"],
        rtp_p99_ms=report["rtp_latency"]["p99"],
        rss_per_call_kib=(held_kib - idle_kib) / max(up["calls"], 1),
        steal_percent=stolen / seconds / 10,
        load_late_p99_ms=report["late"]["p99"],
        failed=report["failed"],
    )


def start_sink(work: Workplace, cores: Cores, *arguments: str) -> tuple[Program, int]:
    """A sink and its port."""
    sink = Program.start(
        cores.others, str(work.binary("sink")), "--cert", str(work.certificate), "--key", str(work.key), *arguments
    )
    return sink, int(sink.line().split()[1])


def event(load: Program, name: str) -> dict[str, Any]:
    """The load's next word of that name."""
    while True:
        found: dict[str, Any] = json.loads(load.line())
        if found["event"] == name:
            return found


def _forked(report: dict[str, Any], heard: dict[str, Any]) -> tuple[int, int]:
    """Frames that had to come to receivers that read, and how many did not."""
    if not heard["stalled"]:
        return report["sent"], report["sent"] - heard["counted"]
    reading = heard["streams"] - heard["stalled"]
    expected = round(report["sent"] * reading / heard["streams"])
    # What the stalled ones would have got is known to one frame a party; holes inside a stream are exact.
    short = max(0, expected - heard["counted"] - 2 * reading)
    return expected, max(short, heard["stamps_missing"])


def save(path: Path, passes: Sequence["DataclassInstance"]) -> None:
    """Every figure of every pass, as JSON lines."""
    path.write_text("".join(json.dumps(asdict(p)) + "\n" for p in passes))
