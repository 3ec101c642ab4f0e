"""The flow engine: runs a Studio definition. Knows nothing of SIP, media or storage; reads no clock.

Effects (`flow.effects`) are what a flow asks for, events (`flow.events`) are what it is told; a
widget (`flow.widget`) turns one into the other.
"""

from .context import Context
from .definition import Definition
from .engine import Execution, Step
from .stream_url import StreamUrl
from .template import Template
from .widget import Options, Registry

__all__ = ["Context", "Definition", "Execution", "Options", "Registry", "Step", "StreamUrl", "Template"]
