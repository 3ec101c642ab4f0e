"""The demo as a person sees it: a live table on a terminal, a line for each thing that happens in a pipe."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from .demo_checks import Check

BAR_CELLS = 12
BAR_FLOOR_DBFS = -60.0
REFRESH_HZ = 5
_TABLE_LINES = 20  # of the picture, all but what happened


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that happened, and to whom."""

    at_s: float
    who: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LegRow:
    """One party as it stands."""

    name: str
    state: str
    received: int = 0
    missing: int = 0
    hears_dbfs: float = BAR_FLOOR_DBFS
    speaks_dbfs: float = BAR_FLOOR_DBFS


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRow:
    """One track of one stream as it stands."""

    stream: str
    track: str
    frames: int
    missing: int
    late: int
    level_dbfs: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All that the live table shows."""

    elapsed_s: float = 0.0
    happenings: Sequence[Happening] = field(default=())
    legs: Sequence[LegRow] = field(default=())
    tracks: Sequence[TrackRow] = field(default=())


class DemoView:
    """Shows snapshots while the block lasts. Quiet: shows nothing (`--json`)."""

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._console = console
        self._quiet = quiet
        self._live: Live | None = None
        self._shown = 0

    def __enter__(self) -> "DemoView":
        if self._console.is_terminal and not self._quiet:
            self._live = Live(console=self._console, refresh_per_second=REFRESH_HZ, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, snapshot: Snapshot) -> None:
        if self._live is not None:
            latest = max(2, self._console.height - _TABLE_LINES)
            self._live.update(picture(snapshot, plain_bars=self._plain_bars, latest=latest))
        elif not self._quiet:
            for happening in snapshot.happenings[self._shown :]:
                self._console.print(line(happening), soft_wrap=True)
        self._shown = len(snapshot.happenings)

    def close(self, snapshot: Snapshot, checks: Sequence[Check], files: Sequence[Path], kept: Path | None) -> None:
        """The last picture, the verdict, and where the files are."""
        if self._quiet:
            return
        self.show(snapshot)
        if self._live is not None:
            self._live.stop()
            self._live = None
            self._console.print(picture(snapshot, plain_bars=self._plain_bars))
        self._console.print(verdict(checks))
        for path in files:
            self._console.print(Text(f"  {path}"), soft_wrap=True)
        if kept is not None:
            self._console.print(Text(f"Kept for you to look at: {kept}"), soft_wrap=True)

    @property
    def _plain_bars(self) -> bool:
        return not self._console.encoding.lower().startswith("utf")


def line(happening: Happening) -> Text:
    return Text(f"{happening.at_s:6.2f}  {happening.who:<10} {happening.text}")


def picture(snapshot: Snapshot, *, plain_bars: bool = False, latest: int = 0) -> RenderableType:
    """Everything at once; of what happened only the `latest` so many, 0 is all."""
    legs = Table(title="Phones", title_justify="left", box=SIMPLE_HEAD, expand=True)
    for column in ("phone", "state", "RTP in", "missing", "hears", "speaks"):
        legs.add_column(column, justify="right" if column in {"RTP in", "missing"} else "left", no_wrap=True)
    for leg in snapshot.legs:
        bars = (bar(leg.hears_dbfs, plain=plain_bars), bar(leg.speaks_dbfs, plain=plain_bars))
        legs.add_row(leg.name, leg.state, str(leg.received), _count(leg.missing), *bars)
    tracks = Table(
        title="Streams, as receiver and recorder get them", title_justify="left", box=SIMPLE_HEAD, expand=True
    )
    for column in ("stream", "track", "frames", "missing", "late", "level"):
        tracks.add_column(column, justify="right" if column in {"frames", "missing", "late"} else "left", no_wrap=True)
    for row in snapshot.tracks:
        level = bar(row.level_dbfs, plain=plain_bars)
        tracks.add_row(row.stream, row.track, str(row.frames), _count(row.missing), _count(row.late), level)
    steps = Group(*(line(happening) for happening in snapshot.happenings[-latest:])) if snapshot.happenings else Text()
    title = f"bridgetap demo  {snapshot.elapsed_s:4.1f} s"
    return Panel(Group(steps, Text(), legs, tracks), title=title, title_align="left", expand=True)


def bar(dbfs: float, *, plain: bool = False) -> Text:
    """A level as a bar: full at 0 dBFS, empty at -60."""
    share = max(0.0, min(1.0, 1 - dbfs / BAR_FLOOR_DBFS))
    cells = round(share * BAR_CELLS)
    full, empty = ("#", ".") if plain else ("█", "░")
    return Text(full * cells, style="green") + Text(empty * (BAR_CELLS - cells), style="dim")


def verdict(checks: Sequence[Check]) -> RenderableType:
    """Every claim with its figures."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column()
    table.add_column(style="dim", overflow="fold")
    for check in checks:
        mark = Text("ok", style="green") if check.ok else Text("FAILED", style="bold red")
        table.add_row(mark, check.name, check.detail)
    good = sum(check.ok for check in checks)
    whole = "every claim holds" if good == len(checks) else f"{len(checks) - good} of {len(checks)} claims do not hold"
    return Group(table, Text(), Text(whole, style="bold green" if good == len(checks) else "bold red"))


def _count(number: int) -> Text:
    """A count that ought to be 0."""
    return Text(str(number), style="red" if number else "")
