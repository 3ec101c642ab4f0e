"""The life of a fork: names, track budget, parameters, and exactly one end for every start.

`Streams` is what all calls share, `CallStreams` the streams of one. The core moves the audio and
says when the far end answered or left; nothing here ever waits for a far end.
"""

from .call_streams import CallStreams, Streams
from .life import End, EndReason, State
from .names import Named, StreamRequest
from .ports import NewStream, Notifier, StreamRecords
from .websocket import StreamPolicy, check_parameters

__all__ = [
    "CallStreams",
    "End",
    "EndReason",
    "Named",
    "NewStream",
    "Notifier",
    "State",
    "StreamPolicy",
    "StreamRecords",
    "StreamRequest",
    "Streams",
    "check_parameters",
]
