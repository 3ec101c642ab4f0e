"""`python -m bench`: floor and Bridgetap in turns, medians, ratios. See docs/performance.md."""

import argparse
import os
import socket
import statistics
import subprocess
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import certificates
from bench.cores import Cores, keepers
from bench.run import Pass, measure, save
from bench.targets import Bridgetap, Floor, Target, Workplace, free_port

ROOT = Path(__file__).parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--calls", type=int, default=150, help="concurrent bridged calls, each forked both ways (150)")
    parser.add_argument("--seconds", type=float, default=10, help="length of each measuring window (10)")
    parser.add_argument("--passes", type=int, default=3, help="interleaved passes; the median counts (3)")
    parser.add_argument("--signalling-calls", type=int, default=300, help="calls without audio, for SIP + flow (300)")
    parser.add_argument("--save", type=Path, help="write every figure as JSON lines")
    parser.add_argument("--no-keepers", action="store_true", help="let idle cores sleep")
    options = parser.parse_args()

    subprocess.run(
        ["cargo", "build", "--locked", "--release", "--quiet", "-p", "bridgetap-bench"], check=True, cwd=ROOT
    )
    target_dir = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    console = Console()
    cores = Cores.choose()
    awake = [] if options.no_keepers else keepers(cores)
    try:
        with tempfile.TemporaryDirectory(prefix="bridgetap-bench-") as folder:
            work = _workplace(Path(folder), target_dir / "release")
            passes: list[Pass] = []
            forked: tuple[Target, ...] = (Floor("immediate"), Bridgetap())
            for number in range(options.passes):
                for target in forked:
                    result = measure(target, work, cores, calls=options.calls, seconds=options.seconds)
                    console.print(f"pass {number + 1}: {result.target}: {result.cpu_ms_per_s_per_call:.2f} ms/s a call")
                    passes.append(result)
            relay = [
                measure(t, work, cores, calls=options.calls, seconds=options.seconds)
                for t in (Floor("none"), Bridgetap(forks=False))
            ]
            quiet = measure(Bridgetap(forks=False), work, cores, calls=options.signalling_calls, seconds=1, rtp=False)
    finally:
        for keeper in awake:
            keeper.kill()
            keeper.wait()
    _print(console, passes, relay, quiet)
    if options.save:
        save(options.save, [*passes, *relay, quiet])


def _workplace(folder: Path, binaries: Path) -> Workplace:
    ca, certificate, key = certificates.make(folder)
    return Workplace(
        folder=folder,
        binaries=binaries,
        ca=ca,
        certificate=certificate,
        key=key,
        server_port=free_port(socket.SOCK_DGRAM),
        callee_port=free_port(socket.SOCK_DGRAM),
        http_port=free_port(socket.SOCK_STREAM),
    )


def _print(console: Console, passes: list[Pass], relay: list[Pass], quiet: Pass) -> None:
    table = Table(title=f"{passes[0].calls} bridged calls, one core for the server")
    for column in (
        "target",
        "CPU ms/s a call",
        "fork missing",
        "fork p50 / p99 ms",
        "RTP missing",
        "KiB a call",
        "steal %",
    ):
        table.add_column(column, justify="left" if column == "target" else "right")
    for one in [*passes, *relay]:
        table.add_row(
            one.target,
            f"{one.cpu_ms_per_s_per_call:.2f}",
            f"{one.fork_missing} of {one.fork_expected}",
            f"{one.fork_p50_ms:.2f} / {one.fork_p99_ms:.2f}" if one.fork_expected else "-",
            str(one.rtp_missing),
            f"{one.rss_per_call_kib:.0f}",
            f"{one.steal_percent:.1f}",
        )
    console.print(table)
    floor = [p for p in passes if p.target.startswith("floor")]
    ours = [p for p in passes if p.target == "bridgetap"]
    ratios = [o.cpu_ms_per_s_per_call / f.cpu_ms_per_s_per_call for f, o in zip(floor, ours, strict=True)]
    bounds = [max(10.0, 2 * f.fork_p99_ms) for f in floor]
    within = sum(o.fork_p99_ms <= bound for o, bound in zip(ours, bounds, strict=True))
    console.print(
        f"ratio to the floor, pass by pass: {', '.join(f'{r:.2f}' for r in ratios)};"
        f" median {statistics.median(ratios):.2f} (target 2.0, goal 1.3)"
    )
    console.print(f"fork latency p99 within max(10 ms, 2 x floor's): {within} of {len(ours)} passes")
    console.print(
        f"frames missing: {sum(o.fork_missing for o in ours)}; RTP packets missing: {sum(o.rtp_missing for o in ours)}"
    )
    console.print(
        f"relay alone, ratio to the floor: {relay[1].cpu_ms_per_s_per_call / relay[0].cpu_ms_per_s_per_call:.2f}"
    )
    console.print(f"SIP + flow: {quiet.setup_cpu_ms_per_call:.2f} ms CPU per bridged call, set-up and end (budget 3)")
    console.print(f"memory: {statistics.median(o.rss_per_call_kib for o in ours):.0f} KiB a forked call (budget 64)")


if __name__ == "__main__":
    main()
