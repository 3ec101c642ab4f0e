"""What is measured beside Bridgetap's recordings: Debian's rtpengine in user space, forking by `subscribe`."""

import shutil
import socket
import sys
from dataclasses import dataclass

from bench.cores import Cores
from bench.process import Program
from bench.targets import Workplace, free_port


def installed() -> bool:
    return shutil.which("rtpengine") is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rtpengine:
    """It relays the calls, and sends what each party says to the recorder while they are recorded."""

    name: str = "rtpengine"
    forks: bool = False  # none before they are recorded
    secure: bool = False

    def start(self, work: Workplace, cores: Cores, *, sink_port: int) -> Program:
        control = free_port(socket.SOCK_DGRAM)
        engine = Program.start(
            cores.measured,
            *("rtpengine", "--config-file=none", "--table=-1", "--foreground", "--log-stderr", "--log-level=1"),
            *("--interface=127.0.0.1", f"--listen-ng=127.0.0.1:{control}", "--num-threads=1"),
            *(f"--port-min={work.media_ports[0]}", f"--port-max={work.media_ports[1]}", "--delete-delay=0"),
            log=work.folder / "rtpengine.log",
        )
        try:
            signalling = Program.start(
                cores.others,
                *(sys.executable, "-m", "bench.rtpengine_calls"),
                *("--sip-port", str(work.server_port), "--phones", str(work.callee_port)),
                *("--control", str(control), "--recorder", str(sink_port)),
            )
            engine.followers.append(signalling)
            signalling.line()
        except BaseException:
            engine.stop()
            raise
        return engine

    def record(self, work: Workplace, server: Program) -> None:
        _tell(server, "record")

    def stop_recording(self, work: Workplace, server: Program) -> None:
        _tell(server, "stop")


def _tell(engine: Program, word: str) -> None:
    (signalling,) = engine.followers
    signalling.tell(word)
    if (done := signalling.line()) != "done":
        raise RuntimeError(f"the signalling says {done!r} to {word}")
