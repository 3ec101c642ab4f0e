"""What is measured: the floor program, and Bridgetap itself as a user would start it."""

import json
import shutil
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.cores import Cores
from bench.process import Program
from bench.rest import ACCOUNT, TOKEN, Rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """Binaries, certificates and ports of a run."""

    folder: Path
    binaries: Path
    ca: Path
    certificate: Path
    key: Path
    server_port: int
    callee_port: int
    second_callee_port: int
    http_port: int
    media_ports: tuple[int, int]

    @property
    def database(self) -> Path:
        """Where Bridgetap keeps its rows."""
        return self.folder / "server" / "bridgetap.db"

    def binary(self, name: str) -> Path:
        return self.binaries / name


class Target(Protocol):
    """Something that answers, bridges and forks."""

    @property
    def name(self) -> str: ...
    @property
    def forks(self) -> bool: ...
    def start(self, work: Workplace, cores: Cores, *, sink_port: int) -> Program: ...


class Recorded(Target, Protocol):
    """One whose calls can all be recorded and not, while they go on. `secure`: over TLS, by SRTP."""

    @property
    def secure(self) -> bool: ...
    def record(self, work: Workplace, server: Program) -> None: ...
    def stop_recording(self, work: Workplace, server: Program) -> None: ...


@dataclass(frozen=True, slots=True)
class Floor:
    """The least that can be done: `floor --fork MODE`."""

    mode: str = "immediate"

    @property
    def name(self) -> str:
        return f"floor, {self.mode}"

    @property
    def forks(self) -> bool:
        return self.mode != "none"

    def start(self, work: Workplace, cores: Cores, *, sink_port: int) -> Program:
        program = Program.start(
            cores.measured,
            str(work.binary("floor")),
            *("--sip-port", str(work.server_port), "--callee", f"127.0.0.1:{work.callee_port}"),
            *("--fork", self.mode, "--sink-port", str(sink_port), "--ca", str(work.ca)),
        )
        program.line()
        return program


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridgetap:
    """`bridgetap serve` with one flow: fork both tracks, then connect the call."""

    what: str = ""  # is special about it, for tables and saved figures
    forks: bool = True
    streams: str = ""  # more lines of [streams]
    second: tuple[str, ...] = ()  # stream URLs of a second flow, one track each, for calls to SECOND_NUMBER

    @property
    def name(self) -> str:
        what = self.what if self.forks else "no fork"
        return f"bridgetap, {what}" if what else "bridgetap"

    def start(self, work: Workplace, cores: Cores, *, sink_port: int) -> Program:
        folder = work.folder / "server"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        forks = [f"wss://localhost:{sink_port}/media"] if self.forks else []
        first = _flow(forks, tracks="both_tracks", callee_port=work.callee_port)
        second = _flow(self.second, tracks="inbound_track", callee_port=work.second_callee_port)
        (folder / "flow.json").write_text(json.dumps(first))
        (folder / "second.json").write_text(json.dumps(second))
        (folder / "bridgetap.toml").write_text(_configuration(work, self.streams) + self._more(sink_port))
        command = (sys.executable, "-m", "bridgetap", "serve", "--config", str(folder / "bridgetap.toml"))
        program = Program.start(cores.measured, *command, cwd=folder, log=work.folder / "server.log")
        _wait_until_ready(work.http_port, program)
        return program

    def _more(self, sink_port: int) -> str:
        """More of the configuration."""
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedBridgetap(Bridgetap):
    """Its calls are relayed until they are recorded."""

    forks: bool = False
    secure: bool = False

    @property
    def name(self) -> str:
        return "bridgetap, SRTP" if self.secure else "bridgetap"

    def record(self, work: Workplace, server: Program) -> None:
        Rest(work.http_port).record(CONNECTOR)

    def stop_recording(self, work: Workplace, server: Program) -> None:
        Rest(work.http_port).stop_recording(CONNECTOR)

    def _more(self, sink_port: int) -> str:
        """Pings are off: the media is measured, and rtpengine has no signalling either."""
        return f"""
[[connectors]]
name = "{CONNECTOR}"
recorders = ["sip:recorder@localhost:{sink_port};transport={"tls" if self.secure else "tcp"}"]
secure = {str(self.secure).lower()}
ping_s = 0
"""


SECOND_NUMBER = "+15550009999"
CONNECTOR = "bench"


def _flow(urls: Sequence[str], *, tracks: str, callee_port: int) -> dict[str, object]:
    """Fork to each, then connect."""
    forks: list[dict[str, object]] = [
        {
            "name": f"fork{number}",
            "type": "fork-stream",
            "transitions": [{"event": "next", "next": f"fork{number + 1}" if number + 1 < len(urls) else "connect"}],
            "properties": {
                "stream_action": "start",
                "stream_name": f"bench{number}",
                "stream_track": tracks,
                "stream_transport_type": "websocket",
                "stream_url": url,
            },
        }
        for number, url in enumerate(urls)
    ]
    connect = {
        "name": "connect",
        "type": "connect-call-to",
        "transitions": [{"event": "callCompleted"}, {"event": "hangup"}],
        "properties": {"noun": "sip", "sip_endpoint": f"sip:callee@127.0.0.1:{callee_port}"},
    }
    trigger = {
        "name": "Trigger",
        "type": "trigger",
        "transitions": [{"event": "incomingCall", "next": "fork0" if urls else "connect"}],
        "properties": {},
    }
    return {"description": "bench", "states": [trigger, *forks, connect], "initial_state": "Trigger"}


def _configuration(work: Workplace, streams: str) -> str:
    return f"""
[sip]
listen = ["udp://127.0.0.1:{work.server_port}", "tcp://127.0.0.1:{work.server_port}"]
trusted_ca = "{work.ca}"
[media]
threads = 1
ports = [{work.media_ports[0]}, {work.media_ports[1]}]
[account]
sid = "{ACCOUNT}"
auth_token = "{TOKEN}"
[http]
listen = "127.0.0.1:{work.http_port}"
[streams]
trusted_ca = "{work.ca}"
allow_networks = ["127.0.0.0/8"]
{streams}
[[numbers]]
number = "{SECOND_NUMBER}"
flow = "second.json"
[[numbers]]
number = "*"
flow = "flow.json"
[[trunks]]
name = "load"
uri = "sip:127.0.0.1:{work.callee_port}"
match = ["+"]
allow_from = ["127.0.0.1/32"]
max_calls = 5000
"""


def _wait_until_ready(port: int, program: Program, *, within_s: float = 30) -> None:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if program.process.poll() is not None:
            raise RuntimeError(f"the server ended with {program.process.returncode}: see its log")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"the server was not ready within {within_s} s")


def free_port(kind: socket.SocketKind) -> int:
    """A port of 127.0.0.1 that is free now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
