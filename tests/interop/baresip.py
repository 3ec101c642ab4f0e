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

from .programs import Running, free_port, free_port_both, listens, need, running

MODULES = Path("/usr/lib/baresip/modules")


@dataclass
class Baresip:
    """One running softphone."""

    program: Running
    control_port: int
    folder: Path

    def command(self, name: str, params: str = "") -> str:
        """Have one command carried out; what it answered."""
        with socket.create_connection(("127.0.0.1", self.control_port), timeout=5) as control:
            message = json.dumps({"command": name, "params": params, "token": "t"}).encode()
            control.sendall(str(len(message)).encode() + b":" + message + b",")
            buffer = b""
            while True:
                received = control.recv(65536)
                assert received, f"baresip closed its control connection:\n{self.program.text()[-3000:]}"
                buffer += received
                while b":" in buffer:
                    length, _, rest = buffer.partition(b":")
                    if len(rest) < int(length) + 1:
                        break
                    answer: dict[str, Any] = json.loads(rest[: int(length)])
                    buffer = rest[int(length) + 1 :]
                    if answer.get("response"):
                        assert answer["ok"], f"{name} {params}: {answer}"
                        return str(answer["data"])

    def wait_for_log(self, text: str, *, within_s: float = 15) -> None:
        self.program.wait_for(lambda: text in self.program.text(), f"{text!r} in baresip's log", within_s=within_s)

    def log_line(self, text: str) -> str:
        """The first line of its log that holds `text`, with its line break."""
        return next((line for line in self.program.text().splitlines(keepends=True) if text in line), "")

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
) -> Iterator[Baresip]:
    """Run baresip with one account line (`<sip:alice@127.0.0.1:5060;transport=tcp>;auth_pass=…`).

    This one (1.0.0) looks up no names and checks no certificate: that others are checked is Kamailio's test.
    """
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
                f"sip_listen 127.0.0.1:{free_port_both()}",
                f"audio_source aufile,{audio}",
                f"audio_player aufile,{folder / 'unused.wav'}",
                "audio_srate 8000-8000",
                "audio_channels 1-1",
                f"snd_path {folder}",
                "rtp_ports 41000-41999",
                "net_interface 127.0.0.1",  # an interface's name would not do for loopback
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
