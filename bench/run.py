"""One pass: start sink, server and load, measure the server while the load's window is open."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cores import Cores
from bench.process import Program, cpu_ms, rss_kib, steal_ms
from bench.targets import Target, Workplace


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What one pass showed. Times in milliseconds, memory in KiB."""

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
    rtp_missing: int
    rss_per_call_kib: float
    steal_percent: float
    load_late_p99_ms: float
    failed: int

    def loss_free(self) -> bool:
        return self.fork_missing == 0 and self.fork_errors == 0 and self.rtp_missing == 0 and self.failed == 0


def measure(
    target: Target, work: Workplace, cores: Cores, *, calls: int, seconds: float, cps: float = 50, rtp: bool = True
) -> Pass:
    """Run one pass. Raises `RuntimeError` when a program ends early or no call comes up."""
    sink = Program.start(
        cores.others, str(work.binary("sink")), "--cert", str(work.certificate), "--key", str(work.key)
    )
    started: list[Program] = [sink]
    try:
        sink_port = int(sink.line().split()[1])
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
        up = _event(load, "up")
        setup_ms = cpu_ms(server.pid) - idle_ms
        _event(load, "window-start")
        before, stolen = cpu_ms(server.pid), steal_ms()
        _event(load, "window-end")
        used, stolen = cpu_ms(server.pid) - before, steal_ms() - stolen
        held_kib = rss_kib(server.pid)
        at_end = cpu_ms(server.pid)
        report = _event(load, "report")
        teardown_ms = cpu_ms(server.pid) - at_end
        heard = json.loads(sink.ask())
    finally:
        for program in reversed(started):
            program.stop()
    tracked = report["sent"] if target.forks and rtp else 0
    return Pass(
        target=target.name,
        calls=up["calls"],
        cpu_ms_per_s_per_call=used / seconds / max(up["calls"], 1),
        cpu_percent=used / seconds / 10,
        setup_cpu_ms_per_call=(setup_ms + (0 if rtp else teardown_ms)) / max(up["calls"], 1),
        fork_expected=tracked,
        fork_missing=tracked - heard["counted"] if tracked else 0,
        fork_errors=heard["sequence_errors"] + heard["chunk_errors"],
        fork_p50_ms=heard["latency"]["p50"],
        fork_p99_ms=heard["latency"]["p99"],
        rtp_missing=report["sent"] - report["heard"],
        rss_per_call_kib=(held_kib - idle_kib) / max(up["calls"], 1),
        steal_percent=stolen / seconds / 10,
        load_late_p99_ms=report["late"]["p99"],
        failed=report["failed"],
    )


def _event(load: Program, name: str) -> dict[str, Any]:
    while True:
        event: dict[str, Any] = json.loads(load.line())
        if event["event"] == name:
            return event


def save(path: Path, passes: list[Pass]) -> None:
    """Every figure of every pass, as JSON lines."""
    from dataclasses import asdict

    path.write_text("".join(json.dumps(asdict(p)) + "\n" for p in passes))
