"""The list of commands. Only the one that runs is imported, so `--help` answers at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any

import typer

from bridgetap import __version__

HELP = """A self-hosted server that answers SIP calls, runs Studio-compatible flows and TwiML on
them, and forks their audio live to wss:// servers.

Start with `bridgetap demo`: one real call on this machine alone. Then write a
bridgetap.toml (docs/configuration.md), look it over with `bridgetap check`,
and run `bridgetap serve`.
"""

EPILOG = """\b
Exit codes, of every command
  0    done
  1    done, and the answer is no: a problem was found, the call failed
  2    wrong use, or something that cannot be used: a setting, a file, a server
  130  interrupted

\b
Environment
  BRIDGETAP_CONFIG       the configuration, instead of --config
  BRIDGETAP_URL          the server `call`, `calls`, `stream` talk to, https://AC…:TOKEN@host
  BRIDGETAP__SIP__LISTEN and the like override single settings
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One command: where it lives and what the list says of it."""

    name: str
    target: str  # "module:attribute": a function, or a Typer with commands of its own
    summary: str
    made: bool = False  # the attribute is a function that makes the command

    def load(self) -> Any:
        module, _, attribute = self.target.partition(":")
        found = getattr(import_module(module), attribute)
        return found() if self.made else found


COMMANDS = (
    Entry(name="serve", target="bridgetap.cli.serve:serve", summary="Run the server until SIGTERM, then drain."),
    Entry(name="demo", target="bridgetap.cli.demo:demo", summary="Place one real call on this machine and fork it."),
    Entry(name="call", target="bridgetap.cli.call:call", summary="Have a running server call somebody."),
    Entry(name="calls", target="bridgetap.cli.calls:calls_app", summary="Look at the calls of a running server."),
    Entry(name="stream", target="bridgetap.cli.stream:stream_app", summary="Work with streams and their servers."),
    Entry(
        name="recorder", target="bridgetap.cli.recorder:recorder", summary="Be a SIPREC recorder to develop against."
    ),
    Entry(
        name="simulate",
        target="bridgetap.cli.simulate:make_live_simulate",
        made=True,
        summary="Run a flow on a simulated call and print its path.",
    ),
    Entry(name="flow", target="bridgetap.cli.flow:flow_app", summary="Work with flow definitions."),
    Entry(name="twiml", target="bridgetap.cli.twiml:twiml_app", summary="Work with TwiML documents."),
    Entry(name="check", target="bridgetap.cli.check:check", summary="Look a configuration over, all of it."),
)


def build_app(words: Sequence[str]) -> typer.Typer:
    """The application for this command line."""
    app = typer.Typer(
        help=HELP,
        epilog=EPILOG,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_options)
    wanted = next((word for word in words if not word.startswith("-")), "")
    for entry in COMMANDS:
        command = entry.load() if entry.name == wanted else _not_loaded(entry.summary)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=entry.name, short_help=entry.summary)
        else:
            app.command(entry.name, short_help=entry.summary)(command)
    return app


def _not_loaded(summary: str) -> Callable[[], None]:
    """What stands for a command that is not the one asked for."""

    def command() -> None: ...

    command.__doc__ = summary
    return command


def _version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"bridgetap {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=lambda v: _version(wanted=v), is_eager=True)
    ] = False,
) -> None:
    del version


_options.__doc__ = HELP
