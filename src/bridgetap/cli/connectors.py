"""The `[[connectors]]` of the configuration as what recordings are made by."""

import re
from collections.abc import Iterator
from pathlib import Path

from bridgetap.errors import InvalidInput, InvalidStream
from bridgetap.flow import Definition
from bridgetap.settings import ConnectorSettings, Settings
from bridgetap.siprec.parameters import CORE_HEADERS
from bridgetap.siprec.recorder_uri import RecorderUri, parse_recorder
from bridgetap.streams import Connector, Connectors
from bridgetap.widgets import ForkStream

_TOKEN = re.compile(r"[A-Za-z0-9.!%*_+`'~-]+")  # RFC 3261 §25.1


def connectors_of(settings: Settings) -> Connectors:
    """All of them; what keeps one from being used stands in it, so that it costs no other its work."""
    return Connectors({entry.name: _connector(entry) for entry in settings.connectors})


def missing_connectors(definition: Definition, connectors: Connectors) -> Iterator[InvalidStream]:
    """Those that a flow names, as far as that is known before any call, and cannot use."""
    for state in definition.states.values():
        if not isinstance(state.widget, ForkStream):
            continue
        fields = state.widget.known()
        if fields.action == "start" and fields.transport in ("siprec", "") and fields.connector and not fields.url:
            try:
                connectors.find(fields.connector, place=state.widget.places.connector)
            except InvalidStream as error:
                yield error


def _connector(entry: ConnectorSettings) -> Connector:
    recorders: list[RecorderUri] = []
    broken: list[str] = []
    for number, text in enumerate(entry.recorders):
        try:
            uri = parse_recorder(text, place=f"recorders[{number}]", transport=entry.transport, secure=entry.secure)
        except InvalidInput as error:
            broken.append(str(error))
            continue
        recorders.append(uri)
        if uri.secure and uri.transport != "tls":
            # RFC 4568 §8.3: a key that anybody on the way can read is none.
            broken.append(f"recorders[{number}]: secure=true needs transport=tls, not {uri.transport}")
    tls_files = entry.trusted_ca is not None or entry.client_certificate is not None
    if tls_files and recorders and all(uri.transport != "tls" for uri in recorders):
        broken.append("trusted_ca and client_certificate are for TLS, and no recorder has transport=tls")
    header = None
    if entry.credentials_header is not None and entry.credentials is not None:
        header = (entry.credentials_header, entry.credentials.get_secret_value())
        broken += _of_header(*header)
    return Connector(
        name=entry.name,
        recorders=tuple(recorders),
        header=header,
        username=entry.username,
        password="" if entry.password is None else entry.password.get_secret_value(),
        parameters_as=entry.parameters_as,
        metadata_type=entry.metadata_content_type,
        outbound_first=entry.label_order == "outbound-first",
        answer_s=entry.answer_timeout_s,
        ping_s=entry.ping_s,
        patient=not entry.mandatory,
        mandatory=entry.mandatory,
        tone=entry.tone,
        mirrors=entry.mirrors,
        trusted_ca=_path(entry.trusted_ca),
        client_certificate=_path(entry.client_certificate),
        client_key=_path(entry.client_key),
        broken=tuple(broken),
    )


def _path(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _of_header(name: str, value: str) -> list[str]:
    if not _TOKEN.fullmatch(name) or name.lower() in CORE_HEADERS:
        return [f"credentials_header: {name!r}: must be the name of a header that is not SIP's own"]
    if not value.isascii() or not value.isprintable() or value != value.strip():
        return ["credentials: must be printable ASCII on one line"]
    return []
