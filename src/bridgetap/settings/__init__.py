"""The configuration: one TOML file, the environment over it, parsed into real types or refused whole."""

from .account import Account, derive_sid, open_account
from .base import Section
from .calls import CallsSettings, StreamsSettings, VoiceSettings, WebhooksSettings
from .connectors import ConnectorSettings
from .directory import NumberSettings, TrunkSettings, UserSettings
from .model import Settings
from .nearest import tables
from .network import CODECS, Codec, HttpSettings, MediaSettings, SipSettings
from .numbers import ANY, E164, Number, normalise_number
from .problems import InvalidSettings, SettingProblem
from .server import AccountSettings, LogSettings, StoreSettings
from .stream_options import StreamOptionsSettings
from .values import Address, HostPort, ListenAddress, Network
from .webhook_url import WebhookUrl

__all__ = [
    "ANY",
    "CODECS",
    "E164",
    "Account",
    "AccountSettings",
    "Address",
    "CallsSettings",
    "Codec",
    "ConnectorSettings",
    "HostPort",
    "HttpSettings",
    "InvalidSettings",
    "ListenAddress",
    "LogSettings",
    "MediaSettings",
    "Network",
    "Number",
    "NumberSettings",
    "Section",
    "SettingProblem",
    "Settings",
    "SipSettings",
    "StoreSettings",
    "StreamOptionsSettings",
    "StreamsSettings",
    "TrunkSettings",
    "UserSettings",
    "VoiceSettings",
    "WebhookUrl",
    "WebhooksSettings",
    "derive_sid",
    "normalise_number",
    "open_account",
    "tables",
]
