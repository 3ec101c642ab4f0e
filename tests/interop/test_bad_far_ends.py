"""A fork can never harm its call: the far end refuses, hangs, resets or stops reading; the bridge misses nothing."""

import asyncio
from pathlib import Path

import pytest

from . import bad_servers
from .certificates import Authority, self_signed
from .parties import connect, parties, talk
from .server import Server
from .tones import CALLEE_HZ, CALLER_HZ, tone

SETTINGS = 'trusted_ca = "{ca}"\nconnect_timeout_ms = 1500\nmax_lag_ms = 600\nclose_drain_ms = 500'


def _stream(server: Server) -> dict[str, object]:
    (row,) = server.rows("streams")
    return row


CASES = [
    pytest.param(None, False, 31902, "stopped|failed", id="refused"),
    pytest.param(bad_servers.hold, False, 31901, "failed", id="never answers TLS"),
    pytest.param(bad_servers.reset, False, 31910, "failed", id="resets at once"),
    pytest.param(bad_servers.plain_http, False, 31910, "failed", id="speaks no TLS"),
    pytest.param(bad_servers.hold, True, 31901, "failed", id="never answers the upgrade"),
    pytest.param(bad_servers.not_found, True, 31920, "failed", id="answers 404"),
    pytest.param(bad_servers.endless_headers, True, 31920, "failed", id="endless headers"),
    pytest.param(bad_servers.upgrade_then_reset, True, 31903, "remote-closed|failed", id="resets later"),
    pytest.param(bad_servers.upgrade_then_close, True, 31921, "remote-closed", id="closes with 1011"),
    pytest.param(bad_servers.upgrade_then_garbage, True, 31924, "failed|remote-closed", id="sends garbage"),
]


@pytest.mark.parametrize(("handler", "tls", "code", "reasons"), CASES)
async def test_a_bad_far_end_costs_the_call_nothing(
    tmp_path: Path,
    authority: Authority,
    localhost: tuple[Path, Path],
    handler: bad_servers.Handler | None,
    tls: bool,
    code: int,
    reasons: str,
) -> None:
    far_end = bad_servers.nobody() if handler is None else bad_servers.listening(handler, localhost if tls else None)
    async with (
        far_end as port,
        parties(tmp_path, stream_url=f"wss://localhost:{port}/x", streams=SETTINGS.format(ca=authority.path)) as (
            server,
            caller,
            callee,
        ),
    ):
        sent = await talk(caller, callee, seconds=3)
        assert caller.missing() == callee.missing() == 0
        assert len(callee.packets) >= sent[0] - 5
        await caller.receive()  # the BYE: the flow went on to its end
        row = await _ended(server)
        assert row["code"] == code, row
        assert row["end_reason"] in reasons.split("|"), row


async def test_a_far_end_that_stops_reading_is_dropped_from_and_counted(
    tmp_path: Path, authority: Authority, localhost: tuple[Path, Path]
) -> None:
    async with (
        bad_servers.listening(bad_servers.upgrade_then_stall, localhost) as port,
        parties(tmp_path, stream_url=f"wss://localhost:{port}/x", streams=SETTINGS.format(ca=authority.path)) as (
            server,
            caller,
            callee,
        ),
    ):
        await talk(caller, callee, seconds=12)
        assert caller.missing() == callee.missing() == 0
        row = await _ended(server)
        dropped = row["ms_dropped"]
        assert isinstance(dropped, int)
        assert dropped > 1000, row
        assert 31930 in {note["code"] for note in server.rows("notifications")}


async def test_next_fires_while_the_stream_is_still_connecting(
    tmp_path: Path, authority: Authority, localhost: tuple[Path, Path]
) -> None:
    settings = SETTINGS.format(ca=authority.path).replace("1500", "20000")
    async with (
        bad_servers.listening(bad_servers.hold, None) as port,
        parties(tmp_path, stream_url=f"wss://localhost:{port}/x", streams=settings) as (server, caller, callee),
    ):
        answer, invite = await connect(caller, callee)  # the callee rang: so Next had fired
        (row,) = server.rows("streams")
        assert row["opened_ns"] is None, "the stream is open: the far end was to be held"
        assert row["ended_ns"] is None
        await asyncio.gather(
            caller.speak(answer.rtp_port(), tone(CALLER_HZ, 1)), callee.speak(invite.rtp_port(), tone(CALLEE_HZ, 1))
        )
        assert caller.missing() == callee.missing() == 0
        callee.hang_up(invite)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("self-signed", "self-signed"),
        ("common name only", "subjectAltName"),
        ("another authority", "issuer is unknown"),
        ("expired", "expired"),
        ("another host", "not for localhost"),
    ],
)
async def test_a_bad_certificate_is_named(tmp_path: Path, authority: Authority, kind: str, words: str) -> None:
    trusted = authority.path
    match kind:
        case "self-signed":
            files = self_signed(tmp_path, "leaf")
            trusted = files[0]
        case "common name only":
            files = authority.issue(tmp_path, "leaf", names=())
        case "another authority":
            (tmp_path / "other").mkdir()
            files = Authority.make(tmp_path / "other", "another CA").issue(tmp_path, "leaf")
        case "expired":
            files = authority.issue(tmp_path, "leaf", days=-1)
        case _:
            files = authority.issue(tmp_path, "leaf", names=("media.example.com",))
    async with (
        bad_servers.listening(bad_servers.hold, files) as port,
        parties(tmp_path, stream_url=f"wss://localhost:{port}/x", streams=SETTINGS.format(ca=trusted)) as (
            server,
            caller,
            callee,
        ),
    ):
        await talk(caller, callee, seconds=1)
        row = await _ended(server)
        assert row["code"] == 31910, row
        assert words in str(row["detail"]), row


async def test_no_such_host(tmp_path: Path, authority: Authority) -> None:
    url = "wss://no-such-host.invalid/x"
    async with parties(tmp_path, stream_url=url, streams=SETTINGS.format(ca=authority.path)) as (
        server,
        caller,
        callee,
    ):
        await talk(caller, callee, seconds=1)
        row = await _ended(server)
        assert row["code"] == 31904, row
        assert "no-such-host.invalid" in str(row["detail"])


async def _ended(server: Server) -> dict[str, object]:
    """The stream's row once it has its end."""
    async with asyncio.timeout(15):
        while _stream(server)["ended_ns"] is None:  # noqa: ASYNC110  # another process's database
            await asyncio.sleep(0.1)
    return _stream(server)
