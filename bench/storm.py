"""All receivers restart at once, with `streams.resume = true`: how soon every stream goes on, what is missing."""

import argparse
import statistics

from bench.rig import Rig
from bench.run import Pass
from bench.targets import Bridgetap

DOWN_MS = 1000
COLUMNS = (
    "receivers",
    "resumed",
    "all back after ms",
    "frames missing",
    "RTP missing",
    "RTP p99 ms",
    "CPU ms/s a call",
)


def run(rig: Rig, options: argparse.Namespace) -> None:
    how = {"calls": options.calls, "seconds": options.seconds}
    target = Bridgetap(what="resume", streams="resume = true")
    pairs = [
        (rig.measure(target, **how), rig.measure(target, restart_ms=DOWN_MS, **how))
        for _ in range(min(options.passes, 2))
    ]
    names = ("stay", f"restart, {DOWN_MS} ms")
    rows = [_row(name, one) for pair in pairs for name, one in zip(names, pair, strict=True)]
    rig.table(f"{options.calls} calls, all receivers restarted at once", COLUMNS, rows)
    storms = [storm for _, storm in pairs]
    added = statistics.median(storm.rtp_p99_ms - calm.rtp_p99_ms for calm, storm in pairs)
    rig.say(
        f"frames missing after the storm: {sum(one.fork_missing for one in storms)};"
        f" out of order or repeated: {sum(one.fork_errors for one in storms)};"
        f" RTP packets missing: {sum(one.rtp_missing for one in storms)}; added RTP p99 {added:+.2f} ms"
    )


def _row(name: str, one: Pass) -> tuple[str, ...]:
    return (
        name,
        f"{one.resumed} of {one.calls}" if one.resumed else "-",
        f"{one.back_ms:.0f}" if one.resumed else "-",
        f"{one.fork_missing} of {one.fork_expected}",
        str(one.rtp_missing),
        f"{one.rtp_p99_ms:.2f}",
        f"{one.cpu_ms_per_s_per_call:.2f}",
    )
