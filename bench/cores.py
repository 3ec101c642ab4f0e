"""Which core runs what, and the keepers that stop a core from sleeping (a sleeping vCPU shows up as latency)."""

import os
import subprocess
import sys
from dataclasses import dataclass

KEEPER = "import os; os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))\nwhile True: pass"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cores:
    """The measured program alone on one core, load and sink together on the other."""

    measured: int
    others: int

    @classmethod
    def choose(cls) -> "Cores":
        cores = sorted(os.sched_getaffinity(0))
        return cls(measured=cores[-1], others=cores[0])


def keepers(cores: Cores) -> list[subprocess.Popen[bytes]]:
    """One idle-priority spinner a core: it yields to everything and keeps the core awake."""
    return [
        subprocess.Popen(["taskset", "-c", str(core), sys.executable, "-c", KEEPER])
        for core in {cores.measured, cores.others}
    ]
