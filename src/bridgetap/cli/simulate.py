"""`bridgetap simulate`: a flow on a simulated call; `--dry` runs its effects only."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.text import Text

from bridgetap.errors import InvalidDefinition, InvalidInput
from bridgetap.flow import Definition
from bridgetap.simulator import DialAnswer, DryRun, HttpStub, KeyPress, Script, Transcript
from bridgetap.streams import Connectors
from bridgetap.widgets import WIDGETS

from .config import ConfigOption, find_config, load_settings
from .connectors import connectors_of

FLOW_FAILED, WRONG_USE = 1, 2
STYLES = {"step": "bold", "effect": "", "event": "cyan", "note": "dim", "warning": "yellow", "error": "red"}
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRequest:
    """A simulated real call: SIP, RTP and TLS on loopback, heard through files."""

    definition: Definition
    script: Script
    caller: Path
    callee: Path | None
    talk_given: bool  # whether --dial says how long the callee stays
    output: Path
    audio_folder: Path  # where the flow's audio files are looked for
    allow_network: bool
    as_json: bool


def make_live_simulate() -> Callable[..., None]:
    """The command, with real calls."""

    def live(request: LiveRequest) -> int:
        from .simulate_run import run_live  # here: --dry needs no core

        return run_live(request)

    return make_simulate(live)


def make_simulate(live: Callable[[LiveRequest], int] | None = None) -> Callable[..., None]:
    """The command. `live` runs a `LiveRequest` and returns the exit code; without it there is `--dry` only."""

    def simulate(
        flow: Annotated[str, typer.Argument(metavar="FLOW.json", help="The flow definition; - reads standard input.")],
        caller: Annotated[Path | None, typer.Option(help="What the caller says (WAV).", metavar="A.wav")] = None,
        callee: Annotated[Path | None, typer.Option(help="What the called party says (WAV).", metavar="B.wav")] = None,
        digits: Annotated[str, typer.Option(help='Keys the caller presses: "1@2.5, 42#@7" (seconds).')] = "",
        dial: Annotated[
            list[str] | None,
            typer.Option(help="How calls out end, in order: completed[:SECONDS], busy, no-answer, failed, canceled."),
        ] = None,
        hangup_at: Annotated[float | None, typer.Option(help="The caller hangs up then.", metavar="SECONDS")] = None,
        from_: Annotated[str, typer.Option("--from", help="The caller's number.")] = Script().from_,
        to: Annotated[str, typer.Option(help="The number called.")] = Script().to,
        dry: Annotated[bool, typer.Option("--dry", help="No media, no waiting: a virtual clock.")] = False,
        output: Annotated[
            Path, typer.Option(help="Where what was heard is written.", metavar="FOLDER", file_okay=False)
        ] = Path("simulate-output"),
        http_stub: Annotated[
            Path | None, typer.Option(help="With --dry: answers to HTTP requests (JSON).", metavar="FILE")
        ] = None,
        config: ConfigOption = None,
        allow_network: Annotated[
            bool,
            typer.Option("--allow-network", help="Streams go where the flow says, not to a built-in receiver."),
        ] = False,
        as_json: Annotated[bool, typer.Option("--json", help="One JSON object on the last line.")] = False,
    ) -> None:
        """Run a flow on a simulated call and print the path it takes, step by step.

        With --dry nothing is played, sent or waited for: how long a sentence
        or a call takes is made up, and every run of the same command prints
        the same. HTTP requests are answered from --http-stub. Where there is a
        configuration, a stream may go to its [[connectors]] and to no other;
        without one, any name is taken for a connector.

        \b
        Exit codes
          0  the flow ran to its end
          1  the flow is invalid, or something on its way was an error
          2  wrong use, or a file that cannot be read
        """
        definition = _definition(flow)
        script = Script(
            from_=from_,
            to=to,
            digits=_parsed(lambda: KeyPress.parse_list(digits)),
            dials=_parsed(lambda: tuple(map(DialAnswer.parse, dial or ()))) or Script().dials,
            hangup_at_s=hangup_at,
        )
        if dry:
            stub = _parsed(lambda: HttpStub.parse(_read(str(http_stub)).decode())) if http_stub else None
            dry_run = DryRun(definition, script, http=stub, connectors=_connectors(config))
            raise typer.Exit(_print(dry_run.run(), as_json=as_json))
        if http_stub:
            raise typer.BadParameter("goes with --dry only", param_hint="--http-stub")
        if live is None:
            raise typer.BadParameter("this build simulates with --dry only", param_hint="--dry")
        if caller is None:
            raise typer.BadParameter("is needed, unless --dry", param_hint="--caller")
        request = LiveRequest(
            definition=definition,
            script=script,
            caller=caller,
            callee=callee,
            talk_given=any(":" in words for words in dial or ()),
            output=output,
            audio_folder=Path(flow).absolute().parent if flow != "-" else Path.cwd(),
            allow_network=allow_network,
            as_json=as_json,
        )
        raise typer.Exit(live(request))

    return simulate


def _definition(name: str) -> Definition:
    try:
        return Definition.parse(_read(name), widgets=WIDGETS)
    except InvalidDefinition as error:
        for problem in error.problems:
            typer.echo(f"{name}: {'warning' if problem.warning else 'error'}: {problem}", err=True)
        raise typer.Exit(FLOW_FAILED) from None


def _connectors(config: Path | None) -> Connectors | None:
    return None if find_config(config) is None else connectors_of(load_settings(config))


def _read(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        typer.echo(f"{name}: {error.strerror or error}", err=True)
        raise typer.Exit(WRONG_USE) from None


def _parsed(parse: Callable[[], T]) -> T:
    """What an option says, or exit 2 with its place, value and rule."""
    try:
        return parse()
    except (InvalidInput, UnicodeDecodeError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(WRONG_USE) from None


def _print(transcript: Transcript, *, as_json: bool) -> int:
    if as_json:
        typer.echo(json.dumps(transcript.to_json(), ensure_ascii=False))
    else:
        console = Console(soft_wrap=True, highlight=False)
        for entry in transcript.entries:
            console.print(Text(str(entry), style=STYLES[entry.kind]))
        console.print(Text(f"{' → '.join(transcript.path)}"))
        if transcript.reason:
            console.print(Text(f"ended because: {transcript.reason}"))
    return 0 if transcript.ok else FLOW_FAILED
