"""One pass of calls that are recorded by turns: the same calls, in the same process, with copies and without.

What a copy costs is a difference of a tenth of what the calls cost. Between two starts of a server a shared machine
moves them by more than that; between two windows a few seconds apart it seldom does.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.cores import Cores
from bench.process import Program, cpu_ms, steal_ms
from bench.run import event
from bench.targets import Recorded, Workplace

CPS = 50  # calls a second
BEGUN_WITHIN_S = 60
SETTLE_S = 2  # after the last recording has begun or ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """So long the server was looked at, and CPU is its own. `copied`: RTP packets that the recorder heard meanwhile."""

    seconds: float
    cpu_ms: float
    copied: int = 0
    steal_percent: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """What one pass showed. Windows without copies and with them take turns; the first and the last are without.

    Of the whole pass: `tracks`, that the recorder heard when the fewest had begun; `numbers_missing`, sequence numbers
    passed over; `audio_gaps`, places where a track leaves out what the party said or says it twice, `None` where copies
    are encrypted; `overflowed`, packets that came and that the recorder was too late to take.
    """

    target: str
    calls: int
    windows: tuple[Window, ...]
    tracks: int
    numbers_missing: int
    disordered: int
    audio_gaps: int | None
    overflowed: int
    copy_p99_ms: float
    rtp_missing: int
    load_late_p99_ms: float
    failed: int

    def costs_us(self) -> list[float]:
        """CPU of a copied packet in microseconds, for each window with copies: what it takes more than its neighbours,
        divided by its copies. `ValueError` where none was copied."""
        trios = zip(self.windows[::2], self.windows[1::2], self.windows[2::2], strict=False)
        return [self._cost_us(before, recorded, after) for before, recorded, after in trios]

    def _cost_us(self, before: Window, recorded: Window, after: Window) -> float:
        if not recorded.copied:
            raise ValueError(f"{self.target}: no packet was copied in {recorded.seconds:.0f} s")
        plain_ms_per_s = (before.cpu_ms / before.seconds + after.cpu_ms / after.seconds) / 2
        return 1000 * (recorded.cpu_ms - plain_ms_per_s * recorded.seconds) / recorded.copied

    @property
    def copied(self) -> int:
        return sum(window.copied for window in self.windows)


def measure_copies(
    target: Recorded, work: Workplace, cores: Cores, *, calls: int, seconds: float, windows: int
) -> Copies:
    """Run one pass of so many windows with copies. `RuntimeError` when a program ends early or recordings do not begin
    or end in time."""
    started: list[Program] = []
    try:
        files = ("--cert", str(work.certificate), "--key", str(work.key)) if target.secure else ()
        recorder = Program.start(cores.others, str(work.binary("recorder")), *files)
        started.append(recorder)
        server = target.start(work, cores, sink_port=int(recorder.line().split()[1]))
        started.append(server)
        load = Program.start(
            cores.others,
            str(work.binary("load")),
            *("--server", f"127.0.0.1:{work.server_port}", "--sip-port", str(work.callee_port)),
            *("--calls", str(calls), "--cps", str(CPS), "--settle", str(SETTLE_S)),
        )
        started.append(load)
        up = event(load, "up")
        event(load, "window-start")
        seen, tracks = [_window(server, recorder, seconds)], 2 * up["calls"]
        for _ in range(windows):
            _asked(recorder, "anew")
            target.record(server)
            begun = _wait_until(lambda: _asked(recorder)["tracks"] >= 2 * up["calls"])
            tracks = min(tracks, 2 * up["calls"] if begun else _asked(recorder)["tracks"])
            if not tracks:
                raise RuntimeError(f"{target.name}: no recording has begun within {BEGUN_WITHIN_S} s")
            time.sleep(SETTLE_S)
            seen.append(_window(server, recorder, seconds))
            target.stop_recording(server)
            if not _wait_until(lambda: _is_quiet(recorder)):
                raise RuntimeError(f"{target.name}: recordings go on {BEGUN_WITHIN_S} s after they were stopped")
            time.sleep(SETTLE_S)
            seen.append(_window(server, recorder, seconds))
        load.tell("")
        report = event(load, "report")
        end = _asked(recorder)
    finally:
        for program in reversed(started):
            program.stop()
    return Copies(
        target=target.name,
        calls=up["calls"],
        windows=tuple(seen),
        tracks=tracks,
        numbers_missing=end["missing"],
        disordered=end["disordered"],
        audio_gaps=None if target.secure else end["stamp_gaps"],
        overflowed=end["overflowed"],
        copy_p99_ms=end["latency"]["p99"],
        rtp_missing=report["sent"] - report["heard"],
        load_late_p99_ms=report["late"]["p99"],
        failed=report["failed"],
    )


def _window(server: Program, recorder: Program, seconds: float) -> Window:
    began, used, stolen, copied = time.monotonic(), cpu_ms(server.pid), steal_ms(), _asked(recorder)["packets"]
    time.sleep(seconds)
    used, stolen, copied = cpu_ms(server.pid) - used, steal_ms() - stolen, _asked(recorder)["packets"] - copied
    lasted = time.monotonic() - began
    return Window(seconds=lasted, cpu_ms=used, copied=copied, steal_percent=stolen / lasted / 10)


def _is_quiet(recorder: Program) -> bool:
    heard: int = _asked(recorder)["packets"]
    time.sleep(0.2)
    return bool(_asked(recorder)["packets"] == heard)


def _wait_until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + BEGUN_WITHIN_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _asked(recorder: Program, line: str = "") -> dict[str, Any]:
    report: dict[str, Any] = json.loads(recorder.ask(line))
    return report
