"""Programs that nobody here wrote: found on the machine or their test is skipped, started on loopback, ended by pid."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def need(name: str) -> str:
    """The path of a program, or this test is skipped and says what would bring it."""
    found = shutil.which(name, path=PATH)
    if found is None:
        pytest.skip(f"{name} is not installed: run `make test-peers`")
    return found


@dataclass
class Running:
    """A started program and where its output goes."""

    process: subprocess.Popen[bytes]
    log: Path

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_for(self, condition: Callable[[], bool], what: str, *, within_s: float = 20) -> None:
        """Wait until something is so; the program's log is in the failure's text."""
        deadline = time.monotonic() + within_s
        while not condition():
            if self.process.poll() is not None:
                pytest.fail(f"{self.process.args!r} ended with {self.process.returncode} before {what}:\n{self.text()}")
            if time.monotonic() > deadline:
                pytest.fail(f"no {what} within {within_s} s:\n{self.text()[-4000:]}")
            time.sleep(0.05)

    def wait(self, *, within_s: float) -> int:
        """Its exit status; a program that goes on for longer is a failure."""
        try:
            return self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            pytest.fail(f"{self.process.args!r} still runs after {within_s} s:\n{self.text()[-4000:]}")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@contextmanager
def running(
    command: list[str], log: Path, *, cwd: Path | None = None, env: dict[str, str] | None = None
) -> Iterator[Running]:
    """Start a program and end it when the block ends."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env={**os.environ, **(env or {})},
        )
    program = Running(process, log)
    try:
        yield program
    finally:
        program.stop()


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM, *, host: str = "127.0.0.1") -> int:
    """A port that is free now, for TCP or UDP."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def free_port_both(*, host: str = "127.0.0.1") -> int:
    """A port that is free for TCP and UDP alike."""
    while True:
        port = free_port(socket.SOCK_DGRAM, host=host)
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port


def listens(port: int, *, host: str = "127.0.0.1") -> bool:
    """Whether something accepts TCP connections there."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((host, port)) == 0


def peers_of(pid: int) -> set[tuple[str, str]]:
    """The established IPv4 TCP connections of a process: its own address and its peer's, as `host:port`."""
    sockets = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):  # closed while we look
            sockets.add(str(descriptor.readlink()))
    found = set()
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state, *_, inode = line.split()[:10]
        if state == "01" and f"socket:[{inode}]" in sockets:
            found.add((_address(local), _address(remote)))
    return found


def _address(text: str) -> str:
    """As the kernel prints it: hexadecimal, the address in the machine's byte order."""
    host, port = text.split(":")
    return f"{socket.inet_ntoa(int(host, 16).to_bytes(4, sys.byteorder))}:{int(port, 16)}"
