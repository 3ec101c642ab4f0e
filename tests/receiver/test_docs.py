"""The manual's first program is one that runs: it listens, takes a stream and prints levels."""

import re
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

import bridgetap.receiver
from bridgetap.receiver import Receiver, server_tls
from bridgetap.receiver.authority import make_authority

from .frames import connected, media, start, stop

MANUAL = Path(bridgetap.receiver.__path__[0]).parents[2] / "docs" / "receiver.md"


async def test_the_first_program_of_the_manual(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    match = re.search(r"```python\n(.*?)```", MANUAL.read_text(), re.DOTALL)
    assert match is not None
    source, runs, _ = match[1].partition("asyncio.run(main())")
    assert runs
    assert len([line for line in match[1].splitlines() if line.strip()]) <= 10
    program: dict[str, Any] = {}
    exec(compile(source, str(MANUAL), "exec"), program)
    authority = make_authority(tmp_path)
    tls = server_tls(authority.certificate_file, authority.key_file)
    async with Receiver.serve(program["listen"], ssl=tls, auth_token=None) as receiver:
        url = f"wss://localhost:{receiver.port}/"
        async with connect(url, ssl=authority.client_context(), host="127.0.0.1") as socket:
            for frame in (connected(), start("inbound"), media(2, "inbound", 1), media(3, "inbound", 2), stop(4)):
                await socket.send(frame)
    assert capsys.readouterr().out == "   0.00 s  inbound    -96.0 dBFS\n   0.02 s  inbound    -96.0 dBFS\n"


def test_every_name_of_the_kit_is_in_the_manual() -> None:
    manual = MANUAL.read_text()
    internal = {"Session", "Connected", "Start", "Message", "MediaFormat", "TrackFigures", "Faults", "Refusal", "Track"}
    assert [name for name in bridgetap.receiver.__all__ if name not in internal and name not in manual] == []
