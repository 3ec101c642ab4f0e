"""What a packet costs that is copied to a session recorder, beside rtpengine's `subscribe` forks, same minutes."""

import argparse
import statistics

from bench import rtpengine
from bench.copies import Copies
from bench.rig import Rig
from bench.targets import Recorded, RecordedBridgetap

WINDOWS = 4  # with copies, in a pass
TARGET_US = 3.5
TARGET_RATIO = 0.6
OURS, THEIRS, SRTP = "bridgetap", "rtpengine", "bridgetap, SRTP"
COLUMNS = (
    "target",
    "CPU ms/s",
    "recorded",
    "copies/s",
    "us a copy",
    "missing",
    "RTP missing",
    "p99 ms",
    "late",
    "steal %",
)


def run(rig: Rig, options: argparse.Namespace) -> None:
    http_port = rig.work.http_port
    targets: list[Recorded] = [RecordedBridgetap(http_port=http_port)]
    if rtpengine.installed():
        targets.append(rtpengine.Rtpengine())
    targets.append(RecordedBridgetap(http_port=http_port, secure=True))
    how = {"calls": options.calls, "seconds": options.seconds, "windows": WINDOWS}
    passes = [rig.copies(target, **how) for _ in range(options.passes) for target in targets]
    title = f"{options.calls} bridged calls, both tracks to a recorder by turns, one core for the server"
    rig.table(title, COLUMNS, [_row(one) for one in passes])
    for line in verdict(passes):
        rig.say(line)


def _row(one: Copies) -> tuple[str, ...]:
    """Medians of the windows. `missing`: numbers, places in the audio. `p99`: of the copies; `late`: the load's own."""
    rates = [window.cpu_ms / window.seconds for window in one.windows]
    readable = one.audio_gaps is not None
    return (
        one.target,
        f"{statistics.median(rates[::2]):.0f}",
        f"{statistics.median(rates[1::2]):.0f}",
        f"{statistics.median(window.copied / window.seconds for window in one.windows[1::2]):.0f}",
        f"{statistics.median(one.costs_us()):.2f}",
        f"{one.numbers_missing} / {one.audio_gaps if readable else '-'}",
        str(one.rtp_missing),
        f"{one.copy_p99_ms:.2f}" if readable else "-",
        f"{one.load_late_p99_ms:.2f}",
        f"{max(window.steal_percent for window in one.windows):.1f}",
    )


def verdict(passes: list[Copies]) -> list[str]:
    """What the passes say, a line each: costs and their medians, the ratio, what is missing, what makes it doubtful."""
    of = {name: [one for one in passes if one.target == name] for name in (OURS, THEIRS, SRTP)}
    costs = {name: [us for one in ones for us in one.costs_us()] for name, ones in of.items() if ones}
    lines = [
        f"CPU per copied packet: {_told(costs[OURS])} us (target {TARGET_US})",
        f"with SRTP: {_told(costs[SRTP])} us",
    ]
    if THEIRS in costs:
        ours, theirs = (statistics.median(costs[name]) for name in (OURS, THEIRS))
        ratio = f"{ours / theirs:.2f}" if theirs > 0 else "none, its cost is lost in the noise"
        lines.append(f"rtpengine: {_told(costs[THEIRS])} us; ratio of the medians {ratio} (target {TARGET_RATIO})")
    else:
        lines.append("rtpengine is not installed (Debian: rtpengine-daemon): no ratio")
    for name in costs:
        audio = "" if name == SRTP else f", places in the audio {sum(one.audio_gaps or 0 for one in of[name])}"
        lines.append(
            f"{name}: missing at the recorder {sum(one.numbers_missing for one in of[name])}{audio}"
            f", out of order {sum(one.disordered for one in of[name])}, of {sum(one.copied for one in of[name])} copies"
        )
    return lines + [doubt for one in passes if (doubt := _doubt(one))]


def _told(figures: list[float]) -> str:
    """Window by window, then the median and the middle half."""
    low, middle, high = statistics.quantiles(figures, n=4, method="inclusive") if len(figures) > 1 else figures * 3
    return f"{', '.join(f'{one:.2f}' for one in figures)}; median {middle:.2f} ({low:.2f} to {high:.2f})"


def _doubt(one: Copies) -> str:
    """Why a pass says little, "" where it does not."""
    reasons = []
    if one.failed:
        reasons.append(f"{one.failed} calls failed")
    if one.tracks < 2 * one.calls:
        reasons.append(f"{one.tracks} tracks of {2 * one.calls} had begun")
    if one.overflowed:
        reasons.append(f"the recorder was too late for {one.overflowed} packets")
    return f"[yellow]{one.target}[/yellow]: {', '.join(reasons)}" if reasons else ""
