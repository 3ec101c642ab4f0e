"""`bridgetap stream doctor`: what is wrong with a stream server, and what to change."""

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from bridgetap.doctor import (
    TITLES,
    TRACKS,
    Order,
    Place,
    Report,
    Severity,
    Step,
    StepResult,
    Verdict,
    examine,
    make_context,
    refused_url,
)
from bridgetap.errors import ConfigurationError, InvalidStream
from bridgetap.flow.stream_options import TWILIO
from bridgetap.flow.stream_url import StreamUrl
from bridgetap.settings import open_account
from bridgetap.streams import handshake_headers

from .config import ConfigOption, find_config, load_settings
from .stream_policy import stream_policy

FINDINGS = 1
_MARKS = {
    Verdict.OK: ("✓", "green"),
    Verdict.WARNING: ("!", "yellow"),
    Verdict.FAULT: ("✗", "red"),
    Verdict.SKIPPED: ("–", "dim"),
}
_WIDEST = max(map(len, TITLES.values()))


def doctor(
    url: Annotated[str, typer.Argument(metavar="URL", help="The server, as streams are given it: wss://host/path.")],
    token: Annotated[
        str | None,
        typer.Option(envvar="BRIDGETAP_AUTH_TOKEN", metavar="TOKEN", help="The account's auth token, to sign with."),
    ] = None,
    ca: Annotated[Path | None, typer.Option(metavar="FILE", help="PEM file of authorities to trust too.")] = None,
    parameter: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="A stream parameter; may be repeated.")
    ] = None,
    tracks: Annotated[
        str, typer.Option(metavar="TRACKS", help="inbound_track, outbound_track or both_tracks.")
    ] = "both_tracks",
    seconds: Annotated[
        float, typer.Option(min=1, max=60, metavar="SECONDS", help="Audio sent in real time, and again at once.")
    ] = 5.0,
    connect_to: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Connect there; the URL's name stays in TLS, Host and signature."),
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME:VALUE", help="One more header of the handshake; may be repeated."),
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="PEM file: the certificate that we show the server.")
    ] = None,
    key: Annotated[Path | None, typer.Option(metavar="FILE", help="PEM file: the key of --certificate.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as findings: exit 1.")] = False,
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")] = False,
) -> None:
    """Connect to a stream server as a call would, and say what to change.

    With a made-up call and a synthetic voice, in this order: DNS, TCP, the
    certificate chain, the upgrade, whether signatures are verified, pings, the
    pace it reads at, whether it sends what nobody hears, whether it stays, and
    how it takes stop. Takes about 7 seconds for a good server.

    Trusted authorities, the auth token, allowed networks, time limits and the
    [[stream_options]] of this URL are those of the configuration, where there
    is one; --ca, --token and --certificate go before.

    \b
    Examples
      bridgetap stream doctor wss://media.example.com/in --token "$TOKEN"
      bridgetap stream doctor wss://media.example.com/in --connect-to 10.0.0.5:8443
      bridgetap stream doctor wss://localhost:8443/ --ca ca.pem --json

    \b
    Exit codes
      0  a stream to this server would be well; warnings may stand
      1  at least one fault: a stream would fail, lose audio or never end
      2  wrong use
    """
    order = _order(url, config, tracks=tracks, connect_to=connect_to)
    if isinstance(order, Order):
        order = replace(
            order,
            token=order.token if token is None else token,
            ca_file=order.ca_file if ca is None else ca,
            parameters=dict(_pair("--parameter", "=", text) for text in parameter or []),
            headers=[*order.headers, *(_pair("--header", ":", text) for text in header or [])],
            client_certificate=order.client_certificate if certificate is None else certificate,
            client_key=order.client_key if certificate is None else key,
            seconds=seconds,
        )
    view = _Quiet() if as_json else _Lines(Console(highlight=False))
    if isinstance(order, Report):
        report = order
        for step in report.steps:
            view.tell(step)
    else:
        report = asyncio.run(examine(order, context=make_context(order), told=view.tell))
    if as_json:
        sys.stdout.write(json.dumps(report.to_json(), ensure_ascii=False) + "\n")
    else:
        view.close(report)
    if report.faults or (strict and report.warnings):
        raise typer.Exit(FINDINGS)


def _order(url: str, config: Path | None, *, tracks: str, connect_to: str | None) -> Order | Report:
    """What is to be examined, or the report on a URL that cannot be."""
    if tracks not in TRACKS:
        raise ConfigurationError("--tracks", f"{tracks!r}: must be one of {', '.join(TRACKS)}")
    place = None if connect_to is None else Place.parse(connect_to)
    try:
        parsed = StreamUrl.parse(url, place="URL")
    except InvalidStream as error:
        return refused_url(url, error.rule, error.code)
    order = _configured(Order(url=parsed), config)
    if tracks != "both_tracks":  # where the configuration asks for both in one, it does not count for one
        order = replace(order, shape=replace(order.shape, channels="separate"))
    return replace(order, tracks=TRACKS[tracks], connect_to=place)


def _configured(order: Order, config: Path | None) -> Order:
    """With what streams of the configured server would have for this URL."""
    if find_config(config) is None:
        return order
    settings = load_settings(config)
    try:
        token = open_account(settings.account, create=False).auth_token
    except ConfigurationError:  # a server that has not run yet has made no token
        token = None
    policy = stream_policy(settings)
    options, server = policy.options(TWILIO, order.url), policy.server(order.url)
    streams = settings.streams
    order = replace(
        order,
        token=token,
        ca_file=streams.trusted_ca,
        system_roots=streams.system_roots,
        connect_timeout_s=streams.connect_timeout_ms / 1000,
        max_lag_s=options.lag_bound_ms / 1000,
        sign_empty_path=streams.sign_empty_path,
        allow_query=streams.allow_query,
        shape=options,
        user_agent=settings.sip.user_agent,
        allow_networks=streams.allow_networks,
        deny_networks=streams.deny_networks,
        headers=handshake_headers(options),
        pins=options.certificate_pins,
    )
    if server is None:
        return order
    if server.trusted_ca is not None:  # the only authorities for this server
        order = replace(order, ca_file=Path(server.trusted_ca), system_roots=False)
    if server.client_certificate is not None and server.client_key is not None:
        order = replace(order, client_certificate=Path(server.client_certificate), client_key=Path(server.client_key))
    return order


def _pair(option: str, between: str, text: str) -> tuple[str, str]:
    name, found, value = text.partition(between)
    if not found or not name or not (name + value).isprintable():
        shape = f"NAME{between}VALUE" if option == "--header" else f"KEY{between}VALUE"
        raise ConfigurationError(option, f"{name or '(empty)'}: must be {shape}")
    return name, value.strip() if option == "--header" else value


class _Quiet:
    """Nothing until the end."""

    def tell(self, step: StepResult) -> None: ...

    def close(self, report: Report) -> None: ...


class _Lines:
    """A checklist that grows as the steps are done, in colour on a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told: set[Step] = set()

    def tell(self, step: StepResult) -> None:
        self._told.add(step.step)
        mark, style = _MARKS[step.verdict]
        first = Text.assemble((mark, style), " ", f"{TITLES[step.step]:<{_WIDEST}}  ", (step.detail, "dim"))
        self._print(first)
        for finding in step.findings:
            colour = "red" if finding.severity is Severity.FAULT else "yellow"
            code = f" [{finding.code}]" if finding.code else ""
            self._print(Text.assemble((finding.text + code, colour)), indent=4)
            self._print(Text.assemble(("→ ", "bold"), finding.change), indent=4)

    def close(self, report: Report) -> None:
        left = [TITLES[step] for step in Step if step not in self._told]
        if left:
            self._print(Text(f"– not come to: {', '.join(left)}", style="dim"))
        self._console.print()
        words = _count(report.faults, "fault") + (f", {_count(report.warnings, 'warning')}" if report.warnings else "")
        good = "a stream to this server would be well"
        self._print(Text(words if report.faults else f"{good} ({words})" if report.warnings else good, style="bold"))

    def _print(self, text: Text, *, indent: int = 0) -> None:
        if self._console.is_terminal:
            self._console.print(Padding(text, (0, 0, 0, indent)))
        else:
            self._console.print(" " * indent + text.plain, soft_wrap=True, markup=False)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}" if number else f"no {what}"
