"""Streams of one call, started, connected to and stopped: what is asked for, and what is answered."""

from collections.abc import Callable

from bridgetap.errors import BridgetapError
from bridgetap.flow.effects import EffectId, StartStream, StopStream
from bridgetap.flow.events import StreamCreated, StreamRefused, StreamStopped
from bridgetap.ids import StreamSid
from bridgetap.streams import STREAM_FAILED, CallStreams, StreamRequest
from bridgetap.twiml.effects import Callback, ConnectStream
from bridgetap.twiml.events import ConnectEnded

from .status_reports import status_callback


class StreamEffects:
    """Carries them out. `open_audio` lets the caller be heard, and hear us; `is_over` is whether it left."""

    def __init__(self, streams: CallStreams, *, open_audio: Callable[[], None], is_over: Callable[[], bool]) -> None:
        self._streams = streams
        self._is_over = is_over
        self._open_audio = open_audio

    async def start(self, effect: StartStream, *, status: Callback | None = None) -> StreamCreated | StreamRefused:
        """Never waits for the far end."""
        request = StreamRequest(
            transport=effect.transport,
            name=effect.name,
            url=effect.url,
            connector=effect.connector,
            tracks=effect.tracks,
            parameters=effect.parameters,
            options=effect.options,
            status=status_callback(status) if status else None,
        )
        try:
            named = await self._streams.start(request, claimed=self._open_audio)
        except BridgetapError as error:
            self._open_audio()
            return _refused(effect.id, error)
        return StreamCreated(effect=effect.id, sid=named.sid, name=named.name)

    async def connect(self, effect: ConnectStream) -> ConnectEnded | StreamRefused:
        """Until either side leaves. Cancelled, the stream is ended."""
        self._open_audio()
        request = StreamRequest(
            transport="websocket",
            name=effect.name,
            url=effect.url,
            parameters=effect.parameters,
            options=effect.options,
            status=status_callback(effect.status) if effect.status else None,
        )
        try:
            named = await self._streams.connect(request)
        except BridgetapError as error:
            return _refused(effect.id, error)
        try:
            end = await self._streams.until_ended(named)
        finally:
            if not self._is_over():  # otherwise it ends with the call
                self._streams.disconnect(named)
        return ConnectEnded(effect=effect.id, sid=StreamSid(named.sid), name=named.name, error=end.error)

    def stop(self, effect: StopStream) -> StreamStopped | StreamRefused:
        try:
            self._streams.stop(effect.name, effect.transport)
        except BridgetapError as error:
            return _refused(effect.id, error)
        return StreamStopped(effect=effect.id)


def _refused(effect: EffectId, error: BridgetapError) -> StreamRefused:
    return StreamRefused(effect=effect, code=error.code or STREAM_FAILED, message=str(error))
