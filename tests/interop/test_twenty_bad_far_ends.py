"""Twenty misbehaving far ends on one call: the bridge misses nothing, memory is bounded, every stream ends rightly."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import bad_servers
from .bad_servers import after_upgrade
from .certificates import Authority
from .far_end import behind_nginx
from .parties import TRUNK, connect
from .raw_phone import raw_phone
from .server import connect_flow, serve
from .test_far_end import assert_frames_are_whole
from .tones import CALLEE_HZ, CALLER_HZ, tone

SECONDS = 14
SETTINGS = """trusted_ca = "{ca}"
connect_timeout_ms = 6000
max_lag_ms = 2500
close_drain_ms = 500
max_tracks_per_call = 32
"""
GROWTH = 48 * 1024 * 1024  # of the whole process: twenty rings, twenty sockets, and what Python takes meanwhile
AUDIO_DROPPED = 31930
READS_TOO_SLOWLY = "the server reads too slowly, audio is dropped"


@dataclass(frozen=True, kw_only=True)
class Bad:
    """One far end, and how its stream must end (spec §3.6)."""

    handler: bad_servers.Handler | None
    code: int | None
    reasons: tuple[str, ...] = ("failed",)
    tls: bool = True
    lags: bool = False


def stalls(handler: bad_servers.Handler) -> Bad:
    """Opens the stream and falls behind: audio is dropped (31930), and the stream goes on."""
    return Bad(handler=handler, code=None, reasons=("stopped",), lags=True)


def breaks(*frames: bytes) -> Bad:
    """Opens the stream and sends what is no WebSocket."""
    return Bad(handler=after_upgrade(*frames), code=31924, reasons=("failed", "remote-closed"))


def is_suffered(handler: bad_servers.Handler) -> Bad:
    """Strange, but harmless."""
    return Bad(handler=handler, code=None, reasons=("stopped",))


DROPPED = ("remote-closed", "failed")

FAR_ENDS: dict[str, Bad] = {
    "refused": Bad(handler=None, code=31902),
    "accepts and stalls": Bad(handler=bad_servers.hold, tls=False, code=31901),
    "resets at once": Bad(handler=bad_servers.reset, tls=False, code=31910),
    "speaks no TLS": Bad(handler=bad_servers.plain_http, tls=False, code=31910),
    "half a TLS handshake": Bad(handler=bad_servers.half_a_handshake, tls=False, code=31901),
    "never answers the upgrade": Bad(handler=bad_servers.hold, code=31901),
    "404": Bad(handler=bad_servers.not_found, code=31920),
    "redirects": Bad(handler=bad_servers.elsewhere, code=31920),
    "endless headers": Bad(handler=bad_servers.endless_headers, code=31920),
    "wrong accept": Bad(handler=bad_servers.wrong_accept, code=31920),
    "stops reading": stalls(bad_servers.upgrade_then_stall),
    "a byte a second": stalls(bad_servers.upgrade_then_sip),
    "ping flood, unread": stalls(after_upgrade(bad_servers.PING_FLOOD * 20, again_s=0.02, reads=False)),
    "ping flood": is_suffered(after_upgrade(bad_servers.PING_FLOOD * 20, again_s=0.02)),
    "chatter": is_suffered(after_upgrade(bad_servers.CHATTER, again_s=0.05)),
    "resets later": Bad(handler=bad_servers.upgrade_then_reset, code=31903, reasons=DROPPED),
    "closes in a frame": Bad(handler=bad_servers.upgrade_then_vanish, code=31903, reasons=DROPPED),
    "closes with 1011": Bad(handler=bad_servers.upgrade_then_close, code=31921, reasons=("remote-closed",)),
    "huge frame": breaks(bad_servers.HUGE_FRAME),
    "masked": breaks(bad_servers.MASKED),
    "reserved opcode": breaks(bad_servers.RESERVED_OPCODE),
    "reserved bits": breaks(bad_servers.RESERVED_BITS),
    "lone continuation": breaks(bad_servers.LONE_CONTINUATION),
    "long ping": breaks(bad_servers.LONG_PING),
    "bad close": breaks(bad_servers.BAD_CLOSE),
    "endless fragments": breaks(b"\x01\x00", *[bad_servers.ENDLESS_FRAGMENTS] * 100),
}


def flow(callee: str, urls: dict[str, str]) -> dict[str, Any]:
    """Start a stream to every URL, connect the call, stop the streams."""
    made = connect_flow(callee, stream_url=urls["good"])
    names = list(urls)
    for state in made["states"]:
        match state["name"]:
            case "Trigger":
                state["transitions"][0]["next"] = f"start {names[0]}"
            case "connect":
                state["transitions"][0] = {"event": "callCompleted", "next": f"stop {names[0]}"}
    made["states"] = [state for state in made["states"] if state["name"] in ("Trigger", "connect")]
    for action, last in (("start", "connect"), ("stop", None)):
        for name, following in zip(names, [*names[1:], None], strict=True):
            then = f"{action} {following}" if following is not None else last
            properties = {"stream_transport_type": "websocket", "stream_name": name, "stream_action": action}
            if action == "start":
                # What does not read is filled sooner by both tracks.
                lags = name in FAR_ENDS and FAR_ENDS[name].lags
                properties |= {
                    "stream_url": urls[name],
                    "stream_track": "both_tracks" if lags else "inbound_track",
                }
            transition = {"event": "next"} if then is None else {"event": "next", "next": then}
            made["states"].append(
                {
                    "name": f"{action} {name}",
                    "type": "fork-stream",
                    "transitions": [transition],
                    "properties": properties,
                }
            )
    return made


async def test_twenty_and_more_bad_far_ends_harm_nobody(
    tmp_path: Path, authority: Authority, localhost: tuple[Path, Path]
) -> None:
    assert len(FAR_ENDS) >= 20
    async with AsyncExitStack() as stack:
        good = await stack.enter_async_context(behind_nginx(tmp_path / "nginx", *localhost))
        urls = {"good": good.url}
        for name, bad in FAR_ENDS.items():
            listening = bad_servers.listening(bad.handler, localhost if bad.tls else None) if bad.handler else None
            port = await stack.enter_async_context(listening or bad_servers.nobody())
            urls[name] = f"wss://localhost:{port}/x"
        callee = await stack.enter_async_context(raw_phone())
        server = stack.enter_context(
            serve(
                tmp_path / "server",
                flow=flow(f"sip:callee@127.0.0.1:{callee.sip_port}", urls),
                settings=TRUNK,
                streams=SETTINGS.format(ca=authority.path),
            )
        )
        callee.server = ("127.0.0.1", server.sip_port)
        caller = await stack.enter_async_context(raw_phone(callee.server))
        before = server.resident_bytes()
        answer, invite = await connect(caller, callee)
        sent = await asyncio.gather(
            caller.speak(answer.rtp_port(), tone(CALLER_HZ, SECONDS)),
            callee.speak(invite.rtp_port(), tone(CALLEE_HZ, SECONDS)),
        )
        grown = server.resident_bytes() - before
        for phone, theirs in ((callee, sent[0]), (caller, sent[1])):
            async with asyncio.timeout(10):
                while len(phone.packets) < theirs - 5:  # noqa: ASYNC110  # what is still in its socket
                    await asyncio.sleep(0.05)
        callee.hang_up(invite)
        assert (await callee.final()).status == 200

        assert caller.missing() == callee.missing() == 0, "the bridge"
        (stream,) = await good.ended()
        assert_frames_are_whole(stream)  # a good far end beside them notices nothing
        assert grown < GROWTH, f"{grown / 1e6:.1f} MB more"
        rows = server.streams()
        wrong = {
            name: (rows[name]["code"], rows[name]["end_reason"], rows[name]["detail"])
            for name, bad in FAR_ENDS.items()
            if rows[name]["code"] != bad.code or rows[name]["end_reason"] not in bad.reasons
        }
        assert not wrong, wrong
        lagging = {name for name, bad in FAR_ENDS.items() if bad.lags}
        told = [row["message"] for row in server.rows("notifications") if row["code"] == AUDIO_DROPPED]
        assert sorted(told) == sorted(f"stream {name}: {READS_TOO_SLOWLY}" for name in lagging)
        # What waits to be sent when a connection is reset is dropped too, by the reset.
        assert {name for name, row in rows.items() if row["ms_dropped"]} - {"resets later"} == lagging
