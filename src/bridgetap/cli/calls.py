"""`bridgetap calls`: the calls of a running server."""

import json
import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .config import ConfigOption
from .remote import Server

MOST = 1000
COLUMNS = ("sid", "status", "direction", "from", "to", "start_time", "duration")

calls_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look at the calls of a running server.")


@calls_app.callback()
def calls() -> None:
    """Look at the calls of a running server."""


@calls_app.command("list")
def list_calls(
    status: Annotated[str | None, typer.Option(help="Only these: queued, ringing, in-progress, completed, …")] = None,
    to: Annotated[str | None, typer.Option(metavar="N", help="Only calls to this number.")] = None,
    from_: Annotated[str | None, typer.Option("--from", metavar="N", help="Only calls from this number.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="At most so many, newest first.")] = 20,
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List calls, newest first.

    The server is found by --config, else by BRIDGETAP_URL
    (https://AC…:TOKEN@host), else by bridgetap.toml in this folder. On a
    terminal this is a table; into a pipe go tab-separated lines:
    SID, status, direction, from, to, start, seconds.

    \b
    Exit codes
      0  listed, if only nothing
      1  the server refused
      2  wrong use, or the server was not reached
    """
    wanted = (("PageSize", str(limit)), ("Status", status), ("To", to), ("From", from_))
    filters = {name: value for name, value in wanted if value is not None}
    found = Server.find(config).get("Calls.json", filters, member="calls")["calls"]
    if as_json:
        for call in found:
            typer.echo(json.dumps(call))
    elif sys.stdout.isatty():
        _show(found)
    else:
        for call in found:
            typer.echo("\t".join(_printable(call.get(column)) for column in COLUMNS))


def _show(found: list[dict[str, Any]]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in COLUMNS:
        table.add_column(column.replace("_", " ").capitalize())
    for call in found:
        table.add_row(*(Text(_printable(call.get(column))) for column in COLUMNS))
    Console().print(table if found else Text("No calls."))


def _printable(value: object) -> str:
    """A cell: what a caller sent as its name must not move the terminal's cursor."""
    text = "" if value is None else str(value)
    return "".join(c if c.isprintable() else "?" for c in text)
