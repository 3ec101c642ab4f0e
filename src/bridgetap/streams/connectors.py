"""Connectors: named recorders that a SIPREC stream goes to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from bridgetap.engine import TlsIdentity
from bridgetap.errors import InvalidStream
from bridgetap.flow.stream_rules import CONNECTOR_UNKNOWN
from bridgetap.siprec import ParametersAs
from bridgetap.siprec.recorder_uri import RecorderUri

from .messages import CONNECTOR_INVALID

MetadataType: TypeAlias = Literal["standard", "legacy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """One chain of recorders: the first that takes a call records it, the next stands in when it is lost."""

    name: str
    recorders: tuple[RecorderUri, ...]
    header: tuple[str, str] | None = field(default=None, repr=False)  # its credentials, sent with every INVITE
    username: str = ""
    password: str = field(default="", repr=False)
    parameters_as: ParametersAs = "both"
    metadata_type: MetadataType = "standard"
    outbound_first: bool = False  # label 1 is what the party hears, for recorders that want it so
    answer_s: float = 4.0
    ping_s: float = 10.0  # how often a recorder is asked whether it still records; 0: never
    patient: bool = False  # a recording that was lost is offered again for half a minute before it has failed
    mandatory: bool = False  # a call that should be recorded and is not ends
    tone: bool = False  # who cannot be told in SDP hears a beep while it records
    mirrors: tuple[str, ...] = ()  # connectors that record at the same time, each for itself
    trusted_ca: str | None = None  # PEM files; the only authorities trusted for its recorders
    client_certificate: str | None = None
    client_key: str | None = None
    broken: tuple[str, ...] = ()  # why it cannot be used

    def identity(self, *, own: bool) -> TlsIdentity | None:
        """Who we are toward a recorder over TLS. One that is not of its `own` hosts is shown no certificate, and
        trusted no further than they are."""
        shown = (self.client_certificate, self.client_key) if own else (None, None)
        identity = TlsIdentity(trusted_ca=self.trusted_ca, client_certificate=shown[0], client_key=shown[1])
        return None if identity == TlsIdentity() else identity


class Connectors:
    """All of them, by name."""

    def __init__(self, connectors: Mapping[str, Connector]) -> None:
        self._connectors = dict(connectors)

    def find(self, name: str, *, place: str = "connector") -> Connector:
        """`InvalidStream` where there is none of that name (31940), or it cannot be used (31942)."""
        connector = self._connectors.get(name)
        if connector is None:
            known = ", ".join(sorted(self._connectors)) or "none is configured"
            rule = f"no connector of that name is configured; there are: {known}" if self._connectors else known
            raise InvalidStream(place, name, rule, code=CONNECTOR_UNKNOWN)
        if connector.broken:
            raise InvalidStream(place, name, "; ".join(connector.broken), code=CONNECTOR_INVALID)
        return connector

    def is_mandatory(self, name: str) -> bool:
        """Whether a call that this one should record and cannot has to end, even where it is broken."""
        return name in self._connectors and self._connectors[name].mandatory

    def chains(self, name: str) -> tuple[Connector, ...]:
        """The connector of that name and its mirrors, each a recording of its own; those of a mirror do not count.
        A mirror that cannot be used is left out: `broken_mirrors` says why."""
        connector = self.find(name)
        mirrors = (self._connectors.get(mirror) for mirror in connector.mirrors)
        return (connector, *(mirror for mirror in mirrors if mirror is not None and not mirror.broken))

    def broken_mirrors(self, name: str) -> tuple[str, ...]:
        """What is wrong with each mirror that `chains` leaves out."""
        problems: list[str] = []
        for mirror in self.find(name).mirrors:
            try:
                self.find(mirror, place="mirror")
            except InvalidStream as error:
                problems.append(str(error))
        return tuple(problems)

    def __iter__(self) -> Iterator[Connector]:
        return iter(self._connectors.values())
