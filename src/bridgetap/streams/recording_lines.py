"""The legs toward one recorder: one a track, each sending what the call's leg says or hears."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from bridgetap.engine import Core, LegHandle, LegMedia
from bridgetap.flow.effects import Track
from bridgetap.sdp import RecordingLine, Sink
from bridgetap.sdp.crypto import KEY_LENGTH
from bridgetap.sdp.recording import Wish


@dataclass(slots=True)
class _Line:
    label: str
    track: Track
    leg: LegHandle
    cname: str
    key: bytes | None = field(repr=False)  # of SRTP
    sink: Sink | None = None  # None: the recorder takes no audio of it
    copies: bool = False


class RecordingLines:
    """Open until `close`. Nothing is sent before a sink is known, nor while `flows` is false."""

    def __init__(self, source: LegHandle, lines: list[_Line]) -> None:
        self._source = source
        self._lines = lines
        self._flows = False

    @classmethod
    def open(
        cls,
        source: LegHandle,
        tracks: Sequence[tuple[str, Track]],
        *,
        core: Core,
        bind: str,
        name: str,
        secure: bool,
        entropy: Callable[[int], bytes],
    ) -> Self:
        """`tracks` are label and track, in the order of the m-lines. Each of a `secure`
        recording has an SRTP key of its own. `EngineError` where a port is missing: nothing is left open then."""
        lines: list[_Line] = []
        try:
            for label, track in tracks:
                cname = f"{entropy(9).hex()}@bridgetap"  # RFC 7022: random, one a participant
                key = entropy(KEY_LENGTH) if secure else None
                lines.append(_Line(label, track, core.media.open_leg(address=bind, label=name), cname, key))
        except BaseException:
            for line in lines:
                line.leg.close()
            raise
        return cls(source, lines)

    @property
    def offered(self) -> tuple[RecordingLine, ...]:
        """As the session description has them."""
        return tuple(RecordingLine(label=line.label, port=line.leg.rtp_port, key=line.key) for line in self._lines)

    def wishes(self, *, paused: bool) -> dict[str, Wish]:
        """What is offered of each line, by its label."""
        return dict.fromkeys((line.label for line in self._lines), "inactive" if paused else "sendonly")

    def send_to(self, sinks: Sequence[Sink | None]) -> list[str]:
        """Where each track goes from now on, by place. Returns the labels that nobody takes."""
        for line, sink in zip(self._lines, sinks, strict=True):
            line.sink = _resting(sink, line.sink)
        self._apply()
        return [line.label for line in self._lines if line.sink is None]

    def flow(self, *, flows: bool) -> None:
        """Let audio out, or hold all of it back."""
        self._flows = flows
        self._apply()

    def close(self) -> int:
        """Send nothing more; each line's RTCP says goodbye. Returns how many packets were sent, as far as the
        core has counted."""
        sent = 0
        for line in self._lines:
            if (stats := line.leg.stats()) is not None:
                sent += stats.packets_sent
            if line.copies:
                self._source.end_copy(line.leg)
            line.leg.close()
        self._lines = []
        return sent

    def _apply(self) -> None:
        for line in self._lines:
            if line.sink is None or not line.sink.remote:
                if line.copies:
                    line.copies = False
                    self._source.end_copy(line.leg)
                continue
            line.leg.configure(_media(line.sink, line.cname, line.key, flows=self._flows and line.sink.flows))
            if not line.copies:
                line.copies = True
                self._source.copy(line.track, line.leg)


def _resting(sink: Sink | None, before: Sink | None) -> Sink | None:
    """A hold of the old kind (`c=0.0.0.0`) names no address: the one that was known stays, and nothing flows."""
    if sink is None or sink.remote or before is None:
        return sink
    return replace(sink, remote=before.remote, remote_rtcp=before.remote_rtcp, flows=False)


def _media(sink: Sink, cname: str, key: bytes | None, *, flows: bool) -> LegMedia:
    return LegMedia(
        remote=sink.remote,
        remote_rtcp=sink.remote_rtcp,
        codec=sink.codec,
        payload_type=sink.payload_type,
        direction="sendonly" if flows else "inactive",
        ptime_ms=sink.ptime_ms,
        symmetric=False,
        cname=cname,
        srtp_key=key,
        srtp_peer_key=sink.key,
    )
