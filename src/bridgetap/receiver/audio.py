"""A track as samples without gaps: what never came is silence."""

from array import array
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from .coding import values
from .messages import Media, MediaFormat, Message, Track
from .placing import Placing

_MOST_SILENCE_S = 1  # in one piece: a long gap comes in several


@dataclass(frozen=True, slots=True, kw_only=True)
class Audio:
    """Some samples of one track: s16le, mono. `at_s` counts from the first that were heard.

    `missing`: they never came, and are silent.
    """

    track: Track
    at_s: float
    rate: int
    samples: bytes = field(repr=False)
    missing: bool = False

    @property
    def values(self) -> "array[int]":
        """The samples as numbers, -32768 to 32767."""
        return values(self.samples)


class Messages(Protocol):
    """Where messages come from."""

    def __aiter__(self) -> AsyncIterator[Message]: ...


class AudioFrames:
    """`async for audio in stream.audio("inbound")`: gapless, in order; what comes too late is left out."""

    def __init__(self, messages: Messages, media_format: MediaFormat, track: Track | None) -> None:
        self._messages = messages
        self._rate = media_format.sample_rate
        self._placing = Placing(media_format)
        self._track = track
        self._next: dict[Track, int] = {}

    def __aiter__(self) -> AsyncIterator[Audio]:
        return self._frames()

    async def _frames(self) -> AsyncIterator[Audio]:
        async for message in self._messages:
            if isinstance(message, Media):
                for audio in self.take(message):
                    yield audio

    def take(self, media: Media) -> Iterator[Audio]:
        """What this message completes."""
        for placed in self._placing.place(media):
            at = self._next.get(placed.track, 0)
            if not placed.samples or placed.at < at or self._track not in {None, placed.track}:
                continue
            while at < placed.at:
                length = min(placed.at - at, _MOST_SILENCE_S * self._rate)
                yield self._audio(placed.track, at, bytes(2 * length), missing=True)
                at += length
            yield self._audio(placed.track, at, placed.samples, missing=False)
            self._next[placed.track] = placed.end

    def _audio(self, track: Track, at: int, samples: bytes, *, missing: bool) -> Audio:
        return Audio(track=track, at_s=at / self._rate, rate=self._rate, samples=samples, missing=missing)
