"""The manual's program is one that runs: it listens, takes a stream and writes its WAV file."""

import re
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect

import bridgetap.receiver
from bridgetap.receiver import Receiver
from bridgetap.receiver.authority import make_authority

from .frames import MZ, connected, media, start, stop

MANUAL = Path(bridgetap.receiver.__path__[0]).parents[2] / "docs" / "receiver.md"


async def test_the_program_of_the_manual(tmp_path: Path, monkeypatch: Any) -> None:
    match = re.search(r"```python\n(.*?)```", MANUAL.read_text(), re.DOTALL)
    assert match is not None
    source, runs, _ = match[1].partition("asyncio.run(main())")
    assert runs
    program: dict[str, Any] = {}
    exec(compile(source, str(MANUAL), "exec"), program)
    monkeypatch.chdir(tmp_path)
    authority = make_authority(tmp_path)
    async with Receiver.serve(program["listen"], ssl=authority.server_context(), auth_token=None) as receiver:
        url = f"wss://localhost:{receiver.port}/"
        async with connect(url, ssl=authority.client_context(), host="127.0.0.1") as socket:
            for frame in (connected(), start("inbound"), media(2, "inbound", 1), stop(3)):
                await socket.send(frame)
    assert (tmp_path / f"{MZ}.wav").stat().st_size == 44 + 2 * 2 * 160
