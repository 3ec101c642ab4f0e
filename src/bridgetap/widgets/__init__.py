"""Every widget that Bridgetap runs, one file each. A new one is a new file and a line here."""

from collections.abc import Mapping
from types import MappingProxyType

from bridgetap.flow.widget import WidgetType

from . import connect_call_to, fork_stream, say_play, set_variables, split_based_on, trigger
from .fork_stream import ForkStream

_TYPES = (
    trigger.TYPE,
    connect_call_to.TYPE,
    fork_stream.TYPE,
    say_play.TYPE,
    set_variables.TYPE,
    split_based_on.TYPE,
)

WIDGETS: Mapping[str, WidgetType] = MappingProxyType({found.type: found for found in _TYPES})

__all__ = ["WIDGETS", "ForkStream"]
