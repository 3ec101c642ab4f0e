"""Twenty misbehaving receivers on one call: what that call's bridge and other calls with good receivers notice,
beside a control run in which the same twenty forks go to receivers that behave."""

import argparse
import json
import statistics
import sys
from dataclasses import dataclass
from itertools import cycle, islice

from bench.forks import Forks, forks_to, prove
from bench.hostile_receivers import WAYS
from bench.process import Program, rss_kib
from bench.rig import Rig
from bench.run import event, start_sink
from bench.targets import SECOND_NUMBER, Bridgetap

RECEIVERS = 20
CALLS = 20  # others, with good receivers, on the same media thread
CPS = 50
LONGEST_S = 10.0  # a window


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """Of one run. Times in milliseconds."""

    forks: Forks  # the twenty
    bridge_missing: int  # on the call with the twenty forks
    bridge_p99_ms: float
    others_missing: int
    others_p99_ms: float
    fork_missing: int
    fork_p99_ms: float
    rss_kib: int
    load_late_p99_ms: float  # what the load itself was late: it shares its core with the receivers


def run(rig: Rig, options: argparse.Namespace) -> None:
    seconds = min(options.seconds, LONGEST_S)
    pairs = []
    for _ in range(min(options.passes, 2)):
        control, hostile = _measure(rig, seconds, behave=True), _measure(rig, seconds, behave=False)
        pairs.append((control, hostile))
        rig.say(
            f"  bridge p99 {control.bridge_p99_ms:.2f} ms beside good receivers, {hostile.bridge_p99_ms:.2f} beside bad"
        )
    columns = (
        "receivers",
        "open, broken",
        "missing",
        "p99 ms",
        "others: missing",
        "p99 ms",
        "forks: missing",
        "p99 ms",
        "KiB",
        "load late",
    )
    names = ("20 behave", "20 misbehave")
    rig.table(
        f"one call with {RECEIVERS} forks, {CALLS} other calls",
        columns,
        [_row(name, seen) for pair in pairs for name, seen in zip(names, pair, strict=True)],
    )
    added = statistics.median(hostile.bridge_p99_ms - control.bridge_p99_ms for control, hostile in pairs)
    others = statistics.median(hostile.others_p99_ms - control.others_p99_ms for control, hostile in pairs)
    rig.say(
        f"jitter added by bad receivers (p99): {added:+.2f} ms on their own call's bridge, {others:+.2f} on the others"
    )


def _measure(rig: Rig, seconds: float, *, behave: bool) -> _Seen:
    work, cores = rig.work, rig.cores
    server_at = ("--server", f"127.0.0.1:{work.server_port}")
    started: list[Program] = []
    try:
        sink, sink_port = start_sink(work, cores)
        started.append(sink)
        receivers, port = start_sink(work, cores) if behave else _bad_receivers(rig)
        started.append(receivers)
        urls = tuple(f"wss://localhost:{port}/{way}" for way in islice(cycle(WAYS), RECEIVERS))
        target = Bridgetap(streams=f"max_tracks_per_call = {RECEIVERS}", second=urls)
        server = target.start(work, cores, sink_port=sink_port)
        started.append(server)
        before = rss_kib(server.pid)
        one = Program.start(
            cores.others,
            str(work.binary("load")),
            *server_at,
            *("--sip-port", str(work.second_callee_port), "--calls", "1", "--number", SECOND_NUMBER),
            *("--settle", "3", "--duration", str(seconds + 4 + CALLS / CPS)),
        )
        started.append(one)
        event(one, "window-start")
        many = Program.start(
            cores.others,
            str(work.binary("load")),
            *server_at,
            *("--sip-port", str(work.callee_port), "--calls", str(CALLS), "--cps", str(CPS)),
            *("--settle", "2", "--duration", str(seconds)),
        )
        started.append(many)
        event(many, "window-end")
        grown = rss_kib(server.pid) - before
        others, bridge = event(many, "report"), event(one, "report")
        heard = json.loads(sink.ask())
        forks = forks_to(port, work.database)
        prove(forks, RECEIVERS, whole=behave)
    finally:
        for program in reversed(started):
            program.stop()
    return _Seen(
        forks=forks,
        bridge_missing=bridge["sent"] - bridge["heard"],
        bridge_p99_ms=bridge["rtp_latency"]["p99"],
        others_missing=others["sent"] - others["heard"],
        others_p99_ms=others["rtp_latency"]["p99"],
        fork_missing=others["sent"] - heard["counted"],
        fork_p99_ms=heard["latency"]["p99"],
        rss_kib=grown,
        load_late_p99_ms=max(one["late"]["p99"] for one in (bridge, others)),
    )


def _bad_receivers(rig: Rig) -> tuple[Program, int]:
    files = ("--cert", str(rig.work.certificate), "--key", str(rig.work.key))
    program = Program.start(rig.cores.others, sys.executable, "-m", "bench.hostile_receivers", *files)
    return program, int(program.line().split()[1])


def _row(name: str, seen: _Seen) -> tuple[str, ...]:
    return (
        name,
        f"{seen.forks.opened}, {seen.forks.broken}",
        str(seen.bridge_missing),
        f"{seen.bridge_p99_ms:.2f}",
        str(seen.others_missing),
        f"{seen.others_p99_ms:.2f}",
        str(seen.fork_missing),
        f"{seen.fork_p99_ms:.2f}",
        str(seen.rss_kib),
        f"{seen.load_late_p99_ms:.2f}",
    )
