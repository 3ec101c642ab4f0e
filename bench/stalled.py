"""One receiver in ten stops reading after its 101. What the other nine, the calls and the memory notice of it."""

import argparse
import statistics

from bench.rig import Rig
from bench.run import Pass
from bench.targets import Bridgetap

EVERY = 10
COLUMNS = (
    "receivers",
    "CPU ms/s a call",
    "missing",
    "fork p99 ms",
    "RTP p99 ms",
    "RTP missing",
    "KiB a call",
)


def run(rig: Rig, options: argparse.Namespace) -> None:
    how = {"calls": options.calls, "seconds": options.seconds}
    control, stalled = [], []
    for _ in range(min(options.passes, 2)):
        control.append(rig.measure(Bridgetap(), **how))
        stalled.append(rig.measure(Bridgetap(), stall_every=EVERY, **how))
    rows = [_row("all read", one) for one in control] + [_row(f"1 in {EVERY} stalls", one) for one in stalled]
    rig.table(f"{options.calls} calls, 1 in {EVERY} receivers stalled", COLUMNS, rows)
    added = statistics.median(s.fork_p99_ms - c.fork_p99_ms for c, s in zip(control, stalled, strict=True))
    rig.say(
        f"frames missing where the receiver reads: {sum(one.fork_missing for one in stalled)};"
        f" RTP packets missing: {sum(one.rtp_missing for one in stalled)}; added fork p99 {added:+.2f} ms"
    )


def _row(name: str, one: Pass) -> tuple[str, ...]:
    return (
        name,
        f"{one.cpu_ms_per_s_per_call:.2f}",
        f"{one.fork_missing} of {one.fork_expected}",
        f"{one.fork_p99_ms:.2f}",
        f"{one.rtp_p99_ms:.2f}",
        str(one.rtp_missing),
        f"{one.rss_per_call_kib:.0f}",
    )
