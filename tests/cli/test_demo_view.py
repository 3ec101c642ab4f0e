"""What a person sees of the demo: a table on a terminal, lines in a pipe, nothing beside JSON."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from bridgetap.cli.demo_checks import Check
from bridgetap.cli.demo_view import DemoView, Happening, LegRow, Snapshot, TrackRow, bar, picture, verdict

RINGS = Happening(at_s=1.5, who="callee", text="rings")
SPEAKS = Happening(at_s=2.25, who="caller", text="says caller.wav")
SNAPSHOT = Snapshot(
    elapsed_s=3.0,
    happenings=(RINGS, SPEAKS),
    legs=(LegRow(name="caller", state="up", received=120, missing=2, hears_dbfs=-20.0, speaks_dbfs=-96.0),),
    tracks=(TrackRow(stream="AudioStream", track="inbound", frames=115, missing=0, late=1, level_dbfs=-30.0),),
)
CHECKS = [Check(name="the flow took its path", ok=True, detail="a → b"), Check(name="no frame", ok=False, detail="3")]


def console(*, terminal: bool) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, force_terminal=terminal, width=100, color_system=None, legacy_windows=False), out


def test_in_a_pipe_each_happening_is_one_line_once() -> None:
    piped, out = console(terminal=False)
    with DemoView(piped) as view:
        view.show(Snapshot(happenings=(RINGS,)))
        view.show(Snapshot(happenings=(RINGS,)))
        view.show(SNAPSHOT)
    assert out.getvalue().splitlines() == ["  1.50  callee     rings", "  2.25  caller     says caller.wav"]


def test_a_quiet_view_says_nothing_at_all() -> None:
    for terminal in (True, False):
        quiet, out = console(terminal=terminal)
        with DemoView(quiet, quiet=True) as view:
            view.show(SNAPSHOT)
        view.close(SNAPSHOT, CHECKS, [Path("a.wav")], None)
        assert out.getvalue() == ""


def test_the_end_names_claims_files_and_what_was_kept() -> None:
    piped, out = console(terminal=False)
    DemoView(piped).close(SNAPSHOT, CHECKS, [Path("out/a.wav")], Path("/tmp/kept"))
    text = out.getvalue()
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "ok the flow took its path a → b" in lines
    assert "FAILED no frame 3" in lines
    assert "1 of 2 claims do not hold" in text
    assert "  out/a.wav" in text
    assert "Kept for you to look at: /tmp/kept" in text


def test_on_a_terminal_the_whole_is_one_picture() -> None:
    screen, out = console(terminal=True)
    screen.print(picture(SNAPSHOT))
    text = out.getvalue()
    for part in (
        "bridgetap demo   3.0 s",
        "rings",
        "caller",
        "up",
        "120",
        "AudioStream",
        "inbound",
        "115",
        "████████░░░░",
    ):
        assert part in text
    assert max(map(len, text.splitlines())) <= 100


def test_on_a_small_terminal_the_latest_is_what_is_shown() -> None:
    screen, out = console(terminal=True)
    screen.print(picture(SNAPSHOT, latest=1))
    assert "says caller.wav" in out.getvalue()
    assert "rings" not in out.getvalue()


@pytest.mark.parametrize(
    ("dbfs", "cells"),
    [(0.0, "############"), (-30.0, "######......"), (-60.0, "............"), (-127.0, "............")],
)
def test_bars(dbfs: float, cells: str) -> None:
    assert bar(dbfs, plain=True).plain == cells


def test_when_all_is_well_the_verdict_says_so() -> None:
    piped, out = console(terminal=False)
    piped.print(verdict(CHECKS[:1]))
    assert out.getvalue().endswith("every claim holds\n")
