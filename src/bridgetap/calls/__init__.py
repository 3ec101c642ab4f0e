"""The conductor: makes the effects of flows and TwiML documents happen on live legs, and tells them what happens there.

`Calls` takes calls in, makes them and ends them; `Exchange` is what it is made of. `Registrar` and
`Trunks` know the phones and carriers around it.
"""

from .addresses import NameAddr, SipUri
from .binding_rows import BindingRows
from .exchange import Exchange
from .flow_book import FlowBook, Program, flow_sid
from .http_request import HttpClient, WebClient
from .instructions import CallChange, NewCall, Voice
from .ledger import Ledger
from .media_address import MediaAddress, MediaAddresses
from .registrar import Binding, BindingStore, Registrar
from .routing import Router
from .service import CallLimits, Calls
from .status_reports import LastWords
from .tones import Prompter
from .transfer_policy import TransferPolicy
from .trunks import Reachable, Registration, Trunk, Trunks

__all__ = [
    "Binding",
    "BindingRows",
    "BindingStore",
    "CallChange",
    "CallLimits",
    "Calls",
    "Exchange",
    "FlowBook",
    "HttpClient",
    "LastWords",
    "Ledger",
    "MediaAddress",
    "MediaAddresses",
    "NameAddr",
    "NewCall",
    "Program",
    "Prompter",
    "Reachable",
    "Registrar",
    "Registration",
    "Router",
    "SipUri",
    "TransferPolicy",
    "Trunk",
    "Trunks",
    "Voice",
    "WebClient",
    "flow_sid",
]
