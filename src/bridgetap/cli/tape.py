"""The built-in receiver of the demo and the simulator: writes what every stream brings as WAV files."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from bridgetap.receiver import Faults, Media, Start, Stream, Track, TrackFigures, TrackWavs


@dataclass(kw_only=True)
class Taped:
    """One stream, live and afterwards."""

    stream: Stream
    wavs: TrackWavs
    began_s: float  # on the tape's clock
    ended_s: float | None = None
    error: str = ""

    @property
    def start(self) -> Start:
        return self.stream.start

    @property
    def faults(self) -> Faults:
        """Of the sequence numbers and of every track's chunks."""
        return sum((figures.faults for figures in self.tracks.values()), self.stream.faults)

    @property
    def tracks(self) -> dict[Track, TrackFigures]:
        return self.stream.tracks

    @property
    def complete(self) -> bool:
        """Whether its `stop` has come."""
        return self.stream.stop is not None


@dataclass(kw_only=True)
class Tape:
    """The listener: give `tape.listen` to `Receiver.serve`."""

    folder: Path
    now: Callable[[], float] = monotonic
    streams: list[Taped] = field(default_factory=list)

    async def listen(self, stream: Stream) -> None:
        stem = f"stream-{len(self.streams) + 1}"
        with TrackWavs(self.folder, stem, media_format=stream.start.media_format) as wavs:
            taped = Taped(stream=stream, wavs=wavs, began_s=self.now())
            self.streams.append(taped)
            try:
                async for message in stream:
                    if isinstance(message, Media):
                        wavs.write(message)
            except Exception as error:
                taped.error = str(error)
                raise
            finally:
                taped.ended_s = self.now()

    @property
    def wav_files(self) -> list[Path]:
        return [path for taped in self.streams for _, path in sorted(taped.wavs.paths.items())]
