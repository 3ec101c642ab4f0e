"""The life of a fork: names, track budget, parameters, and exactly one end for every start.

`Streams` is what all calls share, `CallStreams` the streams of one. The core moves the audio and
says when the far end answered or left; nothing here ever waits for a far end.
"""

from .call_streams import CallStreams, Streams
from .callbacks import LastWords
from .connectors import Connector, Connectors
from .life import End, EndReason, State
from .messages import CONNECTOR_INVALID, STREAM_FAILED
from .names import Named, StreamRequest
from .news import Hold, Participant, StreamNews
from .parts import StreamParts
from .picture import Picture
from .policy import StreamPolicy, StreamServer, UrlPattern
from .ports import StreamRecords
from .recorded_call import CallAbout
from .recorders import RecorderParts, Recorders
from .siprec import RecordingParts
from .websocket import handshake_headers

__all__ = [
    "CONNECTOR_INVALID",
    "STREAM_FAILED",
    "CallAbout",
    "CallStreams",
    "Connector",
    "Connectors",
    "End",
    "EndReason",
    "Hold",
    "LastWords",
    "Named",
    "Participant",
    "Picture",
    "RecorderParts",
    "Recorders",
    "RecordingParts",
    "State",
    "StreamNews",
    "StreamParts",
    "StreamPolicy",
    "StreamRecords",
    "StreamRequest",
    "StreamServer",
    "Streams",
    "UrlPattern",
    "handshake_headers",
]
