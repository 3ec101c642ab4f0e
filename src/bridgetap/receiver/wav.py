"""What was heard, as WAV files: both tracks in one (left inbound, right outbound) or one each.

Files grow as audio comes and are whole after `close`. A chunk that never came is silence of the
same length, so that both tracks keep time with each other.
"""

import wave
from pathlib import Path
from typing import Self

from .messages import Media, Track
from .ulaw import SILENCE, decode_ulaw

RATE = 8000
_CHUNK = 160  # samples of 20 ms, the length of a chunk that never came
_MAX_FILL_S = 30  # a peer that jumps ahead by more gets no more silence than this
_MAX_APART_S = 5  # how far one track may run ahead of the other before the other counts as silent


class TrackWavs:
    """One mono file a track, `<stem>-inbound.wav` and `<stem>-outbound.wav`, made when it is first heard."""

    def __init__(self, folder: Path, stem: str) -> None:
        self._folder, self._stem = folder, stem
        self._files: dict[Track, wave.Wave_write] = {}
        self._fill = _Fill()
        self.paths: dict[Track, Path] = {}

    def write(self, media: Media) -> None:
        if media.track not in self._files:
            path = self._folder / f"{self._stem}-{media.track}.wav"
            self._files[media.track] = _open(path, channels=1)
            self.paths[media.track] = path
        self._files[media.track].writeframesraw(self._fill.samples(media))

    def close(self) -> None:
        """Finish the files. May be called twice."""
        for file in self._files.values():
            file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class StereoWav:
    """One file, inbound left and outbound right."""

    def __init__(self, path: Path) -> None:
        self._file = _open(path, channels=2)
        self._fill = _Fill()
        self._waiting: dict[Track, bytearray] = {"inbound": bytearray(), "outbound": bytearray()}
        self._skip: dict[Track, int] = {"inbound": 0, "outbound": 0}
        self.path = path

    def write(self, media: Media) -> None:
        samples = self._fill.samples(media)
        # What was already written as silence, because it was awaited too long, is not put in again.
        skipped = min(self._skip[media.track], len(samples))
        self._skip[media.track] -= skipped
        self._waiting[media.track] += samples[skipped:]
        left, right = self._waiting["inbound"], self._waiting["outbound"]
        self._flush(min(len(left), len(right)))
        if max(len(left), len(right)) > _MAX_APART_S * RATE * 2:
            self._flush(max(len(left), len(right)))

    def close(self) -> None:
        """Finish the file. May be called twice."""
        self._flush(max(len(waiting) for waiting in self._waiting.values()))
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _flush(self, length: int) -> None:
        """Write `length` bytes of each channel, with silence for what is not here."""
        if not length:
            return
        both = bytearray(2 * length)
        for channel, (track, waiting) in enumerate(self._waiting.items()):
            part = bytes(waiting[:length])
            del waiting[:length]
            self._skip[track] += length - len(part)
            part = part.ljust(length, b"\0")
            both[2 * channel :: 4] = part[0::2]
            both[2 * channel + 1 :: 4] = part[1::2]
        self._file.writeframesraw(bytes(both))


class _Fill:
    """Decodes chunks and puts silence where numbers were skipped; what comes late is dropped."""

    def __init__(self) -> None:
        self._next: dict[Track, int] = {}
        self._start_ms: int | None = None

    def samples(self, media: Media) -> bytes:
        if self._start_ms is None:
            self._start_ms = media.timestamp_ms
        if media.track not in self._next:  # a track that begins later than the first one
            chunks = round((media.timestamp_ms - self._start_ms) / 20)
        elif media.chunk < self._next[media.track]:
            return b""
        else:
            chunks = media.chunk - self._next[media.track]
        self._next[media.track] = media.chunk + 1
        return _SILENT_CHUNK * max(0, min(chunks, _MAX_FILL_S * 50)) + decode_ulaw(media.payload)


def _open(path: Path, *, channels: int) -> wave.Wave_write:
    file = wave.open(str(path), "wb")  # noqa: SIM115 -- closed by its owner
    file.setnchannels(channels)
    file.setsampwidth(2)
    file.setframerate(RATE)
    return file


_SILENT_CHUNK = decode_ulaw(bytes([SILENCE]) * _CHUNK)
