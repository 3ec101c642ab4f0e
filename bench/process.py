"""What a process used, from /proc, and how one is started and ended here."""

import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


def cpu_ms(pid: int) -> float:
    """Milliseconds on a processor since its start, all threads that there are."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e6


def rss_kib(pid: int) -> int:
    """Resident memory in KiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def steal_ms() -> float:
    """Milliseconds that the hypervisor took from all cores since boot."""
    return int(Path("/proc/stat").read_text().split("\n", 1)[0].split()[8]) * TICK_MS


@dataclass
class Program:
    """A started program, pinned to one core, its output as lines. `followers` are programs that end with it."""

    process: subprocess.Popen[str]
    followers: list["Program"] = field(default_factory=list)

    @classmethod
    def start(cls, core: int, *command: str, cwd: Path | None = None, log: Path | None = None) -> "Program":
        stderr = log.open("w") if log else None
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            cwd=cwd,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        return self.process.pid

    def line(self) -> str:
        """The next line, or an error that says which program ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args!r} ended with {self.process.wait()}")
        return line.strip()

    def ask(self, line: str = "") -> str:
        """One line in, one line out."""
        self.tell(line)
        return self.line()

    def tell(self, line: str) -> None:
        """One line in."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def stop(self) -> None:
        """SIGTERM, then SIGKILL after 10 s."""
        for follower in self.followers:
            follower.stop()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
