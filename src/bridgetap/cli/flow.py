"""`bridgetap flow`: what can be done with flow definitions without a server."""

from typing import Annotated

import typer

from bridgetap.errors import InvalidDefinition
from bridgetap.flow import Definition
from bridgetap.widgets import WIDGETS

from .file_report import FileReport, read_source, tell

UNIT = "states"

flow_app = typer.Typer(no_args_is_help=True, help="Work with flow definitions.")


@flow_app.callback()
def flow() -> None:
    """Work with flow definitions."""


@flow_app.command()
def validate(
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="Flow definitions; - is standard input.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")] = False,
    lenient: Annotated[
        bool, typer.Option("--lenient", help="Judge as the server does: what can be run anyway is only a warning.")
    ] = False,
) -> None:
    """Tell every problem of flow definitions: its place, the value and the rule.

    Takes what the console exports, what the REST API returns (the definition
    is taken out of it) and definitions that are a JSON text. Without --lenient
    it is as strict as Studio's own validation.

    Warnings do not fail a file: a widget that is not supported yet, an event
    that never fires.

    \b
    Exit codes
      0  no problem in any file
      1  at least one problem
      2  wrong use, or a file that cannot be read
    """
    tell([_validate(name, strict=not lenient) for name in files], as_json=as_json)


def _validate(name: str, *, strict: bool) -> FileReport:
    try:
        source = read_source(name)
    except OSError as error:
        return FileReport(file=name, unit=UNIT, unreadable=error.strerror or str(error))
    try:
        definition = Definition.parse(source, widgets=WIDGETS, strict=strict)
    except InvalidDefinition as error:
        return FileReport(file=name, unit=UNIT, problems=tuple(error.problems))
    return FileReport(file=name, unit=UNIT, count=len(definition.states), problems=definition.warnings)
