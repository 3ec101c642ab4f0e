"""What all calls share. Made once, by whoever wires the server together."""

from dataclasses import dataclass, field, replace

from bridgetap.engine import Core, IncomingCall
from bridgetap.flow import Options
from bridgetap.settings import CODECS, Codec
from bridgetap.streams import Streams
from bridgetap.twiml.effects import FETCH_TIMEOUT_S, CallCallback
from bridgetap.webhooks import CallbackSender, Sealed, WebhookSender

from .http_request import HttpClient
from .ledger import CallEntry, Ledger
from .media_address import MediaAddresses
from .parties import Parties
from .routing import Router
from .status_reports import StatusReports
from .tones import Prompter
from .transfer_policy import TransferPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """The server around a call."""

    core: Core
    ledger: Ledger
    router: Router
    streams: Streams
    prompter: Prompter
    http: HttpClient
    webhooks: WebhookSender
    callbacks: CallbackSender
    sealed: Sealed
    addresses: MediaAddresses
    codecs: tuple[Codec, ...] = CODECS
    document_timeout_s: float = FETCH_TIMEOUT_S
    transfers: TransferPolicy = field(default_factory=TransferPolicy)
    options: Options = field(default_factory=Options)

    def parties(self) -> Parties:
        """The parties of one more call."""
        return Parties(core=self.core, ledger=self.ledger, addresses=self.addresses, codecs=self.codecs)

    def report(self, entry: CallEntry, to: CallCallback | None, *, invite: IncomingCall | None = None) -> StatusReports:
        """Have somebody told of a call that has no row yet. `invite` is what brought it, where it came in."""
        reports = StatusReports(callbacks=self.callbacks, clock=self.ledger.clock, sealed=self.sealed, invite=invite)
        entry.reports = reports
        if to is not None:
            entry.record = replace(entry.record, callback=reports.watch(to))
        return reports
