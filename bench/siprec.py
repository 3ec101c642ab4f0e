"""What a packet costs that is copied to a session recorder, beside rtpengine's `subscribe` forks, same minutes."""

import argparse
import statistics

from bench import rtpengine
from bench.copies import Copies
from bench.rig import Rig
from bench.targets import Recorded, RecordedBridgetap

WINDOWS = 10  # in a pass; each two are a figure
STALLED_MS = 40  # a party that sends later than that is taken to have sent nothing
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
    compared: list[Recorded] = [RecordedBridgetap()]
    if rtpengine.installed():
        compared.append(rtpengine.Rtpengine())
    targets = [*compared * options.passes, RecordedBridgetap(secure=True)]
    how = {"calls": options.calls, "seconds": options.seconds, "windows": WINDOWS}
    passes = [rig.copies(target, **how) for target in targets]
    title = f"two servers on one core, {options.calls} bridged calls each; both tracks of one's to a recorder, by turns"
    rig.table(title, COLUMNS, [_row(one) for one in passes])
    for line in verdict(passes):
        rig.say(line)


def _row(one: Copies) -> tuple[str, ...]:
    """Medians of the windows. `missing`: numbers, places in the audio. `p99`: of the copies; `late`: the load's own."""
    readable = one.audio_gaps is not None
    return (
        one.target,
        f"{statistics.median(window.plain_ms / window.seconds for window in one.windows):.0f}",
        f"{statistics.median(window.recorded_ms / window.seconds for window in one.windows):.0f}",
        f"{statistics.median(window.copied / window.seconds for window in one.windows):.0f}",
        f"{_median([one]):.2f}",
        f"{one.numbers_missing} / {one.audio_gaps if readable else '-'}",
        str(one.rtp_missing),
        f"{one.copy_p99_ms:.2f}" if readable else "-",
        f"{one.load_late_p99_ms:.2f}",
        f"{max(window.steal_percent for window in one.windows):.1f}",
    )


def verdict(passes: list[Copies]) -> list[str]:
    """What the passes say, a line each: costs and their medians, the ratio, what is missing, what makes it doubtful."""
    of = {name: [one for one in passes if one.target == name] for name in (OURS, THEIRS, SRTP)}
    lines = [
        f"CPU per copied packet: {_told(of[OURS])} us (target {TARGET_US})",
        f"with SRTP: {_told(of[SRTP])} us",
    ]
    if of[THEIRS]:
        ours, theirs = _median(of[OURS]), _median(of[THEIRS])
        ratio = f"{ours / theirs:.2f}" if theirs > 0 else "none, its cost is lost in the noise"
        lines.append(f"rtpengine: {_told(of[THEIRS])} us; ratio of the medians {ratio} (target {TARGET_RATIO})")
    else:
        lines.append("rtpengine is not installed (Debian: rtpengine-daemon): no ratio")
    for name, ones in of.items():
        if not ones:
            continue
        audio = "" if name == SRTP else f", places in the audio {sum(one.audio_gaps or 0 for one in ones)}"
        lines.append(
            f"{name}: missing at the recorder {sum(one.numbers_missing for one in ones)}{audio}"
            f", out of order {sum(one.disordered for one in ones)}, of {sum(one.copied for one in ones)} copies"
        )
    return lines + [doubt for one in passes if (doubt := _doubt(one))]


def _costs(passes: list[Copies]) -> list[float]:
    return [us for one in passes for us in one.costs_us()]


def _median(passes: list[Copies]) -> float:
    return statistics.median(_costs(passes))


def _told(passes: list[Copies]) -> str:
    """The median and the middle half of how many figures."""
    costs = _costs(passes)
    if len(costs) < 2:
        return f"{_median(passes):.2f}"
    low, middle, high = statistics.quantiles(costs, n=4, method="inclusive")
    return f"{middle:.2f} (half of {len(costs)}: {low:.2f} to {high:.2f})"


def _doubt(one: Copies) -> str:
    """Why a pass says little, "" where it does not."""
    reasons = []
    if one.failed:
        reasons.append(f"{one.failed} calls failed")
    if (tracks := min(window.tracks for window in one.windows)) < 2 * one.calls:
        reasons.append(f"{tracks} tracks of {2 * one.calls} had begun")
    if one.load_late_max_ms > STALLED_MS:
        reasons.append(f"the load itself was up to {one.load_late_max_ms:.0f} ms late, and audio that late is given up")
    if one.overflowed:
        reasons.append(f"the recorder was too late for {one.overflowed} packets")
    return f"[yellow]{one.target}[/yellow]: {', '.join(reasons)}" if reasons else ""
