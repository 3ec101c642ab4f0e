"""A small SIPREC recorder (RFC 7866's SRS): for demos and tests, and to develop against.

Takes recordings, judges each message strictly, writes one WAV a track and the metadata as it came, and
can be told to misbehave. Not a product: it keeps what it is sent, and keeps nobody out.
"""

from .checks import judge
from .conduct import Conduct
from .news import News
from .recorder import Recorder, RecorderConfig, open_recorder
from .recording import Recording, Track

__all__ = ["Conduct", "News", "Recorder", "RecorderConfig", "Recording", "Track", "judge", "open_recorder"]
