"""The conductor: makes a flow's effects happen on live legs, and tells the flow what happens there.

`Calls` takes calls in, makes them and ends them; `Exchange` is what it is made of. `Registrar` and
`Trunks` know the phones and carriers around it.
"""

from .addresses import NameAddr, SipUri
from .binding_rows import BindingRows
from .exchange import Exchange
from .flow_book import FlowBook, Program, flow_sid
from .http_request import HttpClient, WebClient
from .ledger import Ledger
from .media_address import MediaAddress, MediaAddresses
from .player import Prompter
from .registrar import Binding, BindingStore, Registrar
from .routing import Router
from .service import CallLimits, Calls
from .trunks import Reachable, Registration, Trunk, Trunks

__all__ = [
    "Binding",
    "BindingRows",
    "BindingStore",
    "CallLimits",
    "Calls",
    "Exchange",
    "FlowBook",
    "HttpClient",
    "Ledger",
    "MediaAddress",
    "MediaAddresses",
    "NameAddr",
    "Program",
    "Prompter",
    "Reachable",
    "Registrar",
    "Registration",
    "Router",
    "SipUri",
    "Trunk",
    "Trunks",
    "WebClient",
    "flow_sid",
]
