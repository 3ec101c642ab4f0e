"""One write for the frames of 20 ms (`streams.coalesce_ms = 20`), beside a floor that does the same."""

import argparse
import statistics

from bench.cost import COLUMNS, row
from bench.rig import Rig
from bench.targets import Bridgetap, Floor

RATIO = 1.5


def run(rig: Rig, options: argparse.Namespace) -> None:
    how = {"calls": options.calls, "seconds": options.seconds}
    target = Bridgetap(what="coalesced", streams="coalesce_ms = 20")
    pairs = [(rig.measure(Floor("tick20"), **how), rig.measure(target, **how)) for _ in range(options.passes)]
    title = f"{options.calls} forked calls, a write every 20 ms"
    rig.table(title, COLUMNS, [row(one) for pair in pairs for one in pair])
    ratios = [ours.cpu_ms_per_s_per_call / floor.cpu_ms_per_s_per_call for floor, ours in pairs]
    rig.say(
        f"ratio to the coalescing floor, pass by pass: {', '.join(f'{r:.2f}' for r in ratios)};"
        f" median {statistics.median(ratios):.2f} (target {RATIO})"
    )
