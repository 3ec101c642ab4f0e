"""`bridgetap demo`: one real call on this machine alone, answered, forked, bridged and stopped."""

import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, time
from typing import Annotated

import typer
from rich.console import Console

from bridgetap.errors import BridgetapError
from bridgetap.phone import (
    CALLEE_WAV,
    CALLER_WAV,
    Answer,
    HangUp,
    Phone,
    Play,
    Report,
    Ring,
    Script,
    UntilHungUp,
    Wait,
)
from bridgetap.recorder import News, Recording, Track

from .demo_checks import Check, Evidence, StreamEvidence, judge
from .demo_flow import CONNECTOR, RECORDING_NAME, STREAM_NAME, demo_flow
from .demo_recording import RecordingEvidence
from .demo_view import BAR_FLOOR_DBFS, DemoView, Happening, LegRow, Snapshot, TrackRow
from .loopback import Loopback, log_to, make_output, open_loopback
from .story import Story, read_story
from .wiring import unwrapped

FAILED = 1
CALLER, CALLED, CALLEE = "+15551230001", "+15551230000", "+15551230002"
DEADLINE_S = 45.0
LAST_ROWS_S = 10.0
LOOK_EVERY_S = 0.2

# The callee speaks first and hangs up first, so that the flow goes on to its second Fork Stream.
CALLER_SCRIPT: Script = (Wait(seconds=2.0), Play(path=CALLER_WAV), UntilHungUp(at_most_s=20.0))
CALLEE_SCRIPT: Script = (
    Ring(seconds=1.2),
    Answer(),
    Wait(seconds=0.6),
    Play(path=CALLEE_WAV),
    Wait(seconds=2.0),
    HangUp(),
)

NOT_CALLED = Report(
    setup_ms=None,
    duration_s=0.0,
    cause="timeout",
    status=0,
    reason="was never called",
    digits="",
    stats=None,
    heard=None,
    moments=(),
)


def demo(
    output: Annotated[
        Path,
        typer.Option(help="Where the audio goes that receiver and recorder heard.", metavar="FOLDER", file_okay=False),
    ] = Path("demo-output"),
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep configuration, flow, database, certificates and log to look at.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")] = False,
) -> None:
    """Place one real call on this machine: answered, forked, bridged, stopped.

    A server as `bridgetap serve` runs it, two phones, a wss receiver and a SIPREC
    recorder, all on 127.0.0.1 with free ports. The caller's call runs Trigger →
    Fork Stream (start, both tracks, WebSocket) → Fork Stream (start, SIPREC) →
    Connect Call To → Fork Stream (stop), twice; caller and callee say different
    sentences, and the callee hangs up first. The receiver verifies the
    handshake's signature and every frame, the recorder every message by the
    RFCs; both write what they heard as WAV files. Ends by itself, after about
    12 seconds.

    \b
    Exit codes
      0  every claim holds: path, frames, tracks, voices, signature
      1  one of them does not; it is named
      2  the demo cannot run here
    """
    make_output(output)
    console = Console(stderr=as_json)
    with _work_folder(keep=keep) as folder, log_to(folder / "server.log"):
        view = DemoView(console, quiet=as_json)
        outcome = asyncio.run(_run(folder, output, view))
        view.close(outcome.snapshot, outcome.checks, outcome.wavs, folder if keep else None)
    if as_json:
        sys.stdout.write(json.dumps(outcome.to_json(), ensure_ascii=False) + "\n")
    if not outcome.ok:
        raise typer.Exit(FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The demo, over."""

    evidence: Evidence
    checks: list[Check]
    snapshot: Snapshot
    wavs: list[Path]

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)

    def to_json(self) -> dict[str, object]:
        setup_ms, next_ms = self.evidence.caller.setup_ms, self.evidence.next_ms
        return {
            "ok": self.ok,
            "setup_ms": None if setup_ms is None else round(setup_ms, 3),
            "next_ms": None if next_ms is None else round(next_ms, 3),
            "streams": [stream.to_json() for stream in self.evidence.streams],
            "recordings": [recording.to_json() for recording in self.evidence.recordings],
            "wav": [str(path) for path in self.wavs],
            "path": list(self.evidence.path),
            "checks": [{"name": check.name, "ok": check.ok, "detail": check.detail} for check in self.checks],
        }


class DemoStuck(BridgetapError):
    """The call did not come to its end in time."""

    exit_code = FAILED

    def __init__(self, happenings: list[Happening]) -> None:
        last = "; ".join(f"{happening.who} {happening.text}" for happening in happenings[-4:]) or "nothing happened"
        super().__init__(f"the call did not end within {DEADLINE_S:g} s; last: {last}")


async def _run(folder: Path, output: Path, view: DemoView) -> Outcome:
    began, began_ns = monotonic(), time()
    news: list[tuple[float, News]] = []
    async with open_loopback(
        folder=folder,
        output=output,
        flow=lambda url: demo_flow(stream_url=url, to=CALLEE),
        connector=CONNECTOR,
        recorder_told=lambda told: news.append((monotonic(), told)),
    ) as stage:
        watch = _Watch(stage, view, news, began=began, began_wall=began_ns)
        with view, unwrapped():
            caller, callee = await watch.during(folder)
        evidence = watch.evidence(caller, callee)
        checks = await asyncio.to_thread(judge, evidence)
        recorded = [path for recording in evidence.recordings for path in recording.wavs.values()]
        wavs = [*stage.tape.wav_files, *recorded]
        return Outcome(evidence=evidence, checks=checks, snapshot=watch.snapshot(), wavs=wavs)


class _Watch:
    """Looks at every side of the call while it lasts."""

    def __init__(
        self, stage: Loopback, view: DemoView, news: list[tuple[float, News]], *, began: float, began_wall: float
    ) -> None:
        """`news` grows by what the recorder tells, and when."""
        self._stage = stage
        self._view = view
        self._news = news
        self._began, self._began_wall = began, began_wall
        self._story = Story()

    async def during(self, folder: Path) -> tuple[Report, Report]:
        """The call, from the INVITE until every row has its end."""
        stage = self._stage
        try:
            async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as tasks:
                callee = tasks.create_task(stage.callee.take_call(CALLEE_SCRIPT, heard=folder / "callee-heard.wav"))
                caller = tasks.create_task(
                    stage.caller.dial(
                        stage.target(CALLED), CALLER_SCRIPT, heard=folder / "caller-heard.wav", from_=CALLER
                    )
                )
                await self._look(caller, callee)
                callee.cancel()
        except TimeoutError:
            raise DemoStuck(self._happenings()) from None
        return caller.result(), NOT_CALLED if callee.cancelled() else callee.result()

    async def _look(self, caller: asyncio.Task[Report], callee: asyncio.Task[Report]) -> None:
        """Show what happens until both calls are over and every row has its end, or is late with it."""
        over_s: float | None = None
        while over_s is None or not (self._closed(callee) or monotonic() > over_s + LAST_ROWS_S):
            await asyncio.sleep(LOOK_EVERY_S)
            self._story = await read_story(self._stage.server.store)
            self._view.show(self.snapshot())
            if over_s is None and caller.done():
                over_s = monotonic()

    def _closed(self, callee: asyncio.Task[Report]) -> bool:
        streams_ended = all(taped.ended_s is not None for taped in self._stage.tape.streams)
        streams_ended = streams_ended and all(recording.done.is_set() for recording in self._recordings)
        return self._story.closed and streams_ended and (callee.done() or self._stage.callee.call is None)

    @property
    def _recordings(self) -> list[Recording]:
        return self._stage.recorder.recordings if self._stage.recorder is not None else []

    # --- what is shown ---------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        stage = self._stage
        return Snapshot(
            elapsed_s=monotonic() - self._began,
            happenings=self._happenings(),
            legs=[_leg_row(stage.caller), _leg_row(stage.callee)],
            tracks=[
                TrackRow(
                    stream=STREAM_NAME,
                    track=track,
                    frames=figures.frames,
                    missing=figures.faults.missing,
                    late=figures.late,
                    level_dbfs=figures.level_dbfs,
                )
                for taped in stage.tape.streams
                for track, figures in taped.tracks.items()
            ]
            + [_track_row(track) for recording in self._recordings for track in recording.tracks],
        )

    def _happenings(self) -> list[Happening]:
        found: list[Happening] = []
        for phone in (self._stage.caller, self._stage.callee):
            if phone.call is not None:
                base = phone.call.began_s - self._began
                found += [
                    Happening(at_s=base + moment.at_s, who=phone.config.name, text=moment.text)
                    for moment in phone.call.moments
                ]
        for step in self._story.steps:
            at_s = step.created_ns / 1e9 - self._began_wall
            found.append(Happening(at_s=at_s, who="flow", text=f"{step.name} → {step.transitioned_to}"))
        for taped in self._stage.tape.streams:
            tracks = " and ".join(taped.start.tracks)
            text = f"takes a signed stream: {tracks}"
            found.append(Happening(at_s=taped.began_s - self._began, who="receiver", text=text))
            if taped.ended_s is not None:
                text = "gets stop" if taped.complete else "loses the stream"
                found.append(Happening(at_s=taped.ended_s - self._began, who="receiver", text=text))
        for at_s, told in self._news:
            if told.what != "asked":
                found.append(Happening(at_s=at_s - self._began, who="recorder", text=told.text))
        return sorted(found, key=lambda happening: happening.at_s)

    # --- what is judged --------------------------------------------------------------------

    def evidence(self, caller: Report, callee: Report) -> Evidence:
        story, steps = self._story, self._story.steps
        rows = {str(row.sid): row for row in story.streams}
        streams = []
        for taped in self._stage.tape.streams:
            row = rows.get(taped.start.stream_sid)
            streams.append(
                StreamEvidence(
                    name=row.name if row else "",
                    start=taped.start,
                    stopped=taped.complete,
                    faults=taped.faults,
                    tracks=taped.tracks,
                    wavs=taped.wavs.paths,
                    error=taped.error,
                    end_reason=(row.end_reason or "") if row else "no row",
                    ms_dropped=row.ms_dropped if row else 0,
                    latency_p50_us=row.latency_p50_us if row else 0,
                    latency_p99_us=row.latency_p99_us if row else 0,
                )
            )
        return Evidence(
            path=story.path,
            next_ms=(steps[1].created_ns - steps[0].created_ns) / 1e6 if len(steps) > 1 else None,
            caller=caller,
            callee=callee,
            streams=streams,
            parameters={"Custom1": "Bob", "caller": story.call.from_ if story.call else ""},
            recordings=[
                RecordingEvidence.of(recording, name=RECORDING_NAME, end_reason=_end_reason(story, RECORDING_NAME))
                for recording in self._recordings
            ],
            refusals=[refusal.reason for refusal in self._stage.receiver.refusals],
            sentences={"caller": CALLER_WAV, "callee": CALLEE_WAV},
            notes=[f"{note.level} {note.code}: {note.message}" for note in story.notes],
        )


def _end_reason(story: Story, name: str) -> str:
    row = next((row for row in story.streams if row.name == name), None)
    return (row.end_reason or "") if row is not None else "no row"


def _track_row(track: Track) -> TrackRow:
    stats = track.stats or track.leg.stats()
    return TrackRow(
        stream=RECORDING_NAME,
        track=f"label {track.label}",
        frames=0 if stats is None else stats.packets_received,
        missing=0 if stats is None else stats.lost,
        late=0 if stats is None else stats.late,
        level_dbfs=BAR_FLOOR_DBFS if stats is None else stats.level_in,
    )


def _leg_row(phone: Phone) -> LegRow:
    name, call = phone.config.name, phone.call
    if call is None:
        return LegRow(name=name, state="idle")
    stats = call.stats
    state = call.state.name.lower()
    if stats is None:
        return LegRow(name=name, state=state)
    return LegRow(
        name=name,
        state=state,
        received=stats.packets_received,
        missing=stats.lost,
        hears_dbfs=stats.level_in,
        speaks_dbfs=stats.level_out,
    )


@contextmanager
def _work_folder(*, keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="bridgetap-demo-"))
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
