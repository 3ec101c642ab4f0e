"""baresip: a headless softphone. Plays a WAV into the call, records what it hears, obeys JSON over TCP."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .programs import Running, free_port, listens, need, running

MODULES = Path("/usr/lib/baresip/modules")


@dataclass
class Baresip:
    """One running softphone."""

    program: Running
    control_port: int
    folder: Path

    def command(self, name: str, params: str = "") -> dict[str, Any]:
        """Send one command and return its answer (`{"response": true, "ok": …, "data": …}`)."""
        with socket.create_connection(("127.0.0.1", self.control_port), timeout=5) as control:
            message = json.dumps({"command": name, "params": params, "token": "t"}).encode()
            control.sendall(str(len(message)).encode() + b":" + message + b",")
            buffer = b""
            while True:
                buffer += control.recv(65536)
                while b":" in buffer:
                    length, _, rest = buffer.partition(b":")
                    if len(rest) < int(length) + 1:
                        break
                    answer: dict[str, Any] = json.loads(rest[: int(length)])
                    buffer = rest[int(length) + 1 :]
                    if answer.get("response"):
                        return answer

    def wait_for_log(self, text: str, *, within_s: float = 15) -> None:
        self.program.wait_for(lambda: text in self.program.text(), f"{text!r} in baresip's log", within_s=within_s)

    def recording(self) -> Path:
        """What it heard, once the call is over (`snd_path`, the decoder's file)."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            files = sorted(self.folder.glob("*dec.wav"))
            if files:
                return files[-1]
            time.sleep(0.1)
        pytest.fail(f"baresip recorded nothing:\n{self.program.text()[-3000:]}")


@contextmanager
def baresip(
    folder: Path,
    *,
    account: str,
    audio: Path,
    answer: bool = False,
    ca: Path | None = None,
) -> Iterator[Baresip]:
    """Run baresip with one account line (`<sip:alice@127.0.0.1:5060;transport=tcp>;auth_pass=…`)."""
    binary = need("baresip")
    folder.mkdir(parents=True, exist_ok=True)
    control = free_port()
    modules = ["g711.so", "aufile.so", "sndfile.so", "ctrl_tcp.so", "account.so", "menu.so"]
    (folder / "config").write_text(
        "\n".join(
            [
                f"module_path {MODULES}",
                *(f"module {m}" for m in modules[:3]),
                *(f"module_app {m}" for m in modules[3:]),
                f"ctrl_tcp_listen 127.0.0.1:{control}",
                f"sip_listen 127.0.0.1:{free_port(socket.SOCK_DGRAM)}",
                *([f"sip_cafile {ca}"] if ca else []),
                f"audio_source aufile,{audio}",
                f"audio_player aufile,{folder / 'unused.wav'}",
                "audio_srate 8000-8000",
                "audio_channels 1-1",
                f"snd_path {folder}",
                "rtp_ports 41000-41999",
                "net_interface 127.0.0.1",
            ]
        )
        + "\n"
    )
    (folder / "accounts").write_text(account + (";answermode=auto" if answer else "") + "\n")
    (folder / "contacts").write_text("")
    with running([binary, "-f", str(folder), "-v"], folder / "baresip.log") as program:
        phone = Baresip(program, control, folder)
        program.wait_for(lambda: listens(control), "baresip's control port")
        yield phone
