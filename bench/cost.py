"""What a forked, bridged call costs: floor and Bridgetap in turns, ratios pass by pass; relay alone; SIP + flow."""

import argparse
import statistics

from bench.rig import Rig
from bench.run import Pass
from bench.targets import Bridgetap, Floor

COLUMNS = ("target", "CPU ms/s a call", "fork missing", "fork p50 / p99 ms", "RTP missing", "KiB a call", "steal %")


def run(rig: Rig, options: argparse.Namespace) -> None:
    how = {"calls": options.calls, "seconds": options.seconds}
    floors, ours = [], []
    for _ in range(options.passes):
        floors.append(rig.measure(Floor("immediate"), **how))
        ours.append(rig.measure(Bridgetap(), **how))
    bare_relay, relay = rig.measure(Floor("none"), **how), rig.measure(Bridgetap(forks=False), **how)
    quiet = rig.measure(Bridgetap(forks=False), calls=options.signalling_calls, seconds=1, rtp=False)
    rows = [row(one) for pair in zip(floors, ours, strict=True) for one in pair]
    title = f"{options.calls} bridged calls, one core for the server"
    rig.table(title, COLUMNS, [*rows, row(bare_relay), row(relay)])
    ratios = [o.cpu_ms_per_s_per_call / f.cpu_ms_per_s_per_call for f, o in zip(floors, ours, strict=True)]
    bounds = [max(10.0, 2 * f.fork_p99_ms) for f in floors]
    within = sum(o.fork_p99_ms <= bound for o, bound in zip(ours, bounds, strict=True))
    relayed = relay.cpu_ms_per_s_per_call / bare_relay.cpu_ms_per_s_per_call
    frames, packets = sum(o.fork_missing for o in ours), sum(o.rtp_missing for o in ours)
    rig.say(
        f"ratio to the floor, pass by pass: {', '.join(f'{r:.2f}' for r in ratios)};"
        f" median {statistics.median(ratios):.2f} (target 2.0, goal 1.3)\n"
        f"fork latency p99 within max(10 ms, 2 x floor's): {within} of {len(ours)} passes\n"
        f"frames missing: {frames}; RTP packets missing: {packets}\n"
        f"relay alone, ratio to the floor: {relayed:.2f}\n"
        f"SIP + flow: {quiet.setup_cpu_ms_per_call:.2f} ms CPU per bridged call, set-up and end (budget 3)\n"
        f"memory: {statistics.median(o.rss_per_call_kib for o in ours):.0f} KiB a forked call (budget 64)"
    )


def row(one: Pass) -> tuple[str, ...]:
    """A pass as a line of the table."""
    return (
        one.target,
        f"{one.cpu_ms_per_s_per_call:.2f}",
        f"{one.fork_missing} of {one.fork_expected}",
        f"{one.fork_p50_ms:.2f} / {one.fork_p99_ms:.2f}" if one.fork_expected else "-",
        str(one.rtp_missing),
        f"{one.rss_per_call_kib:.0f}",
        f"{one.steal_percent:.1f}",
    )
