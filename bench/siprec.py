"""What a packet costs that is copied to a session recorder, beside rtpengine's `subscribe` forks in the same minutes.

A copied packet's cost is what the same calls cost more with forks than without, divided by the packets that the
recorder heard; so for both.
"""

import argparse
import statistics
from typing import Any

from bench import rtpengine
from bench.copies import Copies, cost_us
from bench.rig import Rig
from bench.targets import Bridgetap

FAST_CPS = 50  # calls a second where nothing is recorded by SIPREC
TARGET_US = 3.5
TARGET_RATIO = 0.6
COLUMNS = ("target", "CPU ms/s", "copied", "us a copy", "missing", "RTP missing", "p99 ms", "late", "steal %")


def run(rig: Rig, options: argparse.Namespace) -> None:
    rounds = [_round(rig, calls=options.calls, seconds=options.seconds) for _ in range(options.passes)]
    rows = [row for pairs in rounds for row in _rows(pairs, options.seconds)]
    rig.table(f"{options.calls} bridged calls, both tracks to a recorder, one core for the server", COLUMNS, rows)
    for line in verdict(rounds):
        rig.say(line)


def _round(rig: Rig, **how: Any) -> dict[str, tuple[Copies, Copies]]:
    """By name, the same calls without forks and with them. What is compared is measured one after the other."""
    plain = rig.copies(Bridgetap(forks=False), cps=FAST_CPS, **how)
    pairs = {"bridgetap": (plain, rig.copies(Bridgetap(what="SIPREC", recorder="tcp"), **how))}
    if rtpengine.installed():
        forked = rig.copies(rtpengine.Rtpengine(), cps=FAST_CPS, **how)
        pairs["rtpengine"] = rig.copies(rtpengine.Rtpengine(forks=False), cps=FAST_CPS, **how), forked
    pairs["SRTP"] = plain, rig.copies(Bridgetap(what="SRTP", recorder="tls"), secure=True, **how)
    return pairs


def _rows(pairs: dict[str, tuple[Copies, Copies]], seconds: float) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    shown: list[Copies] = []
    for plain, forked in pairs.values():
        if plain not in shown:
            rows.append(_row(plain, "-", seconds))
            shown.append(plain)
        rows.append(_row(forked, f"{cost_us(forked, plain):.2f}", seconds))
    return rows


def _row(one: Copies, cost: str, seconds: float) -> tuple[str, ...]:
    """`missing`: numbers, then audio. `p99`: of the copies; `late`: the load's own."""
    readable = one.audio_missing is not None
    return (
        one.target,
        f"{one.cpu_ms / seconds:.0f}",
        str(one.copied),
        cost,
        f"{one.numbers_missing} / {one.audio_missing if readable else '-'}" if one.copied else "-",
        str(one.rtp_missing),
        f"{one.copy_p99_ms:.2f}" if readable else "-",
        f"{one.load_late_p99_ms:.2f}",
        f"{one.steal_percent:.1f}",
    )


def verdict(rounds: list[dict[str, tuple[Copies, Copies]]]) -> list[str]:
    """What the passes say, a line each: costs and their medians, the ratio, what is missing, what makes it doubtful."""
    costs = {name: [cost_us(pairs[name][1], pairs[name][0]) for pairs in rounds] for name in rounds[0]}
    lines = [
        f"CPU per copied packet: {_told(costs['bridgetap'])} us (target {TARGET_US})",
        f"with SRTP: {_told(costs['SRTP'])} us",
    ]
    if "rtpengine" in costs:
        ours, theirs = (statistics.median(costs[name]) for name in ("bridgetap", "rtpengine"))
        ratio = f"{ours / theirs:.2f}" if theirs > 0 else "none, its cost is lost in the noise"
        lines.append(f"rtpengine: {_told(costs['rtpengine'])} us; ratio of the medians {ratio} (target {TARGET_RATIO})")
    else:
        lines.append("rtpengine is not installed (Debian: rtpengine-daemon): no ratio")
    for name in rounds[0]:
        passes = [pairs[name][1] for pairs in rounds]
        audio = "" if name == "SRTP" else f", of audio {sum(one.audio_missing or 0 for one in passes)}"
        lines.append(
            f"{name}: missing at the recorder {sum(one.numbers_missing for one in passes)}{audio}"
            f", out of order {sum(one.disordered for one in passes)}, of {sum(one.copied for one in passes)} copies"
        )
    every = [one for pairs in rounds for pair in pairs.values() for one in pair]
    return lines + [doubt for one in every if (doubt := _doubt(one))]


def _told(figures: list[float]) -> str:
    return f"{', '.join(f'{one:.2f}' for one in figures)}; median {statistics.median(figures):.2f}"


def _doubt(one: Copies) -> str:
    """Why a pass says little, "" where it does not."""
    reasons = []
    if one.failed:
        reasons.append(f"{one.failed} calls failed")
    if one.copied and one.tracks != 2 * one.calls:
        reasons.append(f"{one.tracks} tracks of {2 * one.calls} had begun")
    if one.overflowed:
        reasons.append(f"the recorder was too late for {one.overflowed} packets")
    return f"[yellow]{one.target}[/yellow]: {', '.join(reasons)}" if reasons else ""
