"""One pass of two servers side by side on one core, each with the same calls, of which one's are recorded, by turns.

What a copy costs is a difference of a third of what the calls cost, and on a shared machine the same calls cost half
as much again from one minute to the next. So both are looked at in the same seconds; and because no two servers are
alike, the difference is taken twice, with their parts exchanged.
"""

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from bench.cores import Cores
from bench.process import Program, cpu_ms, steal_ms
from bench.run import event
from bench.targets import Recorded, Workplace

CPS = 50  # calls a second
WITHIN_S = 60  # every recording has begun or ended
SETTLE_S = 1  # after the last one has


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """So long both servers were looked at. CPU is that of the one whose calls were recorded, and of the other.

    `copied`: RTP packets that the recorder heard meanwhile. `tracks`: those it heard of before.
    """

    seconds: float
    recorded_ms: float
    plain_ms: float
    copied: int
    tracks: int
    steal_percent: float = 0

    def cost_us(self) -> float:
        """CPU of a copied packet in microseconds. `ValueError` where none was copied."""
        if not self.copied:
            raise ValueError(f"no packet was copied in {self.seconds:.0f} s")
        return 1000 * (self.recorded_ms - self.plain_ms) / self.copied


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """What one pass showed. The servers exchange their parts from window to window.

    Of the whole pass: `numbers_missing`, sequence numbers that the recorder found passed over; `audio_gaps`, places
    where a track leaves out what the party said or says it twice, `None` where copies are encrypted; `overflowed`,
    packets that came and that the recorder was too late to take.
    """

    target: str
    calls: int
    windows: tuple[Window, ...]
    numbers_missing: int
    disordered: int
    audio_gaps: int | None
    overflowed: int
    copy_p99_ms: float
    rtp_missing: int
    load_late_p99_ms: float
    load_late_max_ms: float
    failed: int

    def costs_us(self) -> list[float]:
        """CPU of a copied packet in microseconds, for each two windows: each server is in both, in either part."""
        pairs = zip(self.windows[::2], self.windows[1::2], strict=False)
        return [(one.cost_us() + other.cost_us()) / 2 for one, other in pairs]

    @property
    def copied(self) -> int:
        return sum(window.copied for window in self.windows)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """A server and the load that calls it."""

    work: Workplace
    server: Program
    load: Program


def measure_copies(
    target: Recorded, works: tuple[Workplace, Workplace], cores: Cores, *, calls: int, seconds: float, windows: int
) -> Copies:
    """Run one pass. `RuntimeError` when a program ends early, or when no recording begins or some do not end."""
    with ExitStack() as stack:
        files = ("--cert", str(works[0].certificate), "--key", str(works[0].key)) if target.secure else ()
        recorder = Program.start(cores.others, str(works[0].binary("recorder")), *files)
        stack.callback(recorder.stop)
        port = int(recorder.line().split()[1])
        recorded, plain = (_start(stack, target, work, cores, calls=calls, sink_port=port) for work in works)
        up = [event(side.load, "up")["calls"] for side in (recorded, plain)]
        for side in (recorded, plain):
            event(side.load, "window-start")
        seen: list[Window] = []
        for _ in range(windows):
            _begin(target, recorded, recorder, tracks=2 * min(up))
            seen.append(_window(recorded, plain, recorder, seconds))
            target.stop_recording(recorded.work, recorded.server)
            if not _wait_until(lambda: _is_quiet(recorder)):
                raise RuntimeError(f"{target.name}: recordings go on {WITHIN_S} s after they were stopped")
            recorded, plain = plain, recorded
        reports = []
        for side in (recorded, plain):
            side.load.tell("")
            reports.append(event(side.load, "report"))
        end = _asked(recorder)
    return Copies(
        target=target.name,
        calls=calls,
        windows=tuple(seen),
        numbers_missing=end["missing"],
        disordered=end["disordered"],
        audio_gaps=None if target.secure else end["stamp_gaps"],
        overflowed=end["overflowed"],
        copy_p99_ms=end["latency"]["p99"],
        rtp_missing=sum(report["sent"] - report["heard"] for report in reports),
        load_late_p99_ms=max(report["late"]["p99"] for report in reports),
        load_late_max_ms=max(report["late"]["max"] for report in reports),
        failed=sum(report["failed"] for report in reports),
    )


def _start(stack: ExitStack, target: Recorded, work: Workplace, cores: Cores, *, calls: int, sink_port: int) -> _Side:
    server = target.start(work, cores, sink_port=sink_port)
    stack.callback(server.stop)
    load = Program.start(
        cores.others,
        str(work.binary("load")),
        *("--server", f"127.0.0.1:{work.server_port}", "--sip-port", str(work.callee_port)),
        *("--calls", str(calls), "--cps", str(CPS), "--settle", str(SETTLE_S)),
    )
    stack.callback(load.stop)
    return _Side(work=work, server=server, load=load)


def _begin(target: Recorded, side: _Side, recorder: Program, *, tracks: int) -> None:
    """Record one server's calls. Fewer tracks than expected show in the window."""
    _asked(recorder, "anew")
    target.record(side.work, side.server)
    if not _wait_until(lambda: _asked(recorder)["tracks"] >= tracks) and not _asked(recorder)["tracks"]:
        raise RuntimeError(f"{target.name}: no recording has begun within {WITHIN_S} s")
    time.sleep(SETTLE_S)


def _window(recorded: _Side, plain: _Side, recorder: Program, seconds: float) -> Window:
    pids = recorded.server.pid, plain.server.pid
    began, used, stolen, before = time.monotonic(), [cpu_ms(pid) for pid in pids], steal_ms(), _asked(recorder)
    time.sleep(seconds)
    recorded_ms, plain_ms = (cpu_ms(pid) - ms for pid, ms in zip(pids, used, strict=True))
    stolen, after = steal_ms() - stolen, _asked(recorder)
    lasted = time.monotonic() - began
    return Window(
        seconds=lasted,
        recorded_ms=recorded_ms,
        plain_ms=plain_ms,
        copied=after["packets"] - before["packets"],
        tracks=before["tracks"],
        steal_percent=stolen / lasted / 10,
    )


def _is_quiet(recorder: Program) -> bool:
    heard: int = _asked(recorder)["packets"]
    time.sleep(0.2)
    return bool(_asked(recorder)["packets"] == heard)


def _wait_until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _asked(recorder: Program, line: str = "") -> dict[str, Any]:
    report: dict[str, Any] = json.loads(recorder.ask(line))
    return report
