"""A whole telephone system on 127.0.0.1: the server as `serve` runs it, a receiver, a caller and a callee.

The demo and the simulator stage their calls on it. Every port is a free one, the authority is made
up for the occasion, and the configuration is a file like any other.
"""

import gc
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

import structlog

from bridgetap.errors import ConfigurationError
from bridgetap.phone import Phone, PhoneConfig, open_phone
from bridgetap.receiver import Receiver
from bridgetap.receiver.authority import make_authority
from bridgetap.recorder import News, Recorder, RecorderConfig, open_recorder
from bridgetap.settings import Settings

from .tape import Tape
from .wiring import Outside, RunningServer, open_server

HOST = "127.0.0.1"
STREAM_PATH = "/media"
CONFIGURATION = """\
# Written by bridgetap; good for this run: ports and phones are gone afterwards.
[sip]
listen = ["udp://127.0.0.1:0", "tcp://127.0.0.1:0"]

[media]
threads = 1

[http]
listen = "127.0.0.1:0"

[store]
url = "sqlite:///bridgetap.db"

[account]
auth_token = "{token}"

[streams]
trusted_ca = "ca.pem"
system_roots = {system_roots}
allow_networks = ["127.0.0.0/8"]

[voice]
audio_folder = "{audio_folder}"

[[numbers]]
number = "*"
flow = "flow.json"

[[trunks]]
name = "callee"
uri = "{callee}"
match = ["+", ""]
ping_s = 0

[[users]]
username = "caller"
password = "{password}"
{connectors}"""
CONNECTOR = """
[[connectors]]
name = "{name}"
recorders = ["{recorder}"]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loopback:
    """What stands on the stage."""

    folder: Path
    server: RunningServer
    receiver: Receiver
    tape: Tape
    caller: Phone
    callee: Phone
    recorder: Recorder | None = None

    def target(self, number: str) -> str:
        """The SIP URI of a number at the server."""
        return f"sip:{number}@{self.server.sip_address}"


def make_output(folder: Path) -> None:
    """The folder for what was heard; `ConfigurationError` where it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".writable").touch()
        (folder / ".writable").unlink()
    except OSError as error:
        raise ConfigurationError("--output", f"{folder} cannot be written: {error.strerror}") from None


@contextmanager
def log_to(path: Path) -> Iterator[None]:
    """The server's log into a file: standard output and standard error belong to the command."""
    with path.open("w") as file:
        structlog.configure(
            processors=[
                structlog.contextvars.merge_contextvars,
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
            logger_factory=structlog.PrintLoggerFactory(file=file),
            cache_logger_on_first_use=False,
        )
        try:
            yield
        finally:
            structlog.reset_defaults()


@asynccontextmanager
async def open_loopback(
    *,
    folder: Path,
    output: Path,
    flow: Callable[[str], Mapping[str, Any]],
    audio_folder: Path | None = None,
    system_roots: bool = False,
    outside: Callable[[str], Outside] | None = None,
    connector: str = "",
    recorder_told: Callable[[News], None] = lambda news: None,
) -> AsyncIterator[Loopback]:
    """Everything up, the caller registered. `flow` gets the receiver's URL and gives the definition;
    `folder` takes what the server needs, `output` what the receiver hears.

    `outside` gets the callee's URI and gives the server another world than this machine. Its streams
    may then be signed for other URLs than the receiver's own, which takes them unverified. With a
    `connector` there is a recorder too, which flows know by that name.
    """
    authority = make_authority(folder)
    token, password = token_hex(16), token_hex(16)
    tape = Tape(folder=output)
    receiving = Receiver.serve(
        tape.listen,
        host=HOST,
        ssl=authority.server_context(),
        auth_token=token if outside is None else None,
        exact=True,
    )
    async with (
        _recorder(output, told=recorder_told, wanted=bool(connector)) as recorder,
        receiving as receiver,
        open_phone(PhoneConfig(name="callee")) as callee,
        open_phone(PhoneConfig(name="caller", username="caller", password=password)) as caller,
    ):
        definition = flow(f"wss://{HOST}:{receiver.port}{STREAM_PATH}")
        (folder / "flow.json").write_text(json.dumps(definition, indent=2, ensure_ascii=False) + "\n")
        configuration = folder / "bridgetap.toml"
        configuration.write_text(
            CONFIGURATION.format(
                token=token,
                password=password,
                callee=callee.uri,
                system_roots=json.dumps(system_roots),
                audio_folder=(audio_folder or folder).absolute(),
                connectors=CONNECTOR.format(name=connector, recorder=recorder.uri()) if recorder is not None else "",
            )
        )
        world = outside(callee.uri) if outside is not None else None
        async with open_server(Settings.load(configuration, {}), folder=folder, outside=world) as server:
            await caller.register(f"sip:{server.sip_address}")
            gc.collect()
            gc.freeze()  # a full collection of all that was imported would stop everybody for 100 ms
            yield Loopback(
                folder=folder,
                server=server,
                receiver=receiver,
                tape=tape,
                caller=caller,
                callee=callee,
                recorder=recorder,
            )


@asynccontextmanager
async def _recorder(folder: Path, *, told: Callable[[News], None], wanted: bool) -> AsyncIterator[Recorder | None]:
    if not wanted:
        yield None
        return
    async with open_recorder(RecorderConfig(folder=folder), told=told) as recorder:
        yield recorder
