"""sipp on both sides: many calls at once and their audio, lost signalling, TCP, IPv6."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from . import sipp
from .certificates import Authority
from .far_end import behind_nginx
from .programs import free_port_both, running
from .server import connect_flow, serve
from .sipp import Party, Result
from .tones import CALLEE_HZ, CALLER_HZ, heard

TRUNK = """
[[trunks]]
name = "sipp"
uri = "sip:{callee}"
allow_from = ["127.0.0.0/8", "::1/128"]
ping_s = 0
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What both sipps counted, and what the server wrote down."""

    callers: Result
    callees: Result
    rows: list[dict[str, Any]]


def _run(
    tmp_path: Path,
    tone_files: Path,
    caller: Party,
    callee: Party,
    *,
    host: str = "127.0.0.1",
    stream_url: str | None = None,
    streams: str = "",
    answer: str = "at-once",
) -> Outcome:
    """Let the callers call the callees through a server, until all is over."""
    literal = f"[{host}]" if ":" in host else host
    callee_port = free_port_both(host=host)
    address = f"{literal}:{callee_port}" + (";transport=tcp" if callee.transport == "t1" else "")
    folders = [tmp_path / name for name in ("caller", "callee")]
    for folder in folders:
        folder.mkdir()
        for audio in tone_files.glob("*.ulaw"):
            (folder / audio.name).symlink_to(audio)
    flow = connect_flow(f"sip:callee@{address}", stream_url=stream_url)
    settings = f'answer = "{answer}"' + TRUNK.format(callee=address)
    with serve(tmp_path / "server", flow=flow, settings=settings, host=host, streams=streams) as server:
        with running(
            callee.command(folders[1], server=server.address, port=callee_port), folders[1] / "sipp.log", cwd=folders[1]
        ) as uas:
            uas.wait_for(lambda: sipp.answers(callee_port), "callee")
            with running(
                caller.command(folders[0], server=server.address), folders[0] / "sipp.log", cwd=folders[0]
            ) as uac:
                uac.wait(within_s=70)
            uas.wait(within_s=40)
        server.program.wait_for(
            lambda: all(call["status"] == "completed" for call in server.calls()), "end of every call"
        )
        return Outcome(sipp.result(uac, folders[0]), sipp.result(uas, folders[1]), server.rows("calls"))


def assert_all_succeeded(outcome: Outcome, calls: int) -> None:
    """No call failed on either side, and the server wrote down both legs of each."""
    assert (outcome.callers.successful, outcome.callers.failed) == (calls, 0)
    assert (outcome.callees.successful, outcome.callees.failed) == (calls, 0)
    for direction in ("inbound", "outbound-dial"):
        assert sum(row["direction"] == direction for row in outcome.rows) == calls
    assert len(outcome.rows) == 2 * calls


def most_at_once(spans: Iterable[tuple[int, int]]) -> int:
    """How many of these spans of time, at most, hold one moment together."""
    turns = sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans])
    now = most = 0
    for _, step in turns:
        now += step
        most = max(most, now)
    return most


@pytest.mark.alone
async def test_fifty_calls_at_once_each_track_its_party(
    tmp_path: Path, tone_files: Path, authority: Authority, localhost: tuple[Path, Path]
) -> None:
    async with behind_nginx(tmp_path / "nginx", *localhost) as far_end:
        outcome = await asyncio.to_thread(
            _run,
            tmp_path,
            tone_files,
            Party(scenario="uac", calls=50, rate=25, stay_ms=4000),
            Party(scenario="uas", calls=50),
            stream_url=far_end.url,
            streams=f'trusted_ca = "{authority.path}"',
        )
        heard_streams = await far_end.ended(50)
    assert_all_succeeded(outcome, 50)
    spans = [(row["answered_ns"], row["ended_ns"]) for row in outcome.rows if row["direction"] == "inbound"]
    assert most_at_once(spans) == 50
    assert len(heard_streams) == len({stream.messages[1]["start"]["callSid"] for stream in heard_streams}) == 50
    for stream in heard_streams:
        for track, theirs, others in (("inbound", CALLER_HZ, CALLEE_HZ), ("outbound", CALLEE_HZ, CALLER_HZ)):
            samples = stream.samples(track)
            # Gaps are judged where the peer keeps time (test_far_end): sipp under load does not.
            assert sum(heard(samples, theirs)) >= 20, f"{track}: two seconds of its party are not there"
            assert not any(heard(samples, others)), f"{track} carries the other party"


@pytest.mark.parametrize(("echoes", "track", "hz"), [("uas", "outbound", CALLER_HZ), ("uac", "inbound", CALLEE_HZ)])
async def test_audio_reaches_the_other_sipp(
    tmp_path: Path,
    tone_files: Path,
    authority: Authority,
    localhost: tuple[Path, Path],
    echoes: str,
    track: str,
    hz: int,
) -> None:
    """One side has no audio of its own and sends back what reaches it: the tone then comes from there too."""
    async with behind_nginx(tmp_path / "nginx", *localhost) as far_end:
        outcome = await asyncio.to_thread(
            _run,
            tmp_path,
            tone_files,
            Party(scenario="uac", calls=3, stay_ms=2000, echo=echoes == "uac"),
            Party(scenario="uas", calls=3, echo=echoes == "uas"),
            stream_url=far_end.url,
            streams=f'trusted_ca = "{authority.path}"',
        )
        heard_streams = await far_end.ended(3)
    assert_all_succeeded(outcome, 3)
    for stream in heard_streams:
        assert sum(heard(stream.samples(track), hz)) >= 10


@pytest.mark.parametrize("loser", ["uac", "uas"])
def test_lost_signalling_costs_no_call(tmp_path: Path, tone_files: Path, loser: str) -> None:
    lost = {side: 10 if side == loser else 0 for side in ("uac", "uas")}
    outcome = _run(
        tmp_path,
        tone_files,
        Party(scenario="uac", calls=30, rate=30, stay_ms=1000, lost_percent=lost["uac"]),
        # A repeated BYE comes 0.5 and 1.5 s after the first (RFC 3261 17.1.2.2).
        Party(scenario="uas", calls=30, stay_ms=2000 if loser == "uas" else 0, lost_percent=lost["uas"]),
        # Else callers who talk from the first moment hang up on a callee whose INVITE was lost.
        answer="on-bridge",
    )
    assert_all_succeeded(outcome, 30)
    assert {row["end_reason"] for row in outcome.rows} == {"bye", "hung-up"}
    repeated = outcome.callers if loser == "uac" else outcome.callees
    assert repeated.retransmissions > 0, "nothing was lost: the test showed nothing"


@pytest.mark.parametrize(("transport", "host"), [("t1", "127.0.0.1"), ("u1", "::1"), ("t1", "::1")])
def test_other_transports(tmp_path: Path, tone_files: Path, transport: str, host: str) -> None:
    outcome = _run(
        tmp_path,
        tone_files,
        Party(scenario="uac", calls=5, stay_ms=500, transport=transport),
        Party(scenario="uas", calls=5, transport=transport),
        host=host,
    )
    assert_all_succeeded(outcome, 5)
