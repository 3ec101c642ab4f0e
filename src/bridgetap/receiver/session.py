"""One stream's protocol, without a socket: text frames in, checked messages out.

The order is a table; everything that can be counted is counted per track.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from bridgetap.errors import InvalidInput

from .binary import parse_binary
from .checks import Faults, Series
from .coding import decoder, frame_bytes
from .g711 import FLOOR_DBFS, level_dbfs
from .messages import CallEvent, Connected, Dtmf, Gap, Mark, Media, Message, Start, Stop, Track, parse_message
from .timing import Lateness

CHUNK_MS = 20
CHUNK_BYTES = 160
_LEVEL_MS = 200  # a level is that of so much, or of one frame


class State(Enum):
    """What may come next."""

    NEW = auto()
    CONNECTED = auto()
    OPEN = auto()
    RESUMED = auto()  # another socket goes on with the stream
    STOPPED = auto()


NEXT = {
    (State.NEW, Connected): State.CONNECTED,
    (State.CONNECTED, Start): State.OPEN,
    (State.OPEN, Media): State.OPEN,
    (State.OPEN, Dtmf): State.OPEN,
    (State.OPEN, Mark): State.OPEN,
    (State.OPEN, CallEvent): State.OPEN,
    (State.OPEN, Gap): State.OPEN,
    (State.OPEN, Stop): State.STOPPED,
    # A sender may introduce itself again on the new socket, or go on at once.
    (State.RESUMED, Connected): State.RESUMED,
    (State.RESUMED, Start): State.OPEN,
    (State.RESUMED, Media): State.OPEN,
    (State.RESUMED, Dtmf): State.OPEN,
    (State.RESUMED, Mark): State.OPEN,
    (State.RESUMED, CallEvent): State.OPEN,
    (State.RESUMED, Gap): State.OPEN,
    (State.RESUMED, Stop): State.STOPPED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackFigures:
    """What came of one track. `late` chunks came more than 100 ms after the quickest one's pace."""

    frames: int = 0
    faults: Faults = field(default_factory=Faults)
    late: int = 0
    lateness_ms_p50: float = 0.0
    lateness_ms_p99: float = 0.0
    level_dbfs: float = FLOOR_DBFS
    timestamp_ms: int = 0


class Session:
    """Checks every frame. With `exact` it holds the sender to the protocol to the letter: no
    unknown keys, 160 bytes a chunk. Numbers that skip or repeat are counted, never an error: a
    sender that had to drop audio for us must not be cut off for it.

    A stream may go on over another socket (`resume`), also one that began before this program did
    (`continues`, after the last number that was `kept`): what was there before is then passed over.
    """

    def __init__(self, *, exact: bool = False, continues: bool = False, kept: int | None = None) -> None:
        self._exact = exact
        self._state = State.NEW
        self._first = 1 if not continues else None  # of each track's chunks
        self._numbers = Series((kept + 1 if kept is not None else None) if continues else 1)
        self._drop_repeats = continues
        self._tracks: dict[Track, _TrackState] = {}
        self._start: Start | None = None
        self._chunk_bytes = CHUNK_BYTES
        self.replayed = 0  # messages passed over, because they came before

    @property
    def state(self) -> State:
        return self._state

    @property
    def faults(self) -> Faults:
        """Of the sequence numbers, which all messages of a socket share."""
        return self._numbers.faults

    def figures(self) -> dict[Track, TrackFigures]:
        """Each announced track, whether anything came of it or not."""
        return {track: state.figures() for track, state in self._tracks.items()}

    def resume(self) -> None:
        """Another socket goes on with the stream, unless it has stopped."""
        if self._state is not State.STOPPED:
            self._state = State.RESUMED
            self._drop_repeats = True

    def receive(self, text: str | bytes, now: float) -> Message | None:
        """One frame, that came at `now` seconds; None: it came before."""
        message = self._parse(text)
        try:
            self._state = NEXT[self._state, type(message)]
        except KeyError:
            event = type(message).__name__.lower()
            raise InvalidInput("event", event, f"may not come while {self._state.name.lower()}") from None
        if isinstance(message, Connected):
            return message
        if isinstance(message, Start) and self._start is None:
            self._begin(message)
        elif self._start and message.stream_sid != self._start.stream_sid:
            raise InvalidInput("streamSid", message.stream_sid, f"must be that of the start, {self._start.stream_sid}")
        if self._drop_repeats:
            if isinstance(message, Start):
                return message  # its number is that of the first one
            if self._numbers.has(message.sequence_number):
                self.replayed += 1
                return None
        self._numbers.take(message.sequence_number)
        if isinstance(message, Media):
            self._check_media(message, now)
        return message

    def _parse(self, text: str | bytes) -> Message:
        start = self._start
        if isinstance(text, bytes) and start and start.extensions and start.extensions.framing == "binary":
            return parse_binary(text, start.stream_sid)
        return parse_message(text, exact=self._exact)

    def _begin(self, start: Start) -> None:
        self._start = start
        decode = decoder(start.media_format)
        tracks: tuple[Track, ...] = start.tracks
        shape = start.extensions
        frame_ms = CHUNK_MS if shape is None else shape.frame_ms
        if shape is not None:
            self._chunk_bytes = frame_bytes(start.media_format, frame_ms)
            if shape.channels != "separate":
                tracks = (shape.channels,)
        self._tracks = {track: _TrackState(decode, first=self._first, frame_ms=frame_ms) for track in tracks}

    def _check_media(self, media: Media, now: float) -> None:
        if media.track not in self._tracks:
            raise InvalidInput("media.track", media.track, f"must be one of {', '.join(self._tracks)}, as started")
        size = len(media.payload)
        if self._exact and size != self._chunk_bytes and not self._may_be_the_last(size):
            rule = f"must be {self._chunk_bytes} bytes, as started"
            raise InvalidInput("media.payload", f"{size} bytes", rule)
        self._tracks[media.track].take(media, now)

    def _may_be_the_last(self, size: int) -> bool:
        """A stream that is stopped in the middle of a long frame sends what there is of it."""
        if self._start is None or self._start.extensions is None:
            return False
        return 0 < size < self._chunk_bytes and size % frame_bytes(self._start.media_format, CHUNK_MS) == 0


class _TrackState:
    def __init__(self, decode: Callable[[bytes], bytes], *, first: int | None, frame_ms: int) -> None:
        self.chunks = Series(first)
        self._decode = decode
        self._frames = 0
        self._lateness = Lateness()
        self._recent: deque[bytes] = deque(maxlen=max(1, _LEVEL_MS // frame_ms))
        self._timestamp_ms = 0

    def take(self, media: Media, now: float) -> None:
        self.chunks.take(media.chunk)
        self._lateness.take(media.timestamp_ms, now)
        self._recent.append(media.payload)
        self._frames += 1
        self._timestamp_ms = media.timestamp_ms

    def figures(self) -> TrackFigures:
        return TrackFigures(
            frames=self._frames,
            faults=self.chunks.faults,
            late=self._lateness.late,
            lateness_ms_p50=self._lateness.percentile_ms(50),
            lateness_ms_p99=self._lateness.percentile_ms(99),
            level_dbfs=level_dbfs(b"".join(map(self._decode, self._recent))),
            timestamp_ms=self._timestamp_ms,
        )
