"""The most forked calls that one core carries: more and more, until two of three passes at a step fail.

A pass is good when every call came up, no frame is missing, and the fork's p99 is at most 5 ms or twice the
floor's in the same pass. The floor is held to the same rule, which its own p99 cannot break.
"""

import argparse

from bench.rig import Rig
from bench.run import Pass
from bench.targets import Bridgetap, Floor

STEPS = (50, 100, 200, 300, 400, 500)
LONGEST_S = 5.0  # a window, whatever `--seconds` says: there are many
PASSES, NEEDED = 3, 2
P99_MS = 5.0
LOAD_LATE_MS = 5.0  # above this the load did not send in time, and the pass says nothing of the server


def run(rig: Rig, options: argparse.Namespace) -> None:
    seconds = min(options.seconds, LONGEST_S)
    most = {"floor": 0, "bridgetap": 0}
    climbing = {"floor", "bridgetap"}
    rows = []
    for calls in options.steps:
        step = _Step()
        for _ in range(PASSES):
            if step.is_decided(climbing):
                break
            step.floor.append(rig.measure(Floor("immediate"), calls=calls, seconds=seconds))
            if "bridgetap" in climbing:
                step.ours.append(rig.measure(Bridgetap(), calls=calls, seconds=seconds))
        for name, verdicts in (("floor", step.floor_verdicts()), ("bridgetap", step.verdicts())):
            if name in climbing and sum(verdicts) >= NEEDED:
                most[name] = calls
            elif name in climbing:
                climbing.discard(name)
        rows.append(_row(calls, step))
        if not climbing:
            break
    columns = (
        "calls",
        "good passes",
        "missing",
        "p99 ms",
        "CPU %",
        "floor: good",
        "p99 ms",
        "CPU %",
        "load late p99 ms",
    )
    rig.table("ramp: forked calls on one core", columns, rows)
    rig.say(f"largest number carried: {most['bridgetap']} calls; the floor {most['floor']}")
    if climbing:
        rig.say(f"{' and '.join(sorted(climbing))} held at the last step: give higher --steps")


class _Step:
    """The passes at one number of calls."""

    def __init__(self) -> None:
        self.floor: list[Pass] = []
        self.ours: list[Pass] = []

    def floor_verdicts(self) -> list[bool]:
        return [one.loss_free() for one in self.floor]

    def verdicts(self) -> list[bool]:
        return [
            one.loss_free() and one.fork_p99_ms <= max(P99_MS, 2 * floor.fork_p99_ms)
            for floor, one in zip(self.floor, self.ours, strict=False)
        ]

    def is_decided(self, climbing: set[str]) -> bool:
        """Whether a further pass could change nothing for anybody who still climbs."""
        verdicts = {"floor": self.floor_verdicts(), "bridgetap": self.verdicts()}
        return all(_decided(verdicts[name]) for name in climbing)


def _decided(verdicts: list[bool]) -> bool:
    return verdicts.count(True) >= NEEDED or verdicts.count(False) > PASSES - NEEDED


def _row(calls: int, step: _Step) -> tuple[str, ...]:
    late = max(one.load_late_p99_ms for one in [*step.floor, *step.ours])
    return (
        str(calls),
        f"{sum(step.verdicts())} of {len(step.ours)}" if step.ours else "-",
        str(sum(one.fork_missing for one in step.ours)) if step.ours else "-",
        ", ".join(f"{one.fork_p99_ms:.1f}" for one in step.ours) or "-",
        f"{max(one.cpu_percent for one in step.ours):.0f}" if step.ours else "-",
        f"{sum(step.floor_verdicts())} of {len(step.floor)}",
        ", ".join(f"{one.fork_p99_ms:.1f}" for one in step.floor),
        f"{max(one.cpu_percent for one in step.floor):.0f}",
        f"{late:.1f}" + (" (the load's limit)" if late > LOAD_LATE_MS else ""),
    )
