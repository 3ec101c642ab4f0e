"""What all calls share. Made once, by whoever wires the server together."""

from dataclasses import dataclass, field

from bridgetap.engine import Core
from bridgetap.flow import Options
from bridgetap.settings import CODECS, Codec
from bridgetap.streams import Streams
from bridgetap.webhooks import CallbackSender, WebhookSender

from .http_request import HttpClient
from .ledger import Ledger
from .media_address import MediaAddresses
from .parties import Parties
from .player import Prompter
from .routing import Router


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
    addresses: MediaAddresses
    codecs: tuple[Codec, ...] = CODECS
    options: Options = field(default_factory=Options)

    def parties(self) -> Parties:
        """The parties of one more call."""
        return Parties(core=self.core, ledger=self.ledger, addresses=self.addresses, codecs=self.codecs)
