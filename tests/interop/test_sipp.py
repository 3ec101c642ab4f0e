"""sipp on both sides: many calls at once, lost signalling, TCP, IPv6."""

from pathlib import Path

import pytest

from . import sipp
from .programs import free_port_both, running
from .server import Server, connect_flow, serve

TRUNK = """
[[trunks]]
name = "sipp"
uri = "sip:{callee}"
allow_from = ["127.0.0.0/8", "::1/128"]
ping_s = 0
"""


def _calls(
    tmp_path: Path,
    tone_files: Path,
    *,
    calls: int,
    rate: int,
    transport: str = "u1",
    host: str = "127.0.0.1",
    extra: tuple[str, ...] = (),
) -> tuple[sipp.Result, sipp.Result, Server]:
    """`calls` callers through a server to as many callees; what both sipps counted."""
    literal = f"[{host}]" if ":" in host else host
    callee_port = free_port_both(host=host)
    suffix = ";transport=tcp" if transport == "t1" else ""
    callee = f"{literal}:{callee_port}{suffix}"
    folders = [tmp_path / name for name in ("caller", "callee")]
    for folder in folders:
        folder.mkdir()
        for audio in tone_files.glob("*.ulaw"):
            (folder / audio.name).write_bytes(audio.read_bytes())
    with serve(
        tmp_path / "server", flow=connect_flow(f"sip:callee@{callee}"), settings=TRUNK.format(callee=callee), host=host
    ) as server:
        uas = sipp.command("uas", remote=server.address, local_port=callee_port, calls=calls, transport=transport)
        uac = sipp.command("uac", remote=server.address, calls=calls, rate=rate, transport=transport, extra=extra)
        with (
            running(uas, folders[1] / "sipp.log", cwd=folders[1]) as callees,
            running(uac, folders[0] / "sipp.log", cwd=folders[0]) as callers,
        ):
            callers.wait(within_s=100)
            callees.wait(within_s=40)
            results = sipp.result(callers, folders[0]), sipp.result(callees, folders[1])
            completed = [call for call in server.calls() if call["status"] == "completed"]
            assert len(completed) == 2 * calls, [call["status"] for call in server.calls()]
            assert {call["direction"] for call in completed} == {"inbound", "outbound-dial"}
    return *results, server


def test_fifty_calls_at_once(tmp_path: Path, tone_files: Path) -> None:
    callers, callees, _ = _calls(tmp_path, tone_files, calls=50, rate=25)
    assert (callers.successful, callers.failed) == (50, 0)
    assert (callees.successful, callees.failed) == (50, 0)


def test_lost_signalling_costs_no_call(tmp_path: Path, tone_files: Path) -> None:
    callers, callees, _ = _calls(tmp_path, tone_files, calls=20, rate=10, extra=("-lost", "10"))
    assert (callers.successful, callers.failed) == (20, 0)
    assert callees.failed == 0
    assert callers.retransmissions > 0, "nothing was lost: the test showed nothing"


@pytest.mark.parametrize(("transport", "host"), [("t1", "127.0.0.1"), ("u1", "::1"), ("t1", "::1")])
def test_other_transports(tmp_path: Path, tone_files: Path, transport: str, host: str) -> None:
    callers, callees, _ = _calls(tmp_path, tone_files, calls=5, rate=5, transport=transport, host=host)
    assert (callers.successful, callees.successful) == (5, 5)
