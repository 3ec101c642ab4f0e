"""What was heard, as WAV files: both tracks in one (left inbound, right outbound) or one each.

Every chunk is written to its own place in time: what never came is silence of the same length, what
comes late still gets there, and what comes twice changes nothing. So a program that was killed may
open the same file again and go on: the replayed chunks fall onto themselves. The header is kept
good while the file grows.
"""

import struct
from os import SEEK_END
from pathlib import Path
from typing import Self

from bridgetap.errors import InvalidInput

from .coding import MULAW
from .messages import Media, MediaFormat, Track
from .placing import Placed, Placing

_CHANNELS: dict[Track, tuple[int, ...]] = {"inbound": (0,), "outbound": (1,), "stereo": (), "mixed": (0, 1)}


class TrackWavs:
    """One mono file a track, `<stem>-inbound.wav` and `<stem>-outbound.wav`, made when it is first heard.

    `resume`: go on with the files that are there.
    """

    def __init__(self, folder: Path, stem: str, *, media_format: MediaFormat = MULAW, resume: bool = False) -> None:
        self._folder, self._stem = folder, stem
        self._format, self._resume = media_format, resume
        self._placing: Placing | None = None
        self._files: dict[Track, _File] = {}
        self.paths: dict[Track, Path] = {}

    def write(self, media: Media) -> None:
        if self._placing is None:
            self._placing = self._begin()
        for placed in self._placing.place(media):
            file = self._file(placed.track)
            file.begin(self._placing.base_ms or 0.0)
            file.put(placed, 0)

    def close(self) -> None:
        """Finish the files. May be called twice."""
        for file in self._files.values():
            file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _path(self, track: Track) -> Path:
        return self._folder / f"{self._stem}-{track}.wav"

    def _begin(self) -> Placing:
        """Where the files that are there end, and on whose time they began; all of them began on the same."""
        there = [self._file(track) for track in _CHANNELS if self._resume and self._path(track).exists()]
        return Placing(
            self._format,
            base_ms=next((file.base_ms for file in there if file.base_ms is not None), None),
            heard=max((file.frames for file in there), default=0),
        )

    def _file(self, track: Track) -> "_File":
        if track not in self._files:
            path = self._path(track)
            self._files[track] = _File(path, 1, self._format.sample_rate, resume=self._resume)
            self.paths[track] = path
        return self._files[track]


class StereoWav:
    """One file, inbound left and outbound right, a mixed stream on both. `resume`: go on with what is there."""

    def __init__(self, path: Path, *, media_format: MediaFormat = MULAW, resume: bool = False) -> None:
        self._file = _File(path, 2, media_format.sample_rate, resume=resume)
        self._placing = Placing(media_format, base_ms=self._file.base_ms, heard=self._file.frames)
        self.path = path

    def write(self, media: Media) -> None:
        for placed in self._placing.place(media):
            if self._file.base_ms is None and self._placing.base_ms is not None:
                self._file.begin(self._placing.base_ms)
            for channel in _CHANNELS[placed.track]:
                self._file.put(placed, channel)

    def close(self) -> None:
        """Finish the file. May be called twice."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _File:
    """A WAV file that is written at places. A chunk of our own in front of the audio, which readers
    pass over, remembers which time of the stream sample 0 is."""

    def __init__(self, path: Path, channels: int, rate: int, *, resume: bool) -> None:
        self._channels, self._rate = channels, rate
        self.base_ms: float | None = None
        self._told = 0  # frames, by the header
        again = resume and path.exists() and path.stat().st_size >= _HEAD
        self._file = path.open("r+b" if again else "w+b", buffering=0)
        if again:
            try:
                self._read_head(path)
            except InvalidInput:
                self._file.close()
                raise
            self.frames = (self._file.seek(0, SEEK_END) - _HEAD) // (2 * channels)
        else:
            self.frames = 0
            self._write_head()

    def begin(self, base_ms: float) -> None:
        if self.base_ms is None:
            self.base_ms = base_ms
            self._write_head()

    def put(self, placed: Placed, channel: int) -> None:
        if self._channels == 1:
            self._file.seek(_HEAD + 2 * placed.at)
            self._file.write(placed.samples)
        else:
            place, size = _HEAD + 4 * placed.at, 2 * len(placed.samples)
            self._file.seek(place)
            both = bytearray((self._file.read(size) or b"").ljust(size, b"\0"))
            both[2 * channel :: 4] = placed.samples[0::2]
            both[2 * channel + 1 :: 4] = placed.samples[1::2]
            self._file.seek(place)
            self._file.write(both)
        self.frames = max(self.frames, placed.end)
        if self.frames - self._told >= self._rate * _HEADER_EVERY_S:
            self._write_head()

    def close(self) -> None:
        if not self._file.closed:
            self._write_head()
            self._file.close()

    def _write_head(self) -> None:
        self._told = self.frames
        size = min(self.frames * 2 * self._channels, 0xFFFF_FFFF - _HEAD)
        step = 2 * self._channels
        base = float("nan") if self.base_ms is None else self.base_ms
        head = (
            b"RIFF"
            + struct.pack("<I", _HEAD - 8 + size)
            + b"WAVEfmt "
            + struct.pack("<IHHIIHH", 16, 1, self._channels, self._rate, self._rate * step, step, 16)
            + b"btap"
            + struct.pack("<Id", 8, base)
            + b"data"
            + struct.pack("<I", size)
        )
        self._file.seek(0)
        self._file.write(head)

    def _read_head(self, path: Path) -> None:
        head = self._file.read(_HEAD) or b""
        channels, rate = struct.unpack("<HI", head[22:28])
        if head[36:40] != b"btap" or (channels, rate) != (self._channels, self._rate):
            rule = f"is no file of ours with {self._channels} channels at {self._rate} Hz"
            raise InvalidInput("path", str(path), rule)
        (base,) = struct.unpack("<d", head[44:52])
        self.base_ms = None if base != base else base


_HEAD = 60
_HEADER_EVERY_S = 1  # so a killed program leaves a file that ends at most a second early
