"""What every scenario stands on: built programs, certificates, ports, cores kept awake, and where figures go."""

import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import certificates
from bench.copies import Copies, measure_copies
from bench.cores import Cores, keepers
from bench.run import Pass, measure
from bench.targets import Recorded, Target, Workplace, free_port

ROOT = Path(__file__).parent.parent
PORTS = (20_000, 25_999), (26_000, 31_999)  # below those that the system gives out


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """Measures, and remembers every pass."""

    work: Workplace
    twin: Workplace  # for a second server beside the first
    cores: Cores
    console: Console
    passes: list[Pass | Copies] = field(default_factory=list)

    def measure(self, target: Target, **how: Any) -> Pass:
        """One pass, told as soon as it is over. `how`: see `bench.run.measure`."""
        result = measure(target, self.work, self.cores, **how)
        self.passes.append(result)
        self.console.print(
            f"  {result.target}, {result.calls} calls: {result.cpu_ms_per_s_per_call:.2f} ms/s a call,"
            f" fork p99 {result.fork_p99_ms:.2f} ms, {result.fork_missing} frames missing"
        )
        return result

    def copies(self, target: Recorded, **how: Any) -> Copies:
        """One pass of recorded calls, told as soon as it is over. `how`: see `bench.copies.measure_copies`."""
        result = measure_copies(target, (self.work, self.twin), self.cores, **how)
        self.passes.append(result)
        self.console.print(
            f"  {result.target}, {result.calls} calls: {', '.join(f'{us:.2f}' for us in result.costs_us())} us a copy,"
            f" {result.copied} copies, {result.numbers_missing} missing"
        )
        return result

    def say(self, text: str) -> None:
        self.console.print(text)

    def table(self, title: str, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
        """The first column to the left, figures to the right."""
        table = Table(title=title)
        for number, column in enumerate(columns):
            table.add_column(column, justify="right" if number else "left")
        for row in rows:
            table.add_row(*row)
        self.console.print(table)


@contextmanager
def open_rig(*, awake: bool) -> Iterator[Rig]:
    """Build the programs, make the certificates, keep the cores from sleeping where `awake`."""
    subprocess.run(
        ["cargo", "build", "--locked", "--release", "--quiet", "-p", "bridgetap-bench"], check=True, cwd=ROOT
    )
    target_dir = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    cores = Cores.choose()
    spinning = keepers(cores) if awake else []
    try:
        with tempfile.TemporaryDirectory(prefix="bridgetap-bench-") as folder:
            ca, certificate, key = certificates.make(Path(folder))
            files = {"binaries": target_dir / "release", "ca": ca, "certificate": certificate, "key": key}
            work, twin = (
                _workplace(Path(folder) / name, ports=ports, **files)
                for name, ports in zip(("first", "twin"), PORTS, strict=True)
            )
            yield Rig(work=work, twin=twin, cores=cores, console=Console())
    finally:
        for keeper in spinning:
            keeper.kill()
            keeper.wait()


def _workplace(folder: Path, *, ports: tuple[int, int], **files: Path) -> Workplace:
    folder.mkdir()
    return Workplace(
        folder=folder,
        **files,
        server_port=free_port(socket.SOCK_DGRAM),
        callee_port=free_port(socket.SOCK_DGRAM),
        second_callee_port=free_port(socket.SOCK_DGRAM),
        http_port=free_port(socket.SOCK_STREAM),
        media_ports=ports,
    )
