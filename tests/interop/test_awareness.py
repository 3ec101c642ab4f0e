"""Who wants to know that it is recorded, and who never asked: two parties that nobody here wrote (checklist 67)."""

from pathlib import Path

from . import sipp
from .programs import free_port_both, running
from .recorder import sipp_recorder
from .server import connect_flow, serve
from .sipp import Party, Result
from .test_sipp import TRUNK

CONNECTOR = """
[[connectors]]
name = "srs"
recorders = ["sip:recorder@127.0.0.1:{port};transport=udp"]
"""


def test_a_caller_that_is_record_aware_is_told_each_change_and_its_callee_not_a_word(
    tmp_path: Path, tone_files: Path
) -> None:
    """67: on, paused, on and off, each by a re-INVITE of its own; one more, or another word, and a call has failed."""
    folders = {name: tmp_path / name for name in ("aware", "unaware")}
    for folder in folders.values():
        folder.mkdir()
        for audio in tone_files.glob("*.ulaw"):
            (folder / audio.name).symlink_to(audio)
    callee_port = free_port_both()
    callee = f"127.0.0.1:{callee_port}"
    with sipp_recorder(tmp_path / "recorder", calls=1) as (port, recorder):
        flow = connect_flow(f"sip:callee@{callee}", connector="srs")
        settings = TRUNK.format(callee=callee) + CONNECTOR.format(port=port)
        with serve(tmp_path / "server", flow=flow, settings=settings) as server:
            command = Party(scenario="unaware", calls=1).command(
                folders["unaware"], server=server.address, port=callee_port
            )
            with running(command, tmp_path / "unaware.log", cwd=folders["unaware"]) as uas:
                uas.wait_for(lambda: sipp.answers(callee_port), "callee")
                command = Party(scenario="aware", calls=1).command(folders["aware"], server=server.address)
                with running(command, tmp_path / "aware.log", cwd=folders["aware"]) as uac:

                    def told(*words: str) -> None:
                        want = [f"told {word}" for word in words]
                        uac.wait_for(lambda: sipp.said(folders["aware"]) == want, f"{want}")

                    told("on")
                    server.program.wait_for(
                        lambda: sorted(call["status"] for call in server.calls()) == ["in-progress"] * 2, "talk"
                    )
                    (sid,) = [call["sid"] for call in server.calls() if call["direction"] == "inbound"]
                    server.post(f"Calls/{sid}/Siprec/tap.json", Status="paused")
                    told("on", "paused")
                    server.post(f"Calls/{sid}/Siprec/tap.json", Status="in-progress")
                    told("on", "paused", "on")
                    server.post(f"Calls/{sid}/Siprec/tap.json", Status="stopped")
                    uac.wait(within_s=20)
                uas.wait(within_s=20)
            server.program.wait_for(
                lambda: all(call["status"] == "completed" for call in server.calls()), "end of the call"
            )
        recorder.wait(within_s=20)
        assert sipp.said(folders["aware"]) == ["told on", "told paused", "told on", "told off"]
        for program, folder in ((uac, folders["aware"]), (uas, folders["unaware"])):
            result = sipp.result(program, folder)
            assert (result.successful, result.failed) == (1, 0), program.text()[-3000:]
        assert sipp.result(recorder, tmp_path / "recorder") == Result(successful=1, failed=0, retransmissions=0)
