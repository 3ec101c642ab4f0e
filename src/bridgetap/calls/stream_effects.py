"""Start Stream and Stop Stream on one call: what is asked for, and what is answered."""

from collections.abc import Callable

from bridgetap.errors import BridgetapError
from bridgetap.flow.effects import EffectId, StartStream, StopStream
from bridgetap.flow.events import StreamCreated, StreamRefused, StreamStopped
from bridgetap.streams import STREAM_FAILED, CallStreams, StreamRequest
from bridgetap.twiml.effects import Callback, ConnectStream
from bridgetap.twiml.events import ConnectEnded


class StreamEffects:
    """Carries them out. `open_audio` lets the caller be heard, and hear us."""

    def __init__(self, streams: CallStreams, *, open_audio: Callable[[], None]) -> None:
        self._streams = streams
        self._open_audio = open_audio

    async def start(self, effect: StartStream, *, status: Callback | None = None) -> StreamCreated | StreamRefused:
        """Never waits for the far end."""
        self._open_audio()
        request = StreamRequest(
            transport=effect.transport,
            name=effect.name,
            url=effect.url,
            connector=effect.connector,
            tracks=effect.tracks,
            parameters=effect.parameters,
        )
        try:
            named = await self._streams.start(request)
        except BridgetapError as error:
            return _refused(effect.id, error)
        return StreamCreated(effect=effect.id, sid=named.sid, name=named.name)

    async def connect(self, effect: ConnectStream) -> ConnectEnded | StreamRefused:
        """Until either side leaves. Cancelled, the stream is stopped."""
        return StreamRefused(effect=effect.id, code=STREAM_FAILED, message="not yet")

    def stop(self, effect: StopStream) -> StreamStopped | StreamRefused:
        try:
            self._streams.stop(effect.name, effect.transport)
        except BridgetapError as error:
            return _refused(effect.id, error)
        return StreamStopped(effect=effect.id)


def _refused(effect: EffectId, error: BridgetapError) -> StreamRefused:
    return StreamRefused(effect=effect, code=error.code or STREAM_FAILED, message=str(error))
