"""A bad network under the audio: what gets through is bridged once and in order, the fork's time line has no hole."""

import asyncio
from pathlib import Path

import pytest

from .certificates import Authority
from .far_end import behind_nginx
from .parties import connect, parties
from .rtp_faults import Faults, faulty_relay
from .test_far_end import assert_frames_are_whole
from .tones import CALLER_HZ, heard, tone

SECONDS = 6


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param(Faults(loss=0.05), id="5 % loss"),
        pytest.param(Faults(reorder=0.05), id="5 % reordered"),
        pytest.param(Faults(duplicate=0.1), id="10 % twice"),
        pytest.param(Faults(loss=0.05, reorder=0.05, duplicate=0.05, delay=0.03, jitter=0.01), id="all at once"),
    ],
)
async def test_the_forks_time_line_stays_whole(
    tmp_path: Path, authority: Authority, localhost: tuple[Path, Path], faults: Faults
) -> None:
    async with (
        behind_nginx(tmp_path / "nginx", *localhost) as far_end,
        parties(tmp_path, stream_url=far_end.url, streams=f'trusted_ca = "{authority.path}"') as (
            _server,
            caller,
            callee,
        ),
        faulty_relay(faults, seed=3) as network,
    ):
        caller.rtp_port = network.public_port
        answer, invite = await connect(caller, callee)
        network.server = ("127.0.0.1", answer.rtp_port())
        sent, _ = await asyncio.gather(
            caller.speak(network.phone_port, tone(CALLER_HZ, SECONDS)),
            callee.speak(invite.rtp_port(), [0] * 8000 * SECONDS),
        )
        await asyncio.sleep(0.3)
        callee.hang_up(invite)
        (stream,) = await far_end.ended()
        assert_frames_are_whole(stream)
        inbound, outbound = stream.media("inbound"), stream.media("outbound")
        assert abs(len(inbound) - len(outbound)) <= 1, "the tracks drifted apart"
        voiced = sum(heard(stream.samples("inbound"), CALLER_HZ))
        whole = SECONDS * 10
        assert voiced >= whole * (1 - 6 * faults.loss) - 5, f"{voiced} of {whole} slices carry the caller"
        carried = [p for p in callee.packets if len(p.payload) == 160]
        passed = network.to_server.passed
        assert passed <= sent
        assert len({(p.ssrc, p.sequence) for p in callee.packets}) == len(callee.packets), "a packet was bridged twice"
        assert len(carried) >= passed - network.to_server.reordered - 10
