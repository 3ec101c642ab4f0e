"""`bridgetap serve`: the server until SIGTERM, then drained."""

import asyncio
import gc
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import structlog
import typer

from bridgetap.settings import Settings

from .config import ConfigOption, find_config, load_settings
from .descriptors import make_room
from .logs import configure_logs
from .wiring import RunningServer, open_server

log = structlog.get_logger(__name__)

INTERRUPTED = 130
SIGNALS = (signal.SIGTERM, signal.SIGINT)


def serve(
    config: ConfigOption = None,
    trace_sip: Annotated[
        Path | None,
        typer.Option("--trace-sip", metavar="FILE.pcap", help="Write every SIP message there, for Wireshark."),
    ] = None,
) -> None:
    """Run the server until SIGTERM or Ctrl-C, then drain.

    Draining: new calls are refused with 503, live ones may go on for
    calls.drain_s seconds and are then ended. A second signal ends everything
    at once. What it listens on is printed when it is up; logs go to standard
    error.

    A flow file that changes counts from the next call on. Other settings are
    read once.

    \b
    Exit codes
      0    stopped by a signal, and drained
      2    a setting, flow, address or file cannot be used; it is named
      130  ended at once by a second signal
    """
    settings = load_settings(config)
    configure_logs(settings.log)
    path = find_config(config)
    folder = path.absolute().parent if path is not None else Path.cwd()
    make_room()
    if not asyncio.run(run_server(settings, folder=folder, trace=trace_sip)):
        raise typer.Exit(INTERRUPTED)


async def run_server(settings: Settings, *, folder: Path | None = None, trace: Path | None = None) -> bool:
    """Serve until a signal, then drain. False when a second signal cut that short."""
    async with open_server(settings, folder=folder, trace=trace) as server:
        with _signals() as arrived:
            keep_what_was_loaded()
            announce(server)
            await arrived.get()
            log.info("server.draining")
            async with asyncio.TaskGroup() as tasks:
                drained = tasks.create_task(server.drain())
                again = tasks.create_task(arrived.get())
                await asyncio.wait([drained, again], return_when=asyncio.FIRST_COMPLETED)
                in_time = drained.done()
                drained.cancel()
                again.cancel()
        return in_time


@contextmanager
def _signals() -> Iterator[asyncio.Queue[signal.Signals]]:
    """SIGTERM and SIGINT as they come, instead of what they do by default."""
    loop = asyncio.get_running_loop()
    arrived: asyncio.Queue[signal.Signals] = asyncio.Queue()  # a person's patience bounds it
    for number in SIGNALS:
        loop.add_signal_handler(number, arrived.put_nowait, number)
    try:
        yield arrived
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


def keep_what_was_loaded() -> None:
    """Take what start-up made out of garbage collection: a full one over all modules would stop the
    event loop for some 100 ms in the middle of a call."""
    gc.collect()
    gc.freeze()


def announce(server: RunningServer) -> None:
    """Where it can be reached, for whoever started it."""
    for address in server.sip_addresses:
        typer.echo(f"SIP   {address}")
    typer.echo(f"HTTP  http://{server.http_address}")
    if server.settings.http.public_url:
        typer.echo(f"      {server.settings.http.public_url}")
    typer.echo(f"account {server.account.sid}")
