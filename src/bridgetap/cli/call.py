"""`bridgetap call`: have a running server call somebody."""

import json
from pathlib import Path
from typing import Annotated

import typer

from bridgetap.errors import InvalidTwiml
from bridgetap.twiml import Document

from .config import ConfigOption
from .file_report import read_source
from .remote import Server


def call(
    to: Annotated[str, typer.Argument(metavar="TO", help="+15551230000, sip:bob@example.com or client:alice.")],
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="N", help="The number that calls; absent: the first of [[numbers]]."),
    ] = None,
    flow: Annotated[
        str | None,
        typer.Option(metavar="F", help="The flow that runs once it is answered; without it the flow of --from."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where the TwiML document is that runs instead of a flow."),
    ] = None,
    twiml: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A TwiML document that runs instead of a flow; - is standard input."),
    ] = None,
    timeout_s: Annotated[
        int | None, typer.Option("--timeout", min=1, max=600, metavar="SECONDS", help="How long it may ring.")
    ] = None,
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the call as JSON.")] = False,
) -> None:
    """Have a running server call somebody and run a flow, or TwiML, on the call.

    The server is found by --config, else by BRIDGETAP_URL
    (https://AC…:TOKEN@host), else by bridgetap.toml in this folder. A flow is
    named as [[numbers]] names it: a path below the server's configuration.

    Prints the call's SID at once; follow it with `bridgetap calls list`.

    \b
    Examples
      bridgetap call client:alice --flow flows/support.json
      bridgetap call +15551230000 --from +15559870000
      bridgetap call client:alice --url https://app.example.com/voice
      bridgetap call client:alice --twiml hello.xml

    \b
    Exit codes
      0  the server is calling
      1  the server refused
      2  wrong use, or the server was not reached
    """
    if sum(given is not None for given in (flow, url, twiml)) > 1:
        raise typer.BadParameter("--flow, --url and --twiml exclude each other")
    form = {"To": to}
    document = None if twiml is None else _document(twiml)
    for name, value in (("From", from_), ("Flow", flow), ("Url", url), ("Twiml", document), ("Timeout", timeout_s)):
        if value is not None:
            form[name] = str(value)
    made = Server.find(config).post("Calls.json", form, member="sid")
    typer.echo(json.dumps(made) if as_json else made["sid"])


def _document(path: Path) -> str:
    """Its text, once it is known to be one that runs."""
    try:
        body = read_source(str(path))
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be read: {error.strerror}", param_hint="--twiml") from None
    try:
        Document.parse(body)
        return body.decode("utf-8-sig")
    except InvalidTwiml as error:
        raise typer.BadParameter(f"{path}: {error}", param_hint="--twiml") from None
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{path} must be UTF-8", param_hint="--twiml") from None
