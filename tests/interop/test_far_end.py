"""A forked, bridged call; its far end is `websockets` behind nginx: frames, signature, whose voice is where."""

from pathlib import Path

from twilio.request_validator import RequestValidator

from .certificates import Authority
from .far_end import Heard, behind_nginx
from .parties import parties, talk
from .server import ACCOUNT, TOKEN
from .tones import CALLEE_HZ, CALLER_HZ, heard, longest


def assert_frames_are_whole(stream: Heard) -> None:
    """Order, counters and shapes of spec: connected, start, media …, stop; no number missing."""
    events = stream.events()
    assert events[:2] == ["connected", "start"]
    assert events[-1] == "stop"
    assert set(events[2:-1]) == {"media"}
    numbers = [int(message["sequenceNumber"]) for message in stream.messages[1:]]
    assert numbers == list(range(1, len(numbers) + 1))
    for track in ("inbound", "outbound"):
        chunks = [int(message["media"]["chunk"]) for message in stream.media(track)]
        assert chunks == list(range(1, len(chunks) + 1))


async def test_each_track_carries_its_party(tmp_path: Path, authority: Authority, localhost: tuple[Path, Path]) -> None:
    async with (
        behind_nginx(tmp_path / "nginx", *localhost) as far_end,
        parties(tmp_path, stream_url=far_end.url, streams=f'trusted_ca = "{authority.path}"') as (
            server,
            caller,
            callee,
        ),
    ):
        await talk(caller, callee, seconds=4)
        (stream,) = await far_end.ended()
        assert_frames_are_whole(stream)
        start = stream.messages[1]["start"]
        assert start["tracks"] == ["inbound", "outbound"]
        assert start["accountSid"] == ACCOUNT
        assert start["mediaFormat"] == {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
        for track, theirs, others in (("inbound", CALLER_HZ, CALLEE_HZ), ("outbound", CALLEE_HZ, CALLER_HZ)):
            samples = stream.samples(track)
            assert longest(heard(samples, theirs)) >= 38, f"{track} has a gap"
            assert not any(heard(samples, others)), f"{track} carries the other party"
        assert caller.missing() == callee.missing() == 0
        assert RequestValidator(TOKEN).validate(far_end.url, {}, stream.headers["x-twilio-signature"])
        assert "sec-websocket-extensions" not in stream.headers
        assert "origin" not in stream.headers
        row = server.ended_stream()
        assert row["end_reason"] == "stopped"
        assert row["ms_dropped"] == 0
        assert row["frames_sent"] == len(stream.media("inbound")) + len(stream.media("outbound"))
