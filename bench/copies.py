"""One pass of recorded calls: start recorder, server and load, measure the server while the load's window is open."""

import json
from dataclasses import dataclass
from typing import Any

from bench.cores import Cores
from bench.process import Program, cpu_ms, steal_ms
from bench.run import event
from bench.targets import Target, Workplace

CPS = 15  # calls a second: a recorded call is three dialogs, and the set-up is not what is measured
SETTLE_S = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """What one pass showed; CPU is the server's inside the window.

    `copied`: RTP packets that the recorder heard inside the window. `tracks`: those that it heard before. Of the whole
    pass: `numbers_missing`, sequence numbers passed over; `overflowed`, packets that came and that the recorder was too
    late to take. `audio_missing`: packets of audio sent inside the window that no copy carried; `None` where the copies
    are encrypted, or there are none.
    """

    target: str
    calls: int
    cpu_ms: float
    copied: int
    tracks: int
    numbers_missing: int
    disordered: int
    audio_missing: int | None
    overflowed: int
    copy_p99_ms: float
    rtp_missing: int
    steal_percent: float
    load_late_p99_ms: float
    failed: int


def measure_copies(
    target: Target, work: Workplace, cores: Cores, *, calls: int, seconds: float, cps: float = CPS, secure: bool = False
) -> Copies:
    """Run one pass. Raises `RuntimeError` when a program ends early."""
    started: list[Program] = []
    try:
        files = ("--cert", str(work.certificate), "--key", str(work.key)) if secure else ()
        recorder = Program.start(cores.others, str(work.binary("recorder")), *files)
        started.append(recorder)
        server = target.start(work, cores, sink_port=int(recorder.line().split()[1]))
        started.append(server)
        load = Program.start(
            cores.others,
            str(work.binary("load")),
            *("--server", f"127.0.0.1:{work.server_port}", "--sip-port", str(work.callee_port)),
            *("--calls", str(calls), "--cps", str(cps), "--settle", str(SETTLE_S), "--duration", str(seconds)),
        )
        started.append(load)
        up = event(load, "up")
        event(load, "window-start")
        before, used, stolen = _asked(recorder), cpu_ms(server.pid), steal_ms()
        event(load, "window-end")
        after, used, stolen = _asked(recorder), cpu_ms(server.pid) - used, steal_ms() - stolen
        report = event(load, "report")
        end = _asked(recorder)
    finally:
        for program in reversed(started):
            program.stop()
    return Copies(
        target=target.name,
        calls=up["calls"],
        cpu_ms=used,
        copied=after["packets"] - before["packets"],
        tracks=before["tracks"],
        numbers_missing=end["missing"],
        disordered=end["disordered"],
        audio_missing=report["sent"] - end["counted"] if target.forks and not secure else None,
        overflowed=end["overflowed"],
        copy_p99_ms=end["latency"]["p99"],
        rtp_missing=report["sent"] - report["heard"],
        steal_percent=stolen / seconds / 10,
        load_late_p99_ms=report["late"]["p99"],
        failed=report["failed"],
    )


def _asked(recorder: Program) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(recorder.ask())
    return report


def cost_us(forked: Copies, plain: Copies) -> float:
    """CPU of a copied packet in microseconds: what the same number of calls costs more with forks than without."""
    if not forked.copied or not plain.calls:
        raise ValueError(f"{forked.target}: {forked.copied} packets copied, {plain.calls} calls without forks")
    return 1000 * (forked.cpu_ms - plain.cpu_ms * forked.calls / plain.calls) / forked.copied
