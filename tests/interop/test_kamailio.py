"""Kamailio as a carrier that challenges with SHA-256, and as the TLS front of a peer that speaks none."""

from pathlib import Path

from . import kamailio, sipp
from .certificates import Authority
from .parties import TRUNK
from .programs import free_port_both, running
from .raw_phone import raw_phone
from .server import connect_flow, serve

CALLS = 5


def _number_flow(number: str) -> dict[str, object]:
    flow = connect_flow("sip:unused@127.0.0.1:9")
    for state in flow["states"]:
        if state["name"] == "connect":
            state["properties"] = {"noun": "number", "to": number, "timeout": 10}
    return flow


async def test_a_trunk_with_sha256_digest(tmp_path: Path) -> None:
    with kamailio.digest_server(tmp_path / "carrier", username="bridgetap", password="s3cret") as (port, carrier):
        trunk = f"""
[[trunks]]
name = "carrier"
uri = "sip:127.0.0.1:{port}"
match = ["+"]
username = "bridgetap"
password = "s3cret"
register = true
ping_s = 1
"""
        flow = _number_flow("+15558889999")
        with serve(tmp_path / "server", flow=flow, settings=TRUNK + trunk) as server:
            server.program.wait_for(lambda: '"state": "registered"' in server.program.text(), "registration")
            async with raw_phone(("127.0.0.1", server.sip_port)) as caller:
                await caller.call()
                await caller.receive()  # the BYE: the flow has ended, for the carrier is busy
            server.program.wait_for(lambda: all(call["end_time"] for call in server.calls()), "end of both calls")
            # Busy is what the carrier says to those whose digest is right; the others get a challenge.
            statuses = {call["direction"]: call["status"] for call in server.calls()}
            assert statuses == {"inbound": "completed", "outbound-dial": "busy"}
            assert "s3cret" not in server.program.text()
    assert "s3cret" not in carrier.text()


def test_tls_by_a_peer_behind_kamailio(
    tmp_path: Path, authority: Authority, localhost: tuple[Path, Path], tone_files: Path
) -> None:
    callee_port = free_port_both()
    folders = [tmp_path / name for name in ("caller", "callee")]
    for folder in folders:
        folder.mkdir()
        for audio in tone_files.glob("*.ulaw"):
            (folder / audio.name).write_bytes(audio.read_bytes())
    flow = connect_flow(f"sip:callee@127.0.0.1:{callee_port}")
    certificate, key = localhost
    with (
        serve(tmp_path / "server", flow=flow, settings=TRUNK, certificate=localhost) as server,
        kamailio.tls_front(
            tmp_path / "kamailio", certificate=certificate, key=key, ca=authority.path, target_tls_port=server.tls_port
        ) as (front, _),
    ):
        callee = sipp.Party(scenario="uas", calls=CALLS)
        caller = sipp.Party(scenario="uac", calls=CALLS, rate=CALLS, stay_ms=1000)
        uas = callee.command(folders[1], server=server.address, port=callee_port)
        uac = caller.command(folders[0], server=f"127.0.0.1:{front}")
        with (
            running(uas, folders[1] / "sipp.log", cwd=folders[1]) as callees,
            running(uac, folders[0] / "sipp.log", cwd=folders[0]) as callers,
        ):
            callers.wait(within_s=60)
            callees.wait(within_s=30)
            for program, folder in ((callers, folders[0]), (callees, folders[1])):
                assert sipp.result(program, folder).successful == CALLS, program.text()[-3000:]
        server.program.wait_for(lambda: all(call["end_time"] for call in server.calls()), "end of every call")
        assert [call["status"] for call in server.calls()] == ["completed"] * 2 * CALLS
