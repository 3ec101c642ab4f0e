"""`bridgetap recorder`: a small SIPREC recorder to develop connectors against."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from time import monotonic
from typing import Annotated, Protocol

import typer
from rich.console import Console
from rich.text import Text

from bridgetap.errors import ConfigurationError
from bridgetap.recorder import News, Recorder, RecorderConfig, open_recorder
from bridgetap.recorder.conduct import read_conduct
from bridgetap.settings import LogSettings

from .logs import configure_logs
from .loopback import make_output

FAULTS = 1
LISTEN = ("udp://127.0.0.1:5070", "tcp://127.0.0.1:5070")
_STYLES = {"fault": "red", "over": "bold"}


def recorder(
    listen: Annotated[
        list[str] | None,
        typer.Option(metavar="URI", help="Where it is called, tcp://127.0.0.1:5070; may be repeated. Port 0 is any."),
    ] = None,
    output: Annotated[
        Path, typer.Option(help="Where the recordings go, a folder each.", metavar="FOLDER", file_okay=False)
    ] = Path("recordings"),
    misbehave: Annotated[
        list[str] | None, typer.Option(metavar="HOW", help="Be a bad recorder, see below; may be repeated.")
    ] = None,
    after: Annotated[
        float, typer.Option(min=0, max=3600, metavar="SECONDS", help="When it asks, drops or leaves.")
    ] = 3.0,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse an INVITE that breaks any rule, with 400.")] = False,
    count: Annotated[int | None, typer.Option(min=1, metavar="N", help="End once so many recordings are over.")] = None,
    address: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where the audio goes; absent: where the INVITE came to.")
    ] = "",
    username: Annotated[str, typer.Option(metavar="NAME", help="Challenge every INVITE (digest) for this user.")] = "",
    password: Annotated[
        str, typer.Option(envvar="BRIDGETAP_RECORDER_PASSWORD", metavar="SECRET", help="The user's password.")
    ] = "",
    certificate: Annotated[Path | None, typer.Option(metavar="FILE", help="PEM file, for tls://.")] = None,
    key: Annotated[Path | None, typer.Option(metavar="FILE", help="PEM file: the key of --certificate.")] = None,
    client_ca: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="PEM file: over tls:// come only those with a certificate of this authority."
        ),
    ] = None,
    trace_sip: Annotated[
        Path | None,
        typer.Option("--trace-sip", metavar="FILE.pcap", help="Write every SIP message there, for Wireshark."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line instead of text.")] = False,
) -> None:
    """Be a SIPREC recorder: take recordings, judge every message, write WAV files.

    To develop and demonstrate against, not to record with: it keeps what it is
    sent and keeps nobody out. Each recording gets a folder of its own,
    recording-1 and so on: one WAV per track, the metadata as it came, and
    recording.json with figures and faults. Metadata is held to the schema of
    RFC 7865, messages to RFC 7866; every fault is told with its rule, and the
    recording goes on (with --strict it does not begin).

    It listens on udp and tcp 127.0.0.1:5070 where --listen is absent, and goes
    on until Ctrl-C, SIGTERM or --count. What is told goes to standard output,
    logs to standard error. Values of parameters are in the files alone.

    \b
    --misbehave
      silent           never a final answer
      503              every INVITE is refused so; any status from 400 to 699
      inactive-first   takes no audio until its re-INVITE a moment later
      asks-snapshot    asks for the whole metadata again, --after seconds
      drops-mid-call   BYE with a Reason that tells of an error, --after seconds
      leaves-mid-call  BYE without one, --after seconds
      multipart-200    its SDP is a part of a multipart body
      fewer-lines      answers the first m-line alone
      no-labels        an answer without a=label

    \b
    Examples
      bridgetap recorder
      bridgetap recorder --listen tcp://127.0.0.1:5071 --misbehave 503
      bridgetap recorder --misbehave drops-mid-call --after 5 --count 1 --json

    \b
    Exit codes
      0  ended by a signal or --count, and no message broke a rule
      1  one did, or audio could not be written; it was told
      2  wrong use, or an address, folder or file that cannot be used
    """
    make_output(output)
    if (certificate is None) != (key is None):
        raise ConfigurationError("--certificate", "needs --key, and --key needs --certificate")
    if client_ca is not None and certificate is None:
        raise ConfigurationError("--client-ca", "needs --certificate and --key: it is for tls://")
    if username and not password:
        raise ConfigurationError("--username", "needs --password, or BRIDGETAP_RECORDER_PASSWORD")
    conduct = read_conduct(misbehave or (), after_s=after, strict=strict, place="--misbehave")
    config = RecorderConfig(
        folder=output,
        address=address,
        listen=tuple(listen or LISTEN),
        conducts=(conduct,),
        certificate=certificate,
        key=key,
        client_ca=client_ca,
        username=username,
        password=password,
        trace=trace_sip,
    )
    configure_logs(LogSettings())
    view: _View = _Json() if as_json else _Lines(Console(highlight=False))
    if asyncio.run(_run(config, view, count)):
        raise typer.Exit(FAULTS)


async def _run(config: RecorderConfig, view: "_View", count: int | None) -> int:
    """Until a signal, or until so many recordings are over. Returns how many faults were found."""
    faults = 0

    def tell(news: News) -> None:
        nonlocal faults
        faults += news.what == "fault"
        view.show(news)

    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    async with open_recorder(config, told=tell) as recorder:
        view.listens(recorder)
        ends: list[asyncio.Task[object]] = [asyncio.create_task(asked.wait())]
        if count is not None:
            ends.append(asyncio.create_task(recorder.over(count)))
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
    return faults


class _View(Protocol):
    """Shows what happens."""

    def listens(self, recorder: Recorder) -> None: ...
    def show(self, news: News) -> None: ...


class _Json:
    def listens(self, recorder: Recorder) -> None:
        self._print({"what": "listening", "addresses": recorder.addresses})

    def show(self, news: News) -> None:
        self._print({"recording": news.recording, "what": news.what, **news.facts})

    def _print(self, value: dict[str, object]) -> None:
        sys.stdout.write(json.dumps(value) + "\n")
        sys.stdout.flush()


class _Lines:
    """A line for each thing that happens: seconds, whose, what."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = monotonic()

    def listens(self, recorder: Recorder) -> None:
        for address in recorder.addresses:
            self._print(Text(f"listens on {address}"))

    def show(self, news: News) -> None:
        mark = "WRONG: " if news.what == "fault" else ""
        text = f"{monotonic() - self._began:7.2f}  {news.recording}  {mark}{_printable(news.text)}"
        self._print(Text(text, style=_STYLES.get(news.what, "")))

    def _print(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)
        self._console.file.flush()


def _printable(text: str) -> str:
    """What a peer sent must not steer the terminal."""
    return "".join(c if c.isprintable() else "�" for c in text)
