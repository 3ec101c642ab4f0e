"""Being a recording client (RFC 7865, 7866): what a recorder is told, and how it travels. Pure.

`snapshot` and `changes` make documents of a call, `document` turns them into XML and back, `multipart`
puts them beside SDP, `carry` decides where custom parameters go.
"""

from .identity import RecordingId, is_id, make_id
from .metadata import CallFacts, NameId, Recording
from .parameters import CarriedParameters, ParametersAs, carry
from .snapshot import Party, RecordedCall, RecordedTrack, changes, snapshot

__all__ = [
    "CallFacts",
    "CarriedParameters",
    "NameId",
    "ParametersAs",
    "Party",
    "RecordedCall",
    "RecordedTrack",
    "Recording",
    "RecordingId",
    "carry",
    "changes",
    "is_id",
    "make_id",
    "snapshot",
]
