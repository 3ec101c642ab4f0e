"""A whole server whose connectors have TLS files of their own, at a recorder that lets in only whom it knows."""

from pathlib import Path

import pytest

from bridgetap.recorder import RecorderConfig, open_recorder
from tests.interop.certificates import Authority
from tests.interop.tones import CALLEE_HZ, CALLER_HZ
from tests.recorder.stage import seconds_of

from .live import live
from .test_live_siprec import heard, over, unhurt, widget

pytest.importorskip("bridgetap._engine", reason="the compiled core was not built")

CONNECTORS = """
[[connectors]]
name = "srs"
recorders = ["{uri}"]
trusted_ca = "theirs/ca.pem"
client_certificate = "ours/us.pem"
client_key = "ours/us.key"
mirrors = ["bare", "usual"]

[[connectors]]
name = "bare"
recorders = ["{uri}"]
trusted_ca = "theirs/ca.pem"

[[connectors]]
name = "usual"
recorders = ["{uri}"]
"""


def authority(folder: Path) -> Authority:
    folder.mkdir()
    return Authority.make(folder, f"{folder.name} CA")


async def test_only_the_connector_with_the_certificate_records_and_the_log_says_why_the_others_do_not(
    tmp_path: Path,
) -> None:
    """68: three connectors at one recorder at once: none gets what another one's files have opened."""
    theirs, ours = authority(tmp_path / "theirs"), authority(tmp_path / "ours")
    certificate, key = theirs.issue(theirs.path.parent, "server")
    ours.issue(ours.path.parent, "us", names=("us",))
    config = RecorderConfig(
        folder=tmp_path / "recordings",
        listen=("tls://127.0.0.1:0",),
        certificate=certificate,
        key=key,
        client_ca=ours.path,
    )
    async with (
        open_recorder(config) as recorder,
        live(tmp_path, widget, more=CONNECTORS.format(uri=recorder.uri("tls"))) as stage,
    ):
        caller, callee = await stage.talk()
        caller.play(CALLER_HZ)
        callee.play(CALLEE_HZ)
        recording = await recorder.recording(0)
        await heard(recording, 2.0)
        await unhurt(caller, callee)
        callee.hang_up()
        await over(recording)
        await stage.over()
        call = (await stage.rows())[0]
        notes = await stage.server.store.notifications.of_call(call.sid)
        assert recorder.count == 1
    told = [note.message for note in notes if note.code == 31910]
    assert all(note.level == "warning" for note in notes)
    assert any("connector bare" in message and "client certificate" in message for message in told), told
    assert any("connector usual" in message and "refused" in message for message in told), told
    for number, hz in ((1, CALLER_HZ), (2, CALLEE_HZ)):
        assert seconds_of(tmp_path / "recordings" / "recording-1" / f"track-{number}.wav", hz) >= 0.5
