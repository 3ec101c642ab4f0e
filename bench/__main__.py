"""`python -m bench [SCENARIO]`: what calls cost beside a bare floor, and what they bear. See docs/performance.md."""

import argparse
from collections.abc import Callable
from pathlib import Path

from bench import coalesce, cost, hostile, ramp, siprec, stalled, storm
from bench.rig import Rig, open_rig
from bench.run import save

SCENARIOS: dict[str, tuple[Callable[[Rig, argparse.Namespace], None], str]] = {
    "cost": (cost.run, "CPU a call beside the floor, latency, loss, memory, SIP + flow: about 4 minutes (the default)"),
    "ramp": (ramp.run, "the most forked calls that one core carries, and the floor's: up to 12 minutes"),
    "stalled": (stalled.run, "one receiver in ten stops reading: 2 minutes"),
    "storm": (storm.run, "all receivers restart at once, streams.resume = true: 2 minutes"),
    "coalesce": (coalesce.run, "streams.coalesce_ms = 20 beside a floor that writes every 20 ms: 3 minutes"),
    "siprec": (siprec.run, "CPU a packet copied to a recorder, beside rtpengine's forks: 10 minutes"),
    "hostile": (hostile.run, "20 misbehaving receivers on one call, beside a control run: 2 minutes"),
}
CALLS = {"siprec": 200}  # where it is not 150
SECONDS = {"siprec": 3.0}  # where it is not 10


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="scenarios:\n" + "".join(f"  {name:10}{what}\n" for name, (_, what) in SCENARIOS.items()),
    )
    parser.add_argument(
        "scenario", nargs="?", default="cost", choices=[*SCENARIOS, "all"], metavar="SCENARIO", help="see below (cost)"
    )
    parser.add_argument("--calls", type=int, help="concurrent bridged calls, each forked both ways (150; siprec 200)")
    parser.add_argument("--seconds", type=float, help="length of each measuring window (10; siprec 3)")
    parser.add_argument("--passes", type=int, default=3, help="interleaved passes; the median counts (3)")
    parser.add_argument("--signalling-calls", type=int, default=300, help="calls without audio, for SIP + flow (300)")
    parser.add_argument("--steps", type=_steps, default=ramp.STEPS, help="calls at each step of the ramp (50,100,200…)")
    parser.add_argument("--save", type=Path, help="write every figure as JSON lines")
    parser.add_argument("--no-keepers", action="store_true", help="let idle cores sleep")
    options = parser.parse_args()

    with open_rig(awake=not options.no_keepers) as rig:
        for name in SCENARIOS if options.scenario == "all" else [options.scenario]:
            rig.say(f"[bold]{name}[/bold]: {SCENARIOS[name][1]}")
            sizes = {
                "calls": options.calls or CALLS.get(name, 150),
                "seconds": options.seconds or SECONDS.get(name, 10.0),
            }
            SCENARIOS[name][0](rig, argparse.Namespace(**{**vars(options), **sizes}))
    if options.save:
        save(options.save, rig.passes)


def _steps(text: str) -> tuple[int, ...]:
    return tuple(sorted(int(step) for step in text.split(",")))


if __name__ == "__main__":
    main()
