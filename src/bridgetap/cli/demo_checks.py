"""Whether the demo's call went as it should: what every side saw, judged claim by claim. Pure."""

import wave
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from bridgetap.phone import Report
from bridgetap.phone.likeness import OTHER, SAME, Found, find_sentence
from bridgetap.receiver import Faults, Start, Track, TrackFigures

from .demo_flow import STEPS
from .demo_recording import RecordingEvidence

CHUNK_MS = 20
TRACKS_APART = 5  # chunks that one track may be behind at the stop: silence is held back for a moment

Find: TypeAlias = Callable[[bytes, bytes], Found]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One claim: whether it holds, and the figures it was judged by."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEvidence:
    """One stream, as the server wrote it down and as the receiver saw it."""

    name: str
    start: Start
    stopped: bool
    faults: Faults
    tracks: Mapping[Track, TrackFigures]
    wavs: Mapping[Track, Path]
    error: str
    end_reason: str
    ms_dropped: int
    latency_p50_us: int
    latency_p99_us: int

    @property
    def frames(self) -> int:
        return sum(figures.frames for figures in self.tracks.values())

    @property
    def late(self) -> int:
        return sum(figures.late for figures in self.tracks.values())

    def to_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "tracks": list(self.tracks),
            "frames": self.frames,
            "missing": self.faults.missing,
            "late": self.late,
            "latency_ms_p50": round(self.latency_p50_us / 1000, 3),
            "latency_ms_p99": round(self.latency_p99_us / 1000, 3),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that is known of the call once it is over."""

    path: Sequence[str]
    next_ms: float | None
    caller: Report
    callee: Report
    streams: Sequence[StreamEvidence]
    parameters: Mapping[str, str]  # what the flow should have sent
    refusals: Sequence[str]  # handshakes that the receiver did not take
    sentences: Mapping[str, Path]  # "caller" and "callee": what each of them said
    recordings: Sequence[RecordingEvidence] = field(default=())
    notes: Sequence[str] = field(default=())  # the notification log


def judge(evidence: Evidence, *, find: Find = find_sentence) -> list[Check]:
    """Every claim of the demo. `find` looks for a sentence in a track."""
    checks = [_path(evidence), _ends(evidence), _rtp(evidence), _handshakes(evidence)]
    for stream in evidence.streams:
        checks += [
            _messages(stream),
            _whole(stream),
            _parameters(stream, evidence.parameters),
            *_voices(stream, evidence, find),
        ]
    checks.append(_recorded_once(evidence))
    for recording in evidence.recordings:
        checks += _recording(recording, evidence, find)
    checks += [
        _holds("the callee heard the caller", evidence.callee.heard, evidence, find, "caller"),
        _holds("the caller heard the callee", evidence.caller.heard, evidence, find, "callee"),
    ]
    return checks


def _path(evidence: Evidence) -> Check:
    detail = " → ".join(evidence.path) or "no step at all"
    if evidence.notes:
        detail += f" ({'; '.join(evidence.notes)})"
    ok = tuple(evidence.path) == STEPS and not evidence.notes
    return Check(name="the flow took its path", ok=ok, detail=detail)


def _ends(evidence: Evidence) -> Check:
    caller, callee = evidence.caller, evidence.callee
    ok = caller.answered and callee.answered and (callee.cause, caller.cause) == ("hung-up", "bye")
    return Check(
        name="the callee hung up first, then the flow ended the call",
        ok=ok,
        detail=f"callee: {callee.cause}, caller: {caller.cause}",
    )


def _rtp(evidence: Evidence) -> Check:
    parts = []
    for name, report in (("caller", evidence.caller), ("callee", evidence.callee)):
        stats = report.stats
        parts.append(
            f"{name}: {stats.packets_received} packets, {stats.lost} missing" if stats else f"{name}: no figures"
        )
    ok = evidence.caller.gapless and evidence.callee.gapless
    return Check(name="no phone missed an RTP packet", ok=ok, detail="; ".join(parts))


def _handshakes(evidence: Evidence) -> Check:
    detail = "; ".join(evidence.refusals) or "X-Twilio-Signature verified"
    ok = len(evidence.streams) == 1 and not evidence.refusals
    return Check(name="the receiver was called once, and the handshake was signed", ok=ok, detail=detail)


def _messages(stream: StreamEvidence) -> Check:
    ok = stream.stopped and not stream.error and stream.end_reason == "stopped"
    detail = stream.error or f"{stream.frames} media frames, then stop (ended: {stream.end_reason})"
    return Check(name="every frame was valid, from connected to stop", ok=ok, detail=detail)


def _whole(stream: StreamEvidence) -> Check:
    """Numbers without a gap, and as much audio as time passed."""
    spans = [figures.timestamp_ms / CHUNK_MS for figures in stream.tracks.values()]
    counted = [figures.frames for figures in stream.tracks.values()]
    full = bool(counted) and all(
        frames and abs(frames - span) <= 2 for frames, span in zip(counted, spans, strict=True)
    )
    level = full and max(counted) - min(counted) <= TRACKS_APART
    ok = level and not stream.faults and not stream.ms_dropped
    detail = (
        f"{' + '.join(map(str, counted))} frames, {stream.faults.missing} missing, {stream.late} late, "
        f"{stream.ms_dropped} ms dropped"
    )
    return Check(name="no frame is missing on either track", ok=ok, detail=detail)


def _parameters(stream: StreamEvidence, wanted: Mapping[str, str]) -> Check:
    sent = dict(stream.start.custom_parameters)
    detail = ", ".join(f"{key}={value}" for key, value in sent.items()) or "none"
    ok = sent == dict(wanted) and set(stream.start.tracks) == {"inbound", "outbound"}
    return Check(name="both tracks and the parameters were announced", ok=ok, detail=detail)


def _voices(stream: StreamEvidence, evidence: Evidence, find: Find) -> list[Check]:
    inbound, outbound = stream.wavs.get("inbound"), stream.wavs.get("outbound")
    return [
        _holds("the inbound track carries the caller alone", inbound, evidence, find, "caller", "callee"),
        _holds("the outbound track carries the callee alone", outbound, evidence, find, "callee", "caller"),
    ]


def _recorded_once(evidence: Evidence) -> Check:
    faults = [fault for recording in evidence.recordings for fault in recording.faults]
    documents = sum(recording.documents for recording in evidence.recordings)
    detail = "; ".join(faults) or f"{documents} documents, valid by the schema of RFC 7865"
    ok = len(evidence.recordings) == 1 and documents > 0 and not faults
    return Check(name="the recorder was called once, and found no fault", ok=ok, detail=detail)


def _recording(recording: RecordingEvidence, evidence: Evidence, find: Find) -> list[Check]:
    told = ", ".join(f"{key}={value}" for key, value in recording.parameters.items()) or "none"
    ok = dict(recording.parameters) == dict(evidence.parameters) and list(recording.packets) == ["1", "2"]
    counted = " + ".join(map(str, recording.packets.values()))
    detail = f"{counted} packets, {recording.lost} missing, {recording.late} late (ended: {recording.end_reason})"
    whole = recording.whole and recording.end_reason == "stopped"
    one, two = recording.wavs.get("1"), recording.wavs.get("2")
    return [
        Check(name="the recorder was told of both tracks and the parameters", ok=ok, detail=told),
        Check(name="no packet is missing on either track of the recording", ok=whole, detail=detail),
        _holds("track 1 of the recording carries the caller alone", one, evidence, find, "caller", "callee"),
        _holds("track 2 of the recording carries the callee alone", two, evidence, find, "callee", "caller"),
    ]


def _holds(name: str, wav: Path | None, evidence: Evidence, find: Find, speaker: str, other: str = "") -> Check:
    if wav is None or not wav.exists():
        return Check(name=name, ok=False, detail="nothing was written")
    track = _read(wav)
    like = find(track, _read(evidence.sentences[speaker])).likeness
    detail = f"{speaker} {like:.2f}"
    ok = like >= SAME
    if other:
        unlike = find(track, _read(evidence.sentences[other])).likeness
        detail += f", {other} {unlike:.2f}"
        ok = ok and unlike < OTHER
    return Check(name=name, ok=ok, detail=f"{detail} (1 is the same sentence)")


def _read(path: Path) -> bytes:
    with wave.open(str(path), "rb") as file:
        return file.readframes(file.getnframes())
