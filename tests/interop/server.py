"""`bridgetap serve` as an operator starts it: a configuration file, a process, its REST API and its logs."""

import base64
import json
import socket
import sqlite3
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .programs import Running, free_port, free_port_both, running

ACCOUNT = "AC" + "0" * 32
TOKEN = "interop-token-0123456789"


@dataclass
class Server:
    """A running server."""

    program: Running
    folder: Path
    host: str
    sip_port: int
    tls_port: int
    http_port: int

    @property
    def address(self) -> str:
        return f"[{self.host}]:{self.sip_port}" if ":" in self.host else f"{self.host}:{self.sip_port}"

    def get(self, path: str) -> dict[str, Any]:
        """GET below the account, e.g. `Calls.json`."""
        with urllib.request.urlopen(self._request(path), timeout=5) as response:
            answer: dict[str, Any] = json.load(response)
            return answer

    def post(self, path: str, **form: str) -> None:
        """POST below the account."""
        request = self._request(path)
        request.data = urllib.parse.urlencode(form).encode()
        urllib.request.urlopen(request, timeout=5).close()

    def calls(self) -> list[dict[str, Any]]:
        """Every call the server knows, newest first."""
        found: list[dict[str, Any]] = self.get("Calls.json?PageSize=1000")["calls"]
        return found

    def rows(self, table: str) -> list[dict[str, Any]]:
        """A table of the server's own store."""
        with closing(sqlite3.connect(self.folder / "bridgetap.db")) as store:
            store.row_factory = sqlite3.Row
            return [dict(row) for row in store.execute(f"SELECT * FROM {table}")]

    def ended_stream(self) -> dict[str, Any]:
        """The one stream's row, once it has its end (rows are written in batches)."""
        self.program.wait_for(lambda: all(row["ended_ns"] for row in self.rows("streams")), "the stream's end")
        (row,) = self.rows("streams")
        return row

    def streams(self) -> dict[str, dict[str, Any]]:
        """Every stream's row by name, once each has its end."""
        self.program.wait_for(lambda: all(row["ended_ns"] for row in self.rows("streams")), "every stream's end")
        return {row["name"]: row for row in self.rows("streams")}

    def resident_bytes(self) -> int:
        """The process's memory now."""
        status = Path(f"/proc/{self.program.process.pid}/status").read_text()
        return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))

    def _request(self, path: str) -> urllib.request.Request:
        credentials = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        return urllib.request.Request(
            f"http://127.0.0.1:{self.http_port}/2010-04-01/Accounts/{ACCOUNT}/{path}",
            headers={"Authorization": f"Basic {credentials}"},
        )

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/readyz", timeout=1):
                return True
        except (urllib.error.URLError, OSError):
            return False


def connect_flow(uri: str, *, stream_url: str | None = None, connector: str | None = None) -> dict[str, Any]:
    """The seed's flow: fork both tracks (when a URL or a connector is given), connect the call, stop the fork."""
    forks = stream_url is not None or connector is not None
    fork = {
        "stream_transport_type": "siprec" if connector else "websocket",
        "stream_name": "tap",
    }
    states: list[dict[str, Any]] = [
        {
            "name": "Trigger",
            "type": "trigger",
            "transitions": [{"event": "incomingCall", "next": "start" if forks else "connect"}],
            "properties": {},
        },
        {
            "name": "connect",
            "type": "connect-call-to",
            "transitions": [
                {"event": "callCompleted", **({"next": "stop"} if forks else {})},
                {"event": "hangup"},
            ],
            "properties": (
                {"noun": "client", "to": uri.removeprefix("client:"), "timeout": 20}
                if uri.startswith("client:")
                else {"noun": "sip", "sip_endpoint": uri, "timeout": 20}
            ),
        },
    ]
    if forks:
        to = {"stream_connector": connector} if connector else {"stream_url": stream_url}
        start = {**fork, **to, "stream_action": "start", "stream_track": "both_tracks"}
        states += [
            {
                "name": "start",
                "type": "fork-stream",
                "transitions": [{"event": "next", "next": "connect"}],
                "properties": start,
            },
            {
                "name": "stop",
                "type": "fork-stream",
                "transitions": [{"event": "next"}],
                "properties": {**fork, "stream_action": "stop"},
            },
        ]
    return {"description": "interop", "states": states, "initial_state": "Trigger"}


@contextmanager
def serve(
    folder: Path,
    *,
    flow: dict[str, Any] | None = None,
    runs: str = 'flow = "flow.json"',
    settings: str = "",
    host: str = "127.0.0.1",
    certificate: tuple[Path, Path] | None = None,
    streams: str = "",
    sip: str = "",
    number: str = "*",
    http_port: int | None = None,
) -> Iterator[Server]:
    """Start a server whose `number` runs `flow`, or what `runs` says; `settings` is TOML added at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    sip_port, tls_port = free_port_both(host=host), free_port(host=host)
    http_port = http_port or free_port(socket.SOCK_STREAM)
    literal = f"[{host}]" if ":" in host else host
    listen = [f"udp://{literal}:{sip_port}", f"tcp://{literal}:{sip_port}"]
    tls = ""
    if certificate is not None:
        listen.append(f"tls://{literal}:{tls_port}")
        tls = f'tls_certificate = "{certificate[0]}"\ntls_key = "{certificate[1]}"\n'
    if flow is not None:
        (folder / "flow.json").write_text(json.dumps(flow))
    (folder / "bridgetap.toml").write_text(
        f"""
[sip]
listen = {json.dumps(listen)}
{tls}{sip}
[media]
ports = [20000, 29999]
[http]
listen = "127.0.0.1:{http_port}"
[account]
sid = "{ACCOUNT}"
auth_token = "{TOKEN}"
[streams]
allow_networks = ["127.0.0.0/8", "::1/128"]
{streams}
[[numbers]]
number = "{number}"
{runs}
{settings}
"""
    )
    command = [sys.executable, "-m", "bridgetap", "serve", "--config", str(folder / "bridgetap.toml")]
    with running(command, folder / "server.log", cwd=folder) as program:
        server = Server(program, folder, host, sip_port, tls_port, http_port)
        program.wait_for(server.ready, "readiness")
        yield server
