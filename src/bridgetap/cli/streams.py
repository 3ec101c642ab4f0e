"""`bridgetap stream start`, `stop`, `pause`, `resume` and `list`: the streams of a live call, on a running server."""

import json
import sys
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bridgetap.flow.stream_options import NAMES, pascal

from .config import ConfigOption
from .remote import Server, ServerRefused

MOST = 1000
COLUMNS = ("sid", "status", "name", "tracks", "to", "date_created", "end_reason", "error_code", "ms_sent")
COLLECTIONS = ("Streams", "Siprec")
NOT_FOUND = 404

Call = Annotated[str, typer.Argument(metavar="CALL", help="The call's SID, CA…: a caller's, or a dialled party's.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the stream as JSON.")]


def start(
    call: Call,
    url: Annotated[
        str | None, typer.Argument(metavar="[URL]", help="Where the audio goes: wss://…; absent with --connector.")
    ] = None,
    connector: Annotated[
        str | None, typer.Option(metavar="NAME", help="Record it at the recorders of that connector (SIPREC).")
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What it is stopped by; absent: its SID. Unique on the call.")
    ] = None,
    track: Annotated[
        str | None, typer.Option(help="inbound_track, outbound_track or both_tracks; absent: inbound_track.")
    ] = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option("--parameter", metavar="KEY=VALUE", help="A custom parameter; may be repeated."),
    ] = None,
    options: Annotated[
        list[str] | None,
        typer.Option("--option", metavar="NAME=VALUE", help="What is not Twilio's: format=l16-16000; may be repeated."),
    ] = None,
    status_callback: Annotated[
        str | None, typer.Option(metavar="URL", help="Told when the stream starts, stops and fails.")
    ] = None,
    status_callback_method: Annotated[str | None, typer.Option(help="GET or POST; absent: POST.")] = None,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Fork the audio of a live call to a wss:// server, or to recorders.

    The server is found by --config, else by BRIDGETAP_URL
    (https://AC…:TOKEN@host), else by bridgetap.toml in this folder.

    Prints the stream's SID once the stream is created; the far server may
    still be connecting. `bridgetap stream list CALL` tells what became of it.

    \b
    Examples
      bridgetap stream start CA… wss://media.example.com/in --name tap
      bridgetap stream start CA… wss://media.example.com/in --track both_tracks \\
          --parameter tenant=42
      bridgetap stream start CA… wss://media.example.com/in --track both_tracks \\
          --option channels=stereo --option format=l16-16000
      bridgetap stream start CA… --connector my_srs --track both_tracks

    \b
    Exit codes
      0  the stream is created
      1  the server refused: the name is taken, too many tracks, the call is over
      2  wrong use, or the server was not reached
    """
    if (url is None) == (connector is None):
        raise typer.BadParameter("give a URL or --connector, one of the two", param_hint="URL")
    given = (
        ("Url", url),
        ("ConnectorName", connector),
        ("Name", name),
        ("Track", track),
        ("StatusCallback", status_callback),
        ("StatusCallbackMethod", status_callback_method),
    )
    form = {key: value for key, value in given if value is not None}
    for number, pair in enumerate(parameters or (), 1):
        key, value = _pair(pair, "--parameter")
        form |= {f"Parameter{number}.Name": key, f"Parameter{number}.Value": value}
    for pair in options or ():
        key, value = _pair(pair, "--option")
        if key not in NAMES:
            raise typer.BadParameter(f"{key!r}: must be one of {', '.join(NAMES)}", param_hint="--option")
        form[pascal(key)] = value
    collection = "Streams" if connector is None else "Siprec"
    made = Server.find(config).post(f"Calls/{quote(call, safe='')}/{collection}.json", form, member="sid")
    typer.echo(json.dumps(made) if as_json else made["sid"])


def stop(
    call: Call,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The stream's name or its SID, MZ… or SR….")],
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Stop a stream of a live call, whoever started it: REST, a flow or TwiML.

    No further audio is taken; what is queued is still sent. The server is
    found as `bridgetap stream start` finds it.

    \b
    Example
      bridgetap stream stop CA… tap

    \b
    Exit codes
      0  stopped
      1  the server refused: no such stream runs on the call
      2  wrong use, or the server was not reached
    """
    server, stopping = Server.find(config), {"Status": "stopped"}
    first, second = tuple(reversed(COLLECTIONS)) if name.startswith("SR") else COLLECTIONS
    try:
        stopped = server.post(_path(call, first, name), stopping, member="sid")
    except ServerRefused as refused:
        if refused.status != NOT_FOUND:
            raise
        stopped = server.post(_path(call, second, name), stopping, member="sid")
    typer.echo(json.dumps(stopped) if as_json else stopped["sid"])


def pause(
    call: Call,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The recording's name or its SID, SR….")],
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Let the recorders of a SIPREC stream hear nothing, until `stream resume`.

    What is said meanwhile reaches no recorder; the call hears no difference.

    \b
    Exit codes
      0  paused
      1  the server refused: no such recording runs on the call
      2  wrong use, or the server was not reached
    """
    _set(call, name, "paused", config, as_json=as_json)


def resume(
    call: Call,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The recording's name or its SID, SR….")],
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Go on with a SIPREC stream that was paused.

    \b
    Exit codes
      0  recorded again
      1  the server refused: no such recording runs on the call
      2  wrong use, or the server was not reached
    """
    _set(call, name, "in-progress", config, as_json=as_json)


def list_streams(
    call: Call,
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="At most so many, newest first.")] = 50,
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List the streams of a call, newest first, those that ended too.

    The server is found as `bridgetap stream start` finds it. On a terminal
    this is a table; into a pipe go tab-separated lines: SID, status, name,
    tracks, URL or connector, created, reason of the end, error code,
    milliseconds sent.

    \b
    Exit codes
      0  listed, if only nothing
      1  the server refused: no such call
      2  wrong use, or the server was not reached
    """
    server, path = Server.find(config), f"Calls/{quote(call, safe='')}"
    found: list[dict[str, Any]] = []
    for collection in COLLECTIONS:
        member = collection.lower()
        page = server.get(f"{path}/{collection}.json", {"PageSize": str(limit)}, member=member)[member]
        found += [{**stream, "to": stream.get("url") or stream.get("connector")} for stream in page]
    found = sorted(found, key=_created, reverse=True)[:limit]
    if as_json:
        for stream in found:
            typer.echo(json.dumps({key: value for key, value in stream.items() if key != "to"}))
    elif sys.stdout.isatty():
        _show(found)
    else:
        for stream in found:
            typer.echo("\t".join(_printable(stream.get(column)) for column in COLUMNS))


def _set(call: str, name: str, status: str, config: Path | None, *, as_json: bool) -> None:
    changed = Server.find(config).post(_path(call, "Siprec", name), {"Status": status}, member="sid")
    typer.echo(json.dumps(changed) if as_json else changed["sid"])


def _path(call: str, collection: str, name: str) -> str:
    return f"Calls/{quote(call, safe='')}/{collection}/{quote(name, safe='')}.json"


def _created(stream: dict[str, Any]) -> datetime:
    """The sort is stable: of those of one second, the order of the server stays."""
    return parsedate_to_datetime(str(stream.get("date_created")))


def _pair(text: str, option: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise typer.BadParameter(f"{key!r}: must be KEY=VALUE", param_hint=option)
    return key, value


def _show(found: list[dict[str, Any]]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in COLUMNS:
        table.add_column(column.replace("_", " ").capitalize())
    for stream in found:
        table.add_row(*(Text(_printable(stream.get(column))) for column in COLUMNS))
    Console().print(table if found else Text("No streams."))


def _printable(value: object) -> str:
    """A cell: nothing a client wrote as a name may move the terminal's cursor."""
    text = "" if value is None else "+".join(map(str, value)) if isinstance(value, list) else str(value)
    return "".join(c if c.isprintable() else "?" for c in text)
