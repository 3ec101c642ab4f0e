"""What is told of files that were looked over: each problem with its place, the value and the rule."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bridgetap.errors import Problem

PROBLEMS_FOUND, UNREADABLE = 1, 2
MOST_VALUE = 120  # characters of a value that are shown


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """What was found in one file; `unreadable` is why it could not be read."""

    file: str
    unit: str  # what is counted in it: "states", "verbs"
    count: int = 0
    problems: tuple[Problem, ...] = ()
    unreadable: str = ""

    @property
    def ok(self) -> bool:
        return self.exit_code == 0

    @property
    def exit_code(self) -> int:
        if self.unreadable:
            return UNREADABLE
        return PROBLEMS_FOUND if any(not problem.warning for problem in self.problems) else 0

    def lines(self) -> list[str]:
        """One line a problem, for pipes and editors."""
        if self.unreadable:
            return [f"{self.file}: {self.unreadable}"]
        found = [
            f"{self.file}: {_severity(problem)}: {_place(problem)}: {_value(problem)}: {_printable(problem.rule)}"
            for problem in self.problems
        ]
        return found if not self.ok else [*found, f"{self.file}: ok, {self.count} {self.unit}"]

    def to_json(self) -> dict[str, object]:
        problems = [
            {"severity": _severity(problem), "place": problem.place, "value": problem.value, "rule": problem.rule}
            for problem in self.problems
        ]
        unreadable = {"unreadable": self.unreadable} if self.unreadable else {}
        return {"file": self.file, "ok": self.ok, self.unit: self.count, "problems": problems, **unreadable}


def tell(reports: list[FileReport], *, as_json: bool) -> None:
    """Print them, for a program, a terminal or a pipe; exit with the worst of their codes."""
    if as_json:
        typer.echo(json.dumps({"ok": all(r.ok for r in reports), "files": [r.to_json() for r in reports]}, default=str))
    elif sys.stdout.isatty():
        show(reports, Console())
    else:
        for report in reports:
            typer.echo("\n".join(report.lines()))
    code = max(report.exit_code for report in reports)
    if code:
        raise typer.Exit(code)


def read_source(name: str) -> bytes:
    """A file's bytes, or standard input's for `-`; `OSError` where it cannot be read."""
    return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()


def show(reports: list[FileReport], console: Console) -> None:
    """A heading and a table a file, on a terminal."""
    for report in reports:
        if report.unreadable:
            console.print(Text(f"✗ {report.file}: {report.unreadable}", style="red"))
            continue
        mark, style = ("✓", "green") if report.ok else ("✗", "red")
        errors = sum(not problem.warning for problem in report.problems)
        counts = f"{report.count} {report.unit}" if report.ok else f"{errors} problem{'s' * (errors != 1)}"
        warnings = len(report.problems) - errors
        counts += f", {warnings} warning{'s' * (warnings != 1)}" if warnings else ""
        console.print(Text(f"{mark} {report.file}: {counts}", style=style))
        if report.problems:
            table = Table(box=None, pad_edge=True, padding=(0, 2, 0, 0))
            for column in ("", "Place", "Value", "Rule"):
                table.add_column(column, overflow="fold")
            for problem in report.problems:
                style = "yellow" if problem.warning else "red"
                cells = (_severity(problem), _place(problem), _value(problem), _printable(problem.rule))
                table.add_row(*(Text(cell, style=style if index == 0 else "") for index, cell in enumerate(cells)))
            console.print(table)


def _severity(problem: Problem) -> str:
    return "warning" if problem.warning else "error"


def _value(problem: Problem) -> str:
    text = repr(problem.value)
    return text if len(text) <= MOST_VALUE else f"{text[: MOST_VALUE - 1]}…"


def _place(problem: Problem) -> str:
    return _printable(problem.place) or "(whole file)"


def _printable(text: str) -> str:
    """A file's own keys must not reach the terminal as control sequences."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
