"""How far a stream's messages have been kept, so that a sender that resumes knows where to go on.

A sender that reconnects asks `Bridgetap-Resume: <streamSid>; sent=<n>`; the answer's
`Bridgetap-Resume-From` is the last sequence number that was kept.
"""

import os
import re
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bridgetap.ids import StreamSid

ASK, ANSWER = "Bridgetap-Resume", "Bridgetap-Resume-From"
_ASKED = re.compile(r"\s*(MZ[0-9a-fA-F]{32})\s*(?:;\s*sent=([0-9]{1,18})\s*)?")
_REMEMBERED = 10_000
_MOST_OPEN = 200  # files; a process may often have 1024 open


class Kept(Protocol):
    """The last sequence number that was kept of each stream. Called on the event loop: be quick."""

    def last(self, stream_sid: StreamSid) -> int | None:
        """None: nothing is known of it."""
        ...

    def keep(self, stream_sid: StreamSid, sequence_number: int) -> None:
        """Everything up to that number has been handled."""
        ...

    def forget(self, stream_sid: StreamSid) -> None:
        """The stream has ended."""
        ...


class KeptInMemory:
    """Survives a cut connection, not a killed program."""

    def __init__(self) -> None:
        self._last: OrderedDict[StreamSid, int] = OrderedDict()

    def last(self, stream_sid: StreamSid) -> int | None:
        return self._last.get(stream_sid)

    def keep(self, stream_sid: StreamSid, sequence_number: int) -> None:
        self._last[stream_sid] = sequence_number
        while len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)

    def forget(self, stream_sid: StreamSid) -> None:
        self._last.pop(stream_sid, None)


class KeptInFolder:
    """One small file a stream: survives a killed program (`kill -9`), not a lost disk."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._open: OrderedDict[StreamSid, int] = OrderedDict()  # the one written last comes last

    def last(self, stream_sid: StreamSid) -> int | None:
        try:
            return int(self._path(stream_sid).read_bytes())
        except (OSError, ValueError):
            return None

    def keep(self, stream_sid: StreamSid, sequence_number: int) -> None:
        if stream_sid not in self._open:
            self._open[stream_sid] = os.open(self._path(stream_sid), os.O_WRONLY | os.O_CREAT, 0o600)
            while len(self._open) > _MOST_OPEN:  # one that never said stop is written no more
                os.close(self._open.popitem(last=False)[1])
        self._open.move_to_end(stream_sid)
        # One write of one length: whoever reads it sees the old number or the new one.
        os.pwrite(self._open[stream_sid], b"%020d" % sequence_number, 0)

    def forget(self, stream_sid: StreamSid) -> None:
        if (descriptor := self._open.pop(stream_sid, None)) is not None:
            os.close(descriptor)
        self._path(stream_sid).unlink(missing_ok=True)

    def close(self) -> None:
        """Leave the files as they are. May be called twice."""
        while self._open:
            os.close(self._open.popitem()[1])

    def _path(self, stream_sid: StreamSid) -> Path:
        return self._folder / f"{stream_sid}.kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a sender that reconnects says."""

    stream_sid: StreamSid
    sent: int | None

    @classmethod
    def parse(cls, header: str | None) -> "Asked | None":
        """None: this is no resumption, or nothing that we can read."""
        match = _ASKED.fullmatch(header or "")
        if match is None:
            return None
        return cls(stream_sid=StreamSid(match[1]), sent=None if match[2] is None else int(match[2]))
