"""`bridgetap simulate` on a real call: SIP, RTP and TLS on loopback, in real time."""

import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic, time

import typer
from rich.console import Console
from rich.text import Text

from bridgetap.phone import Report
from bridgetap.phone import Script as PhoneScript
from bridgetap.simulator import Entry, Transcript
from bridgetap.voice import VoiceError, read_audio

from .diversion import callee_router, divert_streams, no_network_client
from .loopback import HOST, Loopback, log_to, make_output, open_loopback
from .simulate import FLOW_FAILED, STYLES, WRONG_USE, LiveRequest
from .simulate_scripts import callee_script, caller_script
from .story import Story, read_story
from .wiring import Outside, unwrapped

LOOK_EVERY_S = 0.2
LAST_ROWS_S = 10.0


def run_live(request: LiveRequest) -> int:
    """Simulate one call; returns the exit code."""
    try:
        make_output(request.output)
        wavs = [asyncio.run(_seconds(path)) for path in (request.caller, request.callee) if path is not None]
    except (VoiceError, OSError) as error:
        typer.echo(str(error), err=True)
        return WRONG_USE
    with tempfile.TemporaryDirectory(prefix="bridgetap-simulate-") as name, log_to(Path(name) / "server.log"):
        run = _Run(request=request, caller_s=wavs[0], console=Console(soft_wrap=True, highlight=False))
        transcript = asyncio.run(run.go(Path(name)))
    files = [str(path) for path in run.files]
    if request.as_json:
        extra = {"wav": files, "streams": run.streams}
        sys.stdout.write(json.dumps(transcript.to_json() | extra, ensure_ascii=False) + "\n")
    else:
        run.console.print(Text(" → ".join(transcript.path)))
        if transcript.reason:
            run.console.print(Text(f"ended because: {transcript.reason}"))
        for file in files:
            run.console.print(Text(f"heard: {file}"))
    return 0 if transcript.ok else FLOW_FAILED


async def _seconds(path: Path) -> float:
    return (await read_audio(path, rate=8000)).seconds


@dataclass(kw_only=True)
class _Run:
    """One simulated call."""

    request: LiveRequest
    caller_s: float
    console: Console
    files: list[Path] = field(default_factory=list)
    streams: list[dict[str, object]] = field(default_factory=list)
    _entries: list[Entry] = field(default_factory=list)
    _told: set[tuple[str, str, float]] = field(default_factory=set)
    _began: float = 0.0
    _began_wall: float = 0.0

    async def go(self, folder: Path) -> Transcript:
        request = self.request
        async with open_loopback(
            folder=folder,
            output=request.output,
            flow=lambda _: request.definition.source,
            audio_folder=request.audio_folder,
            system_roots=request.allow_network,
            outside=self._outside,
        ) as stage:
            if not request.allow_network:
                divert_streams(stage.server.core, host=HOST, port=stage.receiver.port)
            with unwrapped():
                story, report = await self._call(stage)
            self._look_back(stage, report)
        execution = story.execution
        return Transcript(
            entries=tuple(self._entries),
            path=tuple(story.path),
            reason=(execution.end_reason or "") if execution else "the call never reached the flow",
            duration_s=report.duration_s,
            context=dict(execution.context) if execution else {},
        )

    def _outside(self, callee_uri: str) -> Outside:
        router = callee_router(callee_uri)
        if self.request.allow_network:
            return Outside(router=router)
        return Outside(router=router, client=no_network_client, webhooks=lambda _: no_network_client())

    async def _call(self, stage: Loopback) -> tuple[Story, Report]:
        script, output = self.request.script, self.request.output
        steps = caller_script(
            wav=self.request.caller, wav_s=self.caller_s, digits=script.digits, hangup_at_s=script.hangup_at_s
        )
        self._began, self._began_wall = monotonic(), time()
        async with asyncio.TaskGroup() as tasks:
            taking = tasks.create_task(stage.callee.take_calls(partial(self._callee_takes, output)))
            calling = tasks.create_task(
                stage.caller.dial(stage.target(script.to), steps, heard=output / "caller-heard.wav", from_=script.from_)
            )
            story = await self._look(stage, calling)
            taking.cancel()
        return story, calling.result()

    def _callee_takes(self, output: Path, number: int) -> tuple[PhoneScript, Path | None]:
        """How the first, second … call out is taken; the last answer serves every further one."""
        dials = self.request.script.dials
        answer = dials[min(number, len(dials)) - 1]
        script = callee_script(answer, wav=self.request.callee, talk_given=self.request.talk_given)
        return script, output / f"callee-heard-{number}.wav"

    async def _look(self, stage: Loopback, calling: asyncio.Task[Report]) -> Story:
        """Tell what happens until the call is over and every row has its end, or is late with it."""
        over_s: float | None = None
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            story = await read_story(stage.server.store)
            self._tell(stage, story)
            if over_s is None and calling.done():
                over_s = monotonic()
            if over_s is not None and (self._closed(stage, story) or monotonic() > over_s + LAST_ROWS_S):
                return story

    def _closed(self, stage: Loopback, story: Story) -> bool:
        return (story.call is None or story.closed) and all(t.ended_s is not None for t in stage.tape.streams)

    # --- what is told ----------------------------------------------------------------------

    def _tell(self, stage: Loopback, story: Story) -> None:
        """Every happening once, in order of time as far as it is known."""
        for entry in sorted(self._happenings(stage, story), key=lambda entry: entry.at_s):
            key = (entry.widget, entry.text, entry.at_s)
            if key in self._told:
                continue
            self._told.add(key)
            self._entries.append(entry)
            if not self.request.as_json:
                self.console.print(Text(str(entry), style=STYLES[entry.kind]))

    def _happenings(self, stage: Loopback, story: Story) -> Sequence[Entry]:
        found: list[Entry] = []
        for phone in (stage.caller, stage.callee):
            for call in phone.calls:
                base = call.began_s - self._began
                found += [
                    Entry(at_s=base + moment.at_s, kind="event", widget=phone.config.name, text=moment.text)
                    for moment in call.moments
                ]
        for step in story.steps:
            at_s = step.created_ns / 1e9 - self._began_wall
            text = f"{step.name} → {step.transitioned_to}"
            found.append(Entry(at_s=at_s, kind="step", widget=step.transitioned_from, text=text))
        for note in story.notes:
            at_s = note.created_ns / 1e9 - self._began_wall
            found.append(Entry(at_s=at_s, kind=note.level, widget=note.widget, text=note.message, code=note.code))
        for number, taped in enumerate(stage.tape.streams, start=1):
            who, tracks = f"receiver {number}", " and ".join(taped.start.tracks)
            found.append(Entry(at_s=taped.began_s - self._began, kind="event", widget=who, text=f"hears {tracks}"))
            if taped.ended_s is not None:
                text = "gets stop" if taped.complete else "loses the stream"
                found.append(Entry(at_s=taped.ended_s - self._began, kind="event", widget=who, text=text))
        return found

    def _look_back(self, stage: Loopback, report: Report) -> None:
        heard = [report.heard, *(callee.heard for callee in stage.callee.reports)]
        self.files = [path for path in heard if path is not None and path.exists()] + stage.tape.wav_files
        self.streams = [
            {
                "stream_sid": taped.start.stream_sid,
                "tracks": list(taped.tracks),
                "frames": sum(figures.frames for figures in taped.tracks.values()),
                "missing": taped.faults.missing,
                "parameters": dict(taped.start.custom_parameters),
            }
            for taped in stage.tape.streams
        ]
