"""`bridgetap twiml`: what can be done with TwiML documents without a server."""

from typing import Annotated

import typer

from bridgetap.errors import InvalidTwiml, Problem
from bridgetap.twiml import Document

from .file_report import FileReport, read_source, tell

UNIT = "verbs"

twiml_app = typer.Typer(no_args_is_help=True, help="Work with TwiML documents.")


@twiml_app.callback()
def twiml() -> None:
    """Work with TwiML documents."""


@twiml_app.command()
def validate(
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="TwiML documents; - is standard input.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")] = False,
) -> None:
    """Tell every problem of TwiML documents: its place, the value and the rule.

    An error is what a call cannot go on with: no XML, another root than
    <Response>, more than 64 KB. Anything else is a warning, and the rest of
    the document is run: an unknown verb or attribute, a value that cannot be
    used, a verb that Bridgetap does not have.

    \b
    Examples
      bridgetap twiml validate voice.xml
      curl -s https://app.example.com/voice | bridgetap twiml validate -

    \b
    Exit codes
      0  no error in any file, warnings aside
      1  at least one error
      2  wrong use, or a file that cannot be read
    """
    tell([_validate(name) for name in files], as_json=as_json)


def _validate(name: str) -> FileReport:
    try:
        source = read_source(name)
    except OSError as error:
        return FileReport(file=name, unit=UNIT, unreadable=error.strerror or str(error))
    try:
        document = Document.parse(source)
    except InvalidTwiml as error:
        problem = Problem(place=error.place, value=error.value, rule=error.rule)
        return FileReport(file=name, unit=UNIT, problems=(problem,))
    return FileReport(file=name, unit=UNIT, count=len(document.verbs), problems=document.warnings)
