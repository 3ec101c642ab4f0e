"""The same forked call into far ends that nobody here wrote, and through a network that is not good."""

from collections.abc import Callable
from pathlib import Path

import pytest

from .certificates import Authority
from .far_end import Heard, behind_nginx
from .foreign import aiohttp, foreign_far_end, node_ws
from .network import Network, network
from .parties import parties, talk
from .server import Server
from .test_far_end import assert_frames_are_whole
from .tones import CALLEE_HZ, CALLER_HZ, heard, longest

FOREIGN = [pytest.param(node_ws, id="Node ws"), pytest.param(aiohttp, id="aiohttp")]


def assert_each_track_carries_its_party(stream: Heard) -> None:
    """From the moment it is heard to its end; where the handshake takes long, that begins late."""
    for track, theirs, others in (("inbound", CALLER_HZ, CALLEE_HZ), ("outbound", CALLEE_HZ, CALLER_HZ)):
        samples = stream.samples(track)
        flags = heard(samples, theirs)
        assert longest(flags) == sum(flags) >= 10, f"{track} has a gap"
        assert not any(heard(samples, others)), f"{track} carries the other party"


@pytest.mark.parametrize("program", FOREIGN)
async def test_a_far_end_of_others_gets_every_frame(
    tmp_path: Path, authority: Authority, localhost: tuple[Path, Path], program: Callable[[], list[str]]
) -> None:
    with foreign_far_end(program(), tmp_path / "far_end", localhost) as far_end:
        streams = f'trusted_ca = "{authority.path}"'
        async with parties(tmp_path, stream_url=far_end.url, streams=streams) as (server, caller, callee):
            await talk(caller, callee, seconds=3)
            row = server.ended_stream()
            assert (row["end_reason"], row["code"], row["ms_dropped"]) == ("stopped", None, 0)
            stream = far_end.ended()
            assert_frames_are_whole(stream)
            assert_each_track_carries_its_party(stream)
            assert stream.close_code == 1000
            assert caller.missing() == callee.missing() == 0


async def test_a_long_way_costs_time_and_no_frame(
    tmp_path: Path, authority: Authority, localhost: tuple[Path, Path]
) -> None:
    async with (
        behind_nginx(tmp_path / "nginx", *localhost) as far_end,
        network(far_end.port, Network(delay_s=0.3)) as port,
        parties(tmp_path, stream_url=f"wss://localhost:{port}/x", streams=f'trusted_ca = "{authority.path}"') as (
            server,
            caller,
            callee,
        ),
    ):
        await talk(caller, callee, seconds=5)
        (stream,) = await far_end.ended()
        assert_frames_are_whole(stream)
        assert_each_track_carries_its_party(stream)
        row = server.ended_stream()
        assert (row["end_reason"], row["ms_dropped"]) == ("stopped", 0)


async def test_a_cut_is_named_and_the_call_goes_on(
    tmp_path: Path, authority: Authority, localhost: tuple[Path, Path]
) -> None:
    async with (
        behind_nginx(tmp_path / "nginx", *localhost) as far_end,
        network(far_end.port, Network(cut_after=40_000)) as port,
        parties(tmp_path, stream_url=f"wss://localhost:{port}/x", streams=f'trusted_ca = "{authority.path}"') as (
            server,
            caller,
            callee,
        ),
    ):
        await talk(caller, callee, seconds=4)
        assert caller.missing() == callee.missing() == 0
        row = server.ended_stream()
        assert row["code"] == 31903, row
        assert row["frames_sent"] > 50


async def test_a_narrow_way_is_skipped_to_live_and_counted(
    tmp_path: Path, authority: Authority, localhost: tuple[Path, Path]
) -> None:
    """Both tracks need some 40 000 bytes a second; half of that passes."""
    streams = f'trusted_ca = "{authority.path}"\nmax_lag_ms = 600\nclose_drain_ms = 3000'
    async with (
        behind_nginx(tmp_path / "nginx", *localhost) as far_end,
        network(far_end.port, Network(bytes_s=20_000)) as port,
        parties(tmp_path, stream_url=f"wss://localhost:{port}/x", streams=streams) as (server, caller, callee),
    ):
        await talk(caller, callee, seconds=12)
        assert caller.missing() == callee.missing() == 0
        row = server.ended_stream()
        assert row["ms_dropped"] > 1000, row
        assert notes(server) == [31930]
        (stream,) = await far_end.ended()
        numbers = [int(message["sequenceNumber"]) for message in stream.messages[1:]]
        assert numbers == list(range(1, len(numbers) + 1)), (
            "what was dropped shows in the timestamps, not in the numbers"
        )


def notes(server: Server) -> list[int]:
    return [note["code"] for note in server.rows("notifications")]
